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

		others := watchOthers(b, s)
		used, highest := s.usage(b), s.watchMemory(b)
		field := newField(b, to, devices(0, stormSize), weather{})
		own := ownUsage(b)
		keep := s.record(b, "storm-"+name, time.Duration(limit/2)*time.Second)
		storm := field.run(arrival{patience: 4 * time.Minute})
		keep()
		cpu, ownCPU := s.usage(b).cpu-used.cpu, ownUsage(b).cpu-own.cpu
		memory := highest() - used.memory
		others.report(b)
		storm.complete(b)
		s.agrees(b, field)

		b.ReportMetric(0, "ns/op")
		b.ReportMetric(storm.took.Seconds()/unhurried, "x-orderly")
		b.ReportMetric(storm.took.Seconds(), "last-s")
		b.ReportMetric(storm.at(0.5).Seconds(), "p50-s")
		b.ReportMetric(float64(cpu.Microseconds())/stormSize, "server-us/device")
		b.ReportMetric(float64(ownCPU.Microseconds())/stormSize, "devices-us/device")
		b.ReportMetric(float64(memory)/(1<<20), "MiB")
		b.ReportMetric(float64(storm.repeats)/stormSize, "repeats/device")
		b.ReportMetric(float64(storm.attempts)/stormSize, "attempts/device")
		verdict{"storm of 10,000 " + name + " devices, p99", storm.at(0.99).Seconds(), limit, "s"}.report(b, "p99-s")
	}
}

// steadySize is how many NoSec devices are under way at any moment.
const steadySize = 500

// steadyRounds is how often each device may come, if there is time: more than five times
// in a minute and it would be taken for one that is broken.
const steadyRounds = 4

// 500 NoSec devices at a time for a minute, each followed by the next.
func BenchmarkSteadyNoSec(b *testing.B) {
	for b.Loop() {
		s := startServer(b)
		alone := newField(b, s.coap, noSec(population-500, 500), weather{}).run(orderly)
		alone.complete(b)
		before, others := s.usage(b), watchOthers(b, s)
		var fleet []*device
		for i := range steadyRounds * (population - 500) {
			d := noSec(i%(population-500), 1)[0]
			d.addr = place(i)
			fleet = append(fleet, d)
		}
		field := newField(b, s.coap, fleet, weather{})
		own := ownUsage(b)
		o := field.run(arrival{atATime: steadySize, lasting: time.Minute, patience: 2 * time.Minute})
		cpu, ownCPU := s.usage(b).cpu-before.cpu, ownUsage(b).cpu-own.cpu
		others.report(b)
		o.complete(b)
		s.agrees(b, field)

		n := float64(len(o.latencies))
		rate := n / o.took.Seconds()
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(n, "bootstraps")
		b.ReportMetric(rate, "bootstraps/s")
		b.ReportMetric(rate/(500/alone.took.Seconds()), "x-orderly-rate")
		b.ReportMetric(float64(cpu.Microseconds())/n, "server-us/device")
		b.ReportMetric(float64(ownCPU.Microseconds())/n, "devices-us/device")
		b.ReportMetric(1e3*o.at(0.99).Seconds(), "p99-ms")
		b.ReportMetric(float64(o.repeats)/n, "repeats/device")
		verdict{"500 NoSec devices at a time for a minute", float64(o.unfinished), 0, "lost"}.report(b, "lost")
	}
}
