//go:build linux

package bench_test

import (
	"testing"
	"time"
)

// stormSize is how many devices come back from a power cut at the same moment.
const stormSize = 10_000

// orderly is how as many devices come that do not get in each other's way: the baseline
// of a storm, as it tells what the work alone takes on this machine.
var orderly = arrival{atATime: 16, patience: time.Minute}

func BenchmarkStormPSK(b *testing.B)   { benchmarkStorm(b, psk, true, 6) }
func BenchmarkStormNoSec(b *testing.B) { benchmarkStorm(b, noSec, false, 2) }

// benchmarkStorm starts all devices at once. limit is how many seconds the last of a
// hundred may take.
func benchmarkStorm(b *testing.B, devices func(first, n int) []*device, secure bool, limit float64) {
	for b.Loop() {
		s := startServer(b)
		to, name := s.coap, "NoSec"
		if secure {
			to, name = s.coaps, "PSK"
		}
		const calm = stormSize / 4
		before := newField(b, to, devices(stormSize, calm), weather{}).run(orderly)
		before.complete(b)
		unhurried := before.took.Seconds() / calm * stormSize

		used, highest := s.usage(b), s.watchMemory(b)
		fleet := devices(0, stormSize)
		storm := newField(b, to, fleet, weather{}).run(arrival{patience: 2 * time.Minute})
		cpu := s.usage(b).cpu - used.cpu
		memory := highest() - used.memory
		storm.complete(b)
		s.agrees(b, fleet)

		b.ReportMetric(0, "ns/op")
		b.ReportMetric(storm.took.Seconds()/unhurried, "x-orderly")
		b.ReportMetric(storm.took.Seconds(), "last-s")
		b.ReportMetric(storm.at(0.5).Seconds(), "p50-s")
		b.ReportMetric(float64(cpu.Microseconds())/stormSize, "server-us/device")
		b.ReportMetric(float64(memory)/(1<<20), "MiB")
		b.ReportMetric(float64(storm.repeats)/stormSize, "repeats/device")
		b.ReportMetric(float64(storm.attempts)/stormSize, "attempts/device")
		verdict{"storm of 10,000 " + name + " devices, p99", storm.at(0.99).Seconds(), limit, "s"}.report(b, "p99-s")
	}
}
