package coaptest

import (
	"runtime"
	"testing"
)

// A Footprint is what a process holds after a collection.
type Footprint struct{ heap, stack, goroutines float64 }

// Measure collects garbage and returns what is left.
func Measure() Footprint {
	runtime.GC()
	runtime.GC() // the first only drops what is in pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return Footprint{float64(m.HeapAlloc), float64(m.StackInuse), float64(runtime.NumGoroutine())}
}

// ReportPer reports what was added since before, for each of n.
func ReportPer(b *testing.B, before Footprint, n float64) {
	after := Measure()
	b.ReportMetric((after.heap-before.heap)/n, "heap-B/assoc")
	b.ReportMetric((after.stack-before.stack)/n, "stack-B/assoc")
	b.ReportMetric((after.goroutines-before.goroutines)/n, "goroutines/assoc")
}
