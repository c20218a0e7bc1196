//go:build linux

package bench_test

import (
	"net/netip"
	"testing"
	"time"
)

// lossy is a link that loses 30 % and repeats 20 %.
var lossy = weather{loss: 0.3, duplication: 0.2}

// lossSize is how many devices bootstrap over it.
const lossSize = 1000

func BenchmarkLossPSK(b *testing.B) {
	benchmarkLoss(b, "PSK", psk, func(s *server) netip.AddrPort { return s.coaps })
}

func BenchmarkLossNoSec(b *testing.B) {
	benchmarkLoss(b, "NoSec", noSec, func(s *server) netip.AddrPort { return s.coap })
}

// benchmarkLoss bootstraps devices over a bad link.
func benchmarkLoss(b *testing.B, name string, devices func(first, n int) []*device, to func(*server) netip.AddrPort) {
	for b.Loop() {
		s := startServer(b)
		calm := newField(b, to(s), devices(lossSize, lossSize), weather{}).run(arrival{every: 2 * time.Millisecond, patience: time.Minute})
		calm.complete(b)
		field := newField(b, to(s), devices(0, lossSize), lossy)
		bad := field.run(arrival{every: 2 * time.Millisecond, patience: 8 * time.Minute})
		bad.complete(b)
		s.agrees(b, field)

		b.ReportMetric(0, "ns/op")
		b.ReportMetric(bad.at(0.5).Seconds(), "p50-s")
		b.ReportMetric(bad.at(0.99).Seconds(), "p99-s")
		b.ReportMetric(bad.at(0.5).Seconds()/calm.at(0.5).Seconds(), "x-calm")
		b.ReportMetric(float64(bad.repeats)/lossSize, "repeats/device")
		b.ReportMetric(float64(bad.attempts)/lossSize, "attempts/device")
		verdict{"1,000 " + name + " bootstraps at 30 % loss and 20 % duplication, not done well", float64(bad.unfinished), 0, "devices"}.report(b, "lost")
	}
}
