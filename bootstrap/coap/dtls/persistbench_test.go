package dtls

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap/coaptest"
	"lwbs/bootstrap/coap/dtls/kept"
	"lwbs/bootstrap/coap/dtls/pion"
	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt"
	"lwbs/store/seal"
)

// A boltKeeper is a [kept.Keeper] in a database.
type boltKeeper struct{ *bolt.DB }

func (k boltKeeper) Resume(ctx context.Context) error {
	_, _, err := k.ResumeAssociations(ctx)
	return err
}

func (k boltKeeper) Keep(ctx context.Context, put []kept.Association, ended []kept.Key) error {
	rows, keys := make([]store.Association, len(put)), make([]store.AssociationKey, len(ended))
	for i, a := range put {
		rows[i] = store.Association{AssociationKey: store.AssociationKey(a.Key), State: a.State}
	}
	for i, key := range ended {
		keys[i] = store.AssociationKey(key)
	}
	return k.KeepAssociations(ctx, rows, keys)
}

func (k boltKeeper) Kept(ctx context.Context, before kept.Key, limit int) ([]kept.Association, error) {
	rows, err := k.Associations(ctx, store.AssociationKey(before), limit)
	page := make([]kept.Association, len(rows))
	for i, a := range rows {
		page[i] = kept.Association{Key: kept.Key(a.AssociationKey), State: a.State}
	}
	return page, err
}

func (k boltKeeper) Void() error { return k.VoidAssociations() }

func newBoltKeeper(b *testing.B) boltKeeper {
	b.Helper()
	keyring, err := seal.NewKeyring()
	if err != nil {
		b.Fatal(err)
	}
	db, err := bolt.Open(filepath.Join(b.TempDir(), "x.db"), keyring, bolt.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	return boltKeeper{db}
}

// startKeeping begins to keep associations, if any are, until the benchmark ends.
func startKeeping(b *testing.B, m *mux) {
	m.persister.start()
	if m.persister != nil {
		b.Cleanup(m.persister.stop)
	}
}

// What it costs that an association begins to hibernate, in memory alone and until it is in
// a database; many at once, as in a storm.
func BenchmarkHibernate(b *testing.B) {
	for _, onDisk := range []bool{false, true} {
		b.Run(fmt.Sprintf("disk=%t", onDisk), func(b *testing.B) {
			var k kept.Keeper
			if onDisk {
				k = newBoltKeeper(b)
			}
			m := newTestMux(b, func(cfg *Config) { cfg.DTLS.Keeper, cfg.DTLS.MaxHibernated = k, 1<<30 })
			startKeeping(b, m)
			b.ReportAllocs()
			b.ResetTimer()
			fillHibernating(m, b.N, false, nil)
			for m.persister.backlog() > 0 {
				time.Sleep(time.Millisecond)
			}
			if n := m.hub.Meter.Unkept.Load(); n > 0 {
				b.Fatalf("%d were not kept", n)
			}
		})
	}
}

// What a device waits for that comes back: a request and its answer, with an association
// that hibernates each time in between.
func BenchmarkComeBack(b *testing.B) {
	for _, onDisk := range []bool{false, true} {
		b.Run(fmt.Sprintf("disk=%t", onDisk), func(b *testing.B) {
			var k kept.Keeper
			if onDisk {
				k = newBoltKeeper(b)
			}
			m := newTestMux(b, func(cfg *Config) {
				cfg.DTLS.Keeper = k
				cfg.Exchange.Handler = coaptest.HandlerFunc(func(_ context.Context, c bootstrap.Conn, _ bootstrap.Request) (bootstrap.Response, func(context.Context)) {
					return bootstrap.Response{Code: lwm2m.CodeChanged}, func(context.Context) { c.Linger(0) }
				})
			})
			m.start()
			if m.persister != nil {
				b.Cleanup(m.persister.stop)
			}
			c, _, err := dialTest(b.Context(), m.socket.Addr().String(), pion.Client{Identity: "device", Key: lwm2m.NewSecret([]byte("key"))})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { c.Close() })
			for b.Loop() {
				if _, err := c.Do(b.Context(), bootstrap.Request{Method: bootstrap.POST, Path: []string{"bs"}}); err != nil {
					b.Fatal(err)
				}
				for m.hibernated() == 0 {
					time.Sleep(10 * time.Microsecond)
				}
			}
			b.ReportMetric(float64(m.hub.Meter.Woken.Load())/float64(b.N), "woken/op")
		})
	}
}

// What it costs to bring associations back.
func BenchmarkRestore(b *testing.B) {
	k := newBoltKeeper(b)
	m := newTestMux(b, func(cfg *Config) { cfg.DTLS.Keeper = k })
	startKeeping(b, m)
	const n = 10_000
	fillHibernating(m, n, true, nil)
	for m.persister.backlog() > 0 {
		time.Sleep(time.Millisecond)
	}
	for b.Loop() {
		again := newTestMux(b, func(cfg *Config) { cfg.DTLS.Keeper = k })
		again.socket = m.socket // which the associations are of
		if err := again.persister.restore(); err != nil || again.hibernated() != n {
			b.Fatal(again.hibernated(), err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/n, "µs/assoc")
}
