package admission

import (
	"math"
	"runtime/metrics"
	"sync"
	"time"
)

const (
	// slowSchedule is how long a runnable goroutine waits for a CPU during overload; otherwise it
	// waits for microseconds.
	slowSchedule = 10 * time.Millisecond

	// slowPercent is the share of goroutines that wait for so long during overload. A few always
	// do, such as during garbage collection.
	slowPercent = 2

	// sampleEvery is how often the load is sampled.
	sampleEvery = 25 * time.Millisecond

	// MinSessions is how many handshakes and requests over DTLS may be under way whatever the
	// overload. With fewer, most would wait for the disk; more take memory that the garbage
	// collector scans again and again.
	MinSessions = 256

	// minRequests is the same for requests over plain CoAP, which take a tenth of the memory.
	minRequests = 2048
)

// schedLatencies is the metric of the Go runtime for how long runnable goroutines waited.
const schedLatencies = "/sched/latencies:seconds"

// A LoadMonitor reports whether this process has more to do than CPU capacity. When a fleet comes back at
// once, the more handshakes and sessions share the CPUs, the later all of them end, and clients retransmit
// what was not lost. So the number under way follows the CPU capacity, not the memory. Peers that are far
// away and wait for the network are no load. The zero LoadMonitor is ready. Its methods may be called
// concurrently.
type LoadMonitor struct {
	mu           sync.Mutex
	next         time.Time // guarded by mu; when to sample again
	isOverloaded bool      // guarded by mu; by the last sample
	counts       []uint64  // guarded by mu; what the runtime had counted then
}

// Overloaded reports whether there is more to do than CPU capacity, as of the last 25 ms.
func (m *LoadMonitor) Overloaded() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now := time.Now(); now.After(m.next) {
		sample := []metrics.Sample{{Name: schedLatencies}}
		metrics.Read(sample)
		m.sample(sample[0].Value.Float64Histogram())
		m.next = now.Add(sampleEvery)
	}
	return m.isOverloaded
}

// sample compares what the runtime has counted with what it had counted at the last sample. The
// caller holds mu.
func (m *LoadMonitor) sample(h *metrics.Float64Histogram) {
	var all, late uint64
	first := len(m.counts) == 0
	if first {
		m.counts = make([]uint64, len(h.Counts))
	}
	for i, n := range h.Counts {
		d := n - m.counts[i]
		all += d
		if !math.IsInf(h.Buckets[i], -1) && h.Buckets[i] >= slowSchedule.Seconds() {
			late += d
		}
	}
	copy(m.counts, h.Counts)
	m.isOverloaded = !first && late*100 > all*slowPercent
}
