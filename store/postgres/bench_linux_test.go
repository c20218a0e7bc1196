package postgres_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt"
	"lwbs/store/postgres"
	"lwbs/store/postgres/pgtest"
)

// BenchmarkStore measures what a bootstrap asks of a store, on a PostgreSQL that syncs each commit and on a file, in one
// run: x is how many times as long PostgreSQL takes.
func BenchmarkStore(b *testing.B) {
	server := pgtest.Start(b)
	k := keyring(b)
	pool := server.Fresh(b)
	pool.MaxConns = 16 // as by default
	pg := open(b, pool, k, postgres.Options{})
	defer pg.Close()
	file, err := bolt.Open(filepath.Join(b.TempDir(), "x.db"), k, bolt.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	const devices = 2000
	for _, s := range []store.Store{pg, file} {
		fill(b, s, devices)
	}
	var id atomic.Int64
	began := time.Now()
	for _, m := range []struct {
		name   string
		atOnce int
		do     func(s store.Store, i int) error
	}{
		{"LookUp", 1, func(s store.Store, i int) error {
			_, err := s.DeviceByIdentity(b.Context(), store.CredentialPSK, fmt.Sprint("id-", i%devices))
			return err
		}},
		{"Revisions", 1, func(s store.Store, i int) error {
			_, err := s.Revisions(b.Context(), lwm2m.EndpointName(fmt.Sprint("d-", i%devices)))
			return err
		}},
		{"AppendSession", 64, func(s store.Store, i int) error {
			return s.AppendSession(b.Context(), store.Session{ID: store.SessionIDAt(began.Add(time.Duration(id.Add(1)))), Endpoint: lwm2m.EndpointName(fmt.Sprint("d-", i%devices)), Known: true, Cause: store.CauseDone})
		}},
		{"EndSession", 64, func(s store.Store, i int) error {
			d, err := s.Device(b.Context(), lwm2m.EndpointName(fmt.Sprint("d-", i%devices)))
			if err == nil {
				_, err = s.EndSession(b.Context(), store.Session{ID: store.SessionIDAt(began.Add(time.Duration(id.Add(1)))), Endpoint: d.Endpoint, Known: true, Cause: store.CauseDone}, d)
			}
			return err
		}},
	} {
		b.Run(m.name, func(b *testing.B) {
			onPostgres, onFile := each(b, pg, m.atOnce, m.do), each(b, file, m.atOnce, m.do)
			b.ReportMetric(float64(onPostgres)/float64(onFile), "x")
			b.ReportMetric(float64(onPostgres.Nanoseconds())/float64(b.N), "postgres-ns/op")
			b.ReportMetric(float64(onFile.Nanoseconds())/float64(b.N), "file-ns/op")
		})
	}
}

func fill(b *testing.B, s store.Store, devices int) {
	if _, err := s.PutProfile(b.Context(), store.Profile{Name: "p"}); err != nil {
		b.Fatal(err)
	}
	ds := make([]store.Device, devices)
	for i := range ds {
		ds[i] = store.Device{Endpoint: lwm2m.EndpointName(fmt.Sprint("d-", i)), Profile: "p", Credentials: []store.Credential{{Kind: store.CredentialPSK, Identity: fmt.Sprint("id-", i), Key: lwm2m.NewSecret(make([]byte, 16))}}}
	}
	began := time.Now()
	if _, err := s.PutDevices(b.Context(), ds); err != nil {
		b.Fatal(err)
	}
	b.Logf("%T: %d devices put in %v", s, devices, time.Since(began))
}

// each runs do b.N times, so many at a time, and returns how long that took. No two at a time have the same device.
func each(b *testing.B, s store.Store, atOnce int, do func(store.Store, int) error) time.Duration {
	b.Helper()
	var wg sync.WaitGroup
	began := time.Now()
	for w := range atOnce {
		wg.Go(func() {
			for i := w; i < b.N; i += atOnce {
				if err := do(s, i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return time.Since(began)
}
