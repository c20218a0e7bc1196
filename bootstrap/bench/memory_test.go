//go:build linux

package bench_test

import (
	"testing"
	"time"
)

const (
	waitingSize   = 10_000
	waitingMemory = 50 // KiB for each
	settling      = 5 * time.Second
)

// What the server holds for each of many devices that have shaken hands and ask for
// nothing yet.
func BenchmarkMemoryWaiting(b *testing.B) {
	for b.Loop() {
		s := startServer(b)
		newField(b, s.coaps, psk(waitingSize, 500), weather{}).run(orderly).complete(b) // warms up
		<-time.After(settling)                                                          // their associations end
		before := s.usage(b)
		fleet := psk(0, waitingSize)
		for _, d := range fleet {
			d.mute = true
		}
		newField(b, s.coaps, fleet, weather{}).run(orderly).complete(b)
		<-time.After(settling)
		each := float64(s.usage(b).memory-before.memory) / waitingSize / (1 << 10)
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(each/waitingMemory, "x-target")
		verdict{"10,000 waiting DTLS associations, resident memory of each", each, waitingMemory, "KiB"}.report(b, "KiB/association")
	}
}
