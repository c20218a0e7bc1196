//go:build unix

package content_test

import (
	"syscall"
	"testing"
)

// cpuTime begins to measure how long a benchmark occupies a processor, which other work
// on the machine changes less than the time on the clock. What it returns reports it.
func cpuTime(b *testing.B) (report func()) {
	used := func() int64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return u.Utime.Nano() + u.Stime.Nano()
	}
	before := used()
	return func() { b.ReportMetric(float64(used()-before)/float64(b.N), "cpu-ns/op") }
}
