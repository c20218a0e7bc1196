package bolt

import (
	"io"
	"math"
	"os"
	"strconv"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"lwbs/store"
)

// BenchmarkColdOpen opens a database of 100,000 devices with one session each, or of
// LWBS_BENCH_DEVICES with LWBS_BENCH_SESSIONS each, that no cache has anything of, until a device
// is served: as bbolt does by itself; after a crash, where the file is read before it is served
// ("whole") and while it is ("crash"); and after it was closed in order. The baseline, in the same
// run, is to read the file once from its beginning to its end.
func BenchmarkColdOpen(b *testing.B) {
	file, k := filled(b, benchNumber(b, "LWBS_BENCH_DEVICES", 100_000), benchNumber(b, "LWBS_BENCH_SESSIONS", 1))
	db, err := Open(file, k, Options{})
	if err != nil {
		b.Fatal(err)
	}
	appendSession(b, db, 1)
	db.file.Internals().Degrade(true) // so that it is not closed in order
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
	ours := func(opts Options, closed bool) func() func() error {
		return func() func() error {
			db, err := Open(file, k, opts)
			if err == nil {
				_, err = db.DeviceByIdentity(b.Context(), store.CredentialPSK, "urn:imei:000000000000007")
			}
			if err != nil || db.file.Internals().ClosedInOrder() != closed {
				b.Fatalf("closed in order %v, error %v", db.file.Internals().ClosedInOrder(), err)
			}
			return db.Close
		}
	}
	for b.Loop() {
		measure("read", func() func() error {
			f, err := os.Open(file)
			if err == nil {
				_, err = io.CopyBuffer(io.Discard, struct{ io.Reader }{f}, make([]byte, 1<<20))
			}
			if err != nil {
				b.Fatal(err)
			}
			return f.Close
		})
		measure("bbolt", func() func() error {
			db, err := bbolt.Open(file, 0o600, &bbolt.Options{FreelistType: bbolt.FreelistMapType, NoFreelistSync: true, InitialMmapSize: 1 << 30})
			if err != nil {
				b.Fatal(err)
			}
			if err := db.Update(func(*bbolt.Tx) error { return nil }); err != nil { // then it is not closed in order
				b.Fatal(err)
			}
			return db.Close
		})
		measure("crash", ours(Options{surveyAtOnce: 1}, false)) // and is closed before all is read, so not in order
		measure("whole", ours(Options{surveyAtOnce: math.MaxInt64}, false))
		measure("order", ours(Options{}, true))
	}
	for name, d := range took {
		b.ReportMetric(d.Seconds()/float64(b.N), name+"-s/op")
	}
	for _, name := range []string{"bbolt", "whole", "crash", "order"} {
		b.ReportMetric(took[name].Seconds()/took["read"].Seconds(), "x-read-"+name)
	}
	info, err := os.Stat(file)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(info.Size())/(1<<20), "MiB")
}

// benchNumber is a number from the environment, or what there is without.
func benchNumber(b *testing.B, name string, byDefault int) int {
	text := os.Getenv(name)
	if text == "" {
		return byDefault
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		b.Fatalf("%s=%q is not a number from 0", name, text)
	}
	return n
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
