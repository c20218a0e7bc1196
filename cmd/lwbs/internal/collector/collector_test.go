package collector

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestCollectorPercent(t *testing.T) {
	for live, want := range map[uint64]int{
		0: 400, 1 << 20: 400, 16 << 20: 400, 32 << 20: 400, 64 << 20: 200, 128 << 20: 100, 256 << 20: 50, 1 << 40: 50,
	} {
		if got := percentFor(live); got != want {
			t.Errorf("beside %d MiB: %d %%, want %d %%", live>>20, got, want)
		}
	}
}

// Collections adapt the percentage, until GOGC says that they must not.
func TestTuneCollector(t *testing.T) {
	before := debug.SetGCPercent(100)
	defer debug.SetGCPercent(before)
	t.Setenv("GOGC", "100")
	Tune()
	if now := debug.SetGCPercent(100); now != 100 {
		t.Fatalf("GOGC=100, and the percentage is %d", now)
	}

	t.Setenv("GOGC", "")
	Tune()
	held := make([]byte, 200<<20)
	want := percentFor(uint64(len(held)))
	deadline := time.After(time.Minute)
	for now := maxPercent + 1; now > want || now < minPercent; now = debug.SetGCPercent(maxPercent) {
		collected := make(chan struct{})
		runtime.SetFinalizer(new(sentinel), func(*sentinel) { close(collected) })
		runtime.GC()
		select {
		case <-collected: // which may be before the finalizer of Tune, or after it
		case <-deadline:
			t.Fatalf("beside 200 MiB the percentage is %d, want at most %d", now, want)
		}
	}
	runtime.KeepAlive(held)
}
