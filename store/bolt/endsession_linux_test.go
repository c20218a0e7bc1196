package bolt

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
)

// BenchmarkEndSession ends sessions of 50,000 devices in turn, as many at a time as a server does, in histories
// that grow and in such that are full. For a session it prints how often something of the history is put or deleted, how many
// pages of the file are written, the device among them, and the processor time; and how many sessions are in a transaction.
func BenchmarkEndSession(b *testing.B) {
	for _, c := range []struct {
		name    string
		perTime int
		full    bool
	}{{"growing/50", 50, false}, {"full/50", 50, true}, {"full/500", 500, true}} {
		b.Run(c.name, func(b *testing.B) { benchmarkEndSession(b, c.perTime, c.full) })
	}
}

func benchmarkEndSession(b *testing.B, atATime int, full bool) {
	const devices = 50_000
	opts := Options{}
	sessions := 0
	if full {
		opts.SessionsPerDevice, sessions = 3, 3
	}
	file, k := filled(b, devices, sessions)
	db, err := Open(file, k, opts)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	var turn atomic.Int64
	end := func() error {
		i := turn.Add(1)
		return endSession(b, db, fmt.Sprintf("urn:imei:%015d", i*7919%devices), fmt.Sprintf("1%015d", i))
	}
	puts := 0
	err = db.edit(b.Context(), func(tx *transaction) (refused, failed error) {
		before := tx.writes
		s := sessionOf("urn:imei:000000000000000", "1")
		row, err := encodeSession(s)
		if err != nil {
			return nil, err
		}
		refused, failed = db.appendSession(tx, s, row)
		puts = tx.writes - before
		return nil, errors.Join(refused, failed)
	})
	if err != nil {
		b.Fatal(err)
	}
	stats := func() (pages, transactions float64) {
		s := db.file.Internals().DB().Stats()
		err := db.look(func(tx *transaction) error {
			transactions = float64(tx.ID())
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		return float64(s.TxStats.GetPageAlloc()) / float64(db.file.Internals().PageSize()), transactions
	}
	pages, transactions := stats()
	cpu, n := processorTime(), 0
	b.ResetTimer()
	for b.Loop() { // a thousand sessions
		n += 1000
		var left atomic.Int64
		left.Store(1000)
		var all sync.WaitGroup
		for range atATime {
			all.Go(func() {
				for left.Add(-1) >= 0 {
					if err := end(); err != nil {
						b.Error(err)
					}
				}
			})
		}
		all.Wait()
	}
	cpu = processorTime() - cpu
	pagesThen, transactionsThen := stats()
	b.ReportMetric(float64(puts), "puts/session")
	b.ReportMetric((pagesThen-pages)/float64(n), "pages/session")
	b.ReportMetric(float64(n)/(transactionsThen-transactions), "sessions/transaction")
	b.ReportMetric(float64(cpu.Microseconds())/float64(n), "cpu-us/session")
}

func sessionOf(ep, id string) store.Session {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678901234, time.UTC)
	s := store.Session{
		ID: id, Endpoint: lwm2m.EndpointName(ep), Known: true, Proof: store.ProofIdentity, Started: at, Ended: at.Add(time.Second), Remote: "192.0.2.1:5684", Transport: store.TransportDTLS,
		Identity: ep, Profile: "p", ProfileRevision: 1, DeviceRevision: 1, Stage: store.StageDone, Cause: store.CauseDone, Links: "</1/0>,</0/1>,</3/0>,</0/0>;bs",
	}
	for range 5 {
		s.Operations = append(s.Operations, store.Operation{Op: lwm2m.OpWrite, Path: lwm2m.InstancePath(1, 1), Format: lwm2m.FormatTLV, Bytes: 100, Code: lwm2m.CodeChanged, Took: 12345678, Transmissions: 1})
	}
	return s
}

// endSession ends a session as a server does: it has read the record of the device before.
func endSession(b *testing.B, db *DB, ep, id string) error {
	d, err := db.Device(b.Context(), lwm2m.EndpointName(ep))
	if err != nil {
		return err
	}
	d.Holds = store.Holding{Profile: "p", Revision: 1, Content: "content", Since: time.Unix(1, 0).UTC()}
	_, err = db.EndSession(b.Context(), sessionOf(ep, id), d)
	return err
}

func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
