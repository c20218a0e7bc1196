//go:build linux

package bench_test

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap"
	"lwbs/store"
	"lwbs/store/bolt"
	"lwbs/store/seal"
)

// The devices of the benchmarks bootstrap as others do, and both sides say so.
func TestLeanDevices(t *testing.T) {
	for name, devices := range map[string]func(first, n int) []*device{"PSK": psk, "NoSec": noSec} {
		t.Run(name, func(t *testing.T) {
			const n = 20
			ended, coaps, nosec := serveHere(t, n)
			to := nosec
			if name == "PSK" {
				to = coaps
			}
			o := newField(t, to, devices(0, n), weather{}).run(arrival{patience: 10 * time.Second})
			o.complete(t)
			if len(o.latencies) != n || o.attempts != n {
				t.Errorf("%d devices are done after %d attempts", len(o.latencies), o.attempts)
			}
			allEnd(t, ended, n)
		})
	}
}

// A device whose answer to Finish is lost is still there when the server repeats itself.
func TestDevicesStay(t *testing.T) {
	ended, _, nosec := serveHere(t, 1)
	f := newField(t, nosec, noSec(0, 1), weather{})
	for d := range f.devices() {
		send, answers := d.send, 0
		d.send = func(b []byte) {
			if d.phase == done {
				answers++
			}
			if answers != 1 {
				send(b)
			}
		}
	}
	f.run(arrival{patience: 10 * time.Second}).complete(t)
	allEnd(t, ended, 1)
}

// allEnd fails the test unless n sessions end well.
func allEnd(t *testing.T, ended <-chan store.Cause, n int) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for range n {
		select {
		case cause := <-ended:
			if cause != store.CauseDone {
				t.Errorf("a session ended as %s", cause)
			}
		case <-deadline:
			t.Fatal("the server does not know of all of them")
		}
	}
}

// serveHere starts a server in this process that knows n devices, and tells how their
// sessions ended.
func serveHere(t *testing.T, n int) (ended <-chan store.Cause, coaps, nosec netip.AddrPort) {
	t.Helper()
	leaks := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, leaks) })
	keyring, err := seal.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	db, err := bolt.Open(filepath.Join(t.TempDir(), "lwbs.db"), keyring, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if _, err := db.PutProfile(t.Context(), metered); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if err := put(db, i); err != nil {
			t.Fatal(err)
		}
	}
	causes := make(chan store.Cause, n)
	server, err := bootstrap.NewServer(bootstrap.Config{Store: db, Observe: func(e bootstrap.Event) {
		if e.Kind == bootstrap.EventEnded {
			causes <- e.Session.Cause
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	cfg := coap.Config{Handler: server, PSK: server.PSK}
	var at [2]netip.AddrPort
	for i, listen := range []func(string, coap.Config) (*coap.Listener, error){coap.ListenDTLS, coap.ListenUDP} {
		l, err := listen("127.0.0.1:0", cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		at[i] = l.Addr()
	}
	t.Cleanup(func() { server.Close() })
	return causes, at[0], at[1]
}

// The weather is as bad as it says, and never loses two in a row.
func TestWeather(t *testing.T) {
	const n = 100_000
	r := rand.New(rand.NewPCG(1, 2))
	var y way
	var counts [3]int
	before := 1
	for range n {
		c := y.copies(lossy, r)
		if c == 0 && before == 0 {
			t.Fatal("two in a row are lost")
		}
		counts[c]++
		before = c
	}
	share := func(name string, got, of int, want float64) {
		if is := float64(got) / float64(of); math.Abs(is-want) > 0.01 {
			t.Errorf("%s: %.3f, want %.3f", name, is, want)
		}
	}
	share("lost", counts[0], n, lossy.loss)
	share("twice, of those that arrive", counts[2], n-counts[0], lossy.duplication)
}

func TestUsage(t *testing.T) {
	held := make([]byte, 32<<20)
	for i := range held {
		held[i] = 1
	}
	began := time.Now()
	for time.Since(began) < 50*time.Millisecond { // of processor time, at 10 ms each
		held[0]++
	}
	u, err := usageOf(os.Getpid())
	if err != nil || u.memory < 32<<20 || u.cpu <= 0 {
		t.Errorf("usage = %+v, error %v", u, err)
	}
	if busy, err := busyTime(); err != nil || busy < u.cpu {
		t.Errorf("all processors were busy for %v, error %v; this process for %v", busy, err, u.cpu)
	}
	if int(held[1]) != 1 {
		t.Error("the memory is not what it was")
	}
}
