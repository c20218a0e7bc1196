package bolt

import (
	"os"
	"strconv"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

// BenchmarkColdOpen opens a database of 100,000 devices, or of LWBS_BENCH_DEVICES, that no
// cache has anything of: as bbolt does by itself, after a crash, and after it was closed in
// order. The first is the baseline, in the same run.
func BenchmarkColdOpen(b *testing.B) {
	devices := 100_000
	if text := os.Getenv("LWBS_BENCH_DEVICES"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			b.Fatal(err)
		}
		devices = n
	}
	file, k := filled(b, devices, 1)
	db, err := Open(file, k, Options{})
	if err != nil {
		b.Fatal(err)
	}
	appendSession(b, db, 1)
	db.degraded.Store(true) // so that it is not closed in order
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
	took := make(map[string]time.Duration)
	measure := func(name string, open func() func() error) {
		cold(b, file)
		began := time.Now()
		end := open()
		took[name] += time.Since(began)
		if err := end(); err != nil {
			b.Fatal(err)
		}
	}
	ours := func() func() error {
		db, err := Open(file, k, Options{})
		if err != nil {
			b.Fatal(err)
		}
		return db.Close
	}
	for b.Loop() {
		measure("bbolt", func() func() error {
			db, err := bbolt.Open(file, 0o600, Options{}.withDefaults().bbolt())
			if err != nil {
				b.Fatal(err)
			}
			if err := db.Update(func(*bbolt.Tx) error { return nil }); err != nil { // then it is not closed in order
				b.Fatal(err)
			}
			return db.Close
		})
		measure("crash", ours)
		measure("order", ours)
	}
	for name, d := range took {
		b.ReportMetric(d.Seconds()/float64(b.N), name+"-s/op")
	}
	b.ReportMetric(took["bbolt"].Seconds()/took["crash"].Seconds(), "x-after-crash")
	b.ReportMetric(took["bbolt"].Seconds()/took["order"].Seconds(), "x-after-order")
}

// cold has the system forget the contents of a file.
func cold(b *testing.B, file string) {
	b.Helper()
	f, err := os.Open(file)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		b.Fatal(err)
	}
}
