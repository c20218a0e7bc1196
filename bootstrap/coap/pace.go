package coap

import (
	"math"
	"runtime/metrics"
	"sync"
	"time"
)

const (
	// slow is how long a goroutine waits for a processor where there is more to do than
	// the processors can: otherwise it is microseconds.
	slow = 10 * time.Millisecond

	// slowShare is how many of a hundred goroutines wait for that long where the work is
	// slow. A few always do, such as during garbage collection.
	slowShare = 2

	// paceEvery is how often the pace is looked at.
	paceEvery = 25 * time.Millisecond

	// alwaysUnderWay is how many handshakes and requests of peers with DTLS may be under way
	// however slow it all is. With a few only, most would wait for the disk; many take
	// memory that the garbage collector goes through again and again.
	alwaysUnderWay = 256

	// alwaysAttended is the same for requests over plain CoAP, which take a tenth of it.
	alwaysAttended = 2048
)

// schedLatencies is how long goroutines waited, as the Go runtime counts it.
const schedLatencies = "/sched/latencies:seconds"

// A pace is how fast the work of this process goes. When a fleet comes back at once it
// tells how many handshakes and sessions there are power and not just memory for: each
// needs the same work, and the more of them share the processors the later all of them are
// done, while their peers repeat what was not lost. Peers far away, who wait for the
// network, do not slow it down. The zero pace is ready. Its methods may be called
// concurrently.
type pace struct {
	mu     sync.Mutex
	next   time.Time // guarded by mu; when to look again
	late   bool      // guarded by mu; at the last look
	counts []uint64  // guarded by mu; what the runtime had counted at the last look
}

// slow reports whether the work goes slowly.
func (p *pace) slow() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := time.Now(); now.After(p.next) {
		sample := []metrics.Sample{{Name: schedLatencies}}
		metrics.Read(sample)
		p.look(sample[0].Value.Float64Histogram())
		p.next = now.Add(paceEvery)
	}
	return p.late
}

// look compares what the runtime has counted with what it had at the last look. The caller
// holds mu.
func (p *pace) look(h *metrics.Float64Histogram) {
	var all, late uint64
	first := len(p.counts) == 0
	if first {
		p.counts = make([]uint64, len(h.Counts))
	}
	for i, n := range h.Counts {
		d := n - p.counts[i]
		all += d
		if !math.IsInf(h.Buckets[i], -1) && h.Buckets[i] >= slow.Seconds() {
			late += d
		}
	}
	copy(p.counts, h.Counts)
	p.late = !first && late*100 > all*slowShare
}
