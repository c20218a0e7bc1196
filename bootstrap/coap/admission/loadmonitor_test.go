package admission

import (
	"math"
	"runtime"
	"runtime/metrics"
	"sync/atomic"
	"testing"
	"time"
)

// set makes it so, for an hour.
func (p *LoadMonitor) set(late bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.isOverloaded, p.next = late, time.Now().Add(time.Hour)
}

// What counts is how many goroutines have waited long since the last look.
func TestLoadMonitor(t *testing.T) {
	h := &metrics.Float64Histogram{
		Counts:  make([]uint64, 4),
		Buckets: []float64{math.Inf(-1), 0, 0.001, slowSchedule.Seconds(), math.Inf(1)},
	}
	var p LoadMonitor
	for _, tt := range []struct {
		name        string
		quick, late uint64 // goroutines since the last look
		want        bool
	}{
		{"the first look, at all there was", 0, 1000, false},
		{"none", 0, 0, false},
		{"all are quick", 1000, 0, false},
		{"one in a hundred is late", 990, 10, false},
		{"three in a hundred are late", 970, 30, true},
		{"none since", 0, 0, false},
	} {
		h.Counts[1] += tt.quick / 2
		h.Counts[2] += tt.quick - tt.quick/2
		h.Counts[3] += tt.late
		p.sample(h)
		if p.isOverloaded != tt.want {
			t.Errorf("%s: late is %t, want %t", tt.name, p.isOverloaded, tt.want)
		}
	}
}

// The runtime reports when there is more to do than CPU capacity.
func TestLoadMonitorOfThisProcess(t *testing.T) {
	var p LoadMonitor
	if p.Overloaded() {
		t.Fatal("the first look says that it is slow")
	}
	var stop atomic.Bool
	defer stop.Store(true)
	for range 64 * runtime.GOMAXPROCS(0) {
		go func() {
			for !stop.Load() { // takes a whole time slice, and then has to wait for the others
			}
		}()
	}
	for deadline := time.Now().Add(time.Minute); !p.Overloaded(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("sixty-four times as many goroutines as processors are not slow")
		}
	}
}
