// Package collector adapts the garbage collector to what lives on the heap.
package collector

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// How much garbage may pile up before it is collected. A small heap may double several
// times, as a storm of devices leaves more garbage than anything else; a large one, of
// many associations that wait, may grow by a part of itself only.
const (
	garbage    = 128 << 20 // bytes; less beside a heap that is small, more beside one that is large
	maxPercent = 400
	minPercent = 50
)

// Tune adapts the garbage collector to what lives on the heap, after each
// collection from now on. Where GOGC is set in the environment it stays as it is.
func Tune() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(maxPercent)
		watch()
	}
}

// A sentinel is garbage at once, so that its finalizer runs after each collection.
type sentinel struct{ _ *byte }

// watch sets the percentage after the next collection, and then watches again.
func watch() {
	runtime.SetFinalizer(new(sentinel), func(*sentinel) {
		debug.SetGCPercent(percentFor(liveHeap()))
		watch()
	})
}

// liveHeap is how many bytes the last collection left.
func liveHeap() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// percentFor is how much garbage there may be beside a heap, in percent of it.
func percentFor(live uint64) int {
	if live == 0 {
		return maxPercent
	}
	return int(min(maxPercent, max(minPercent, garbage*100/live)))
}
