//go:build linux

package bench_test

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"lwbs/bootstrap/fleet"
)

// How much BenchmarkPeers does.
const (
	peersAtATime = 50
	peerRounds   = 4
)

// peerWarmUp is how many devices each server serves first, which are counted apart: a JVM compiles meanwhile.
func peerWarmUp() int { return shorter(10_000) }

// shorter is n, or a part of it: one of as many as LWBS_BENCH_PARTS says, or one of 20 with -short, which says nothing of
// any server.
func shorter(n int) int {
	parts, err := strconv.Atoi(os.Getenv("LWBS_BENCH_PARTS"))
	switch {
	case err == nil && parts > 0:
		return max(peersAtATime, n/parts)
	case testing.Short():
		return n / 20
	}
	return n
}

// A load is a kind of device, and how many of them make a round.
type load struct {
	name    string
	secure  bool
	first   int // device of the population
	each    int // devices of a round
	devices func(first, n int) []fleet.Device

	// targets are what lwbs is to reach, as a share of what another server does for a second of processor time.
	targets map[string]float64
}

// The servers of the comparison, as the table calls them.
const (
	lwbsName   = "lwbs"
	leshanName = "Leshan 1.5.0"
	goCoAPName = "go-coap"
	pionName   = "bare pion"
	rawUDPName = "raw UDP"
)

// BenchmarkPeers plays the same devices against lwbs and others in turn, each with a socket and a handshake of its own,
// and compares how many are served for a second of processor time of the server. Leshan is a Bootstrap-Server too. The
// others are yardsticks: they answer as many requests as a bootstrap has, and do nothing else.
func BenchmarkPeers(b *testing.B) {
	for b.Loop() {
		p := startPeers(b)
		exchanges := p.countExchanges(b)
		fmt.Printf("a bootstrap has %d exchanges over plain CoAP; the yardsticks answer as many\n", exchanges)
		for _, l := range p.loads() {
			compare(b, p, l, exchanges)
		}
		for _, l := range p.loads() {
			if l.name != "X.509" {
				p.storm(b, l)
			}
		}
		b.ReportMetric(0, "ns/op")
	}
}

// A sample is what a server spent on the devices of a round.
type sample struct {
	perSecond float64 // devices for a second of its processor time
}

// compare lets the servers have the load in turn, and prints a table.
func compare(b *testing.B, p *peers, l load, exchanges int) {
	b.Helper()
	results := make(map[string][]sample)
	var names []string
	next := l.first
	for _, s := range p.servers {
		if s.addr(l.secure) == "" || l.name == "X.509" && !s.certificates {
			continue
		}
		names = append(names, s.name)
		if l.name != "X.509" {
			first := s.play(b, l, next, peerWarmUp(), exchanges)
			fmt.Printf("%s, first %d: %s serves %.0f for a CPU second\n", l.name, peerWarmUp(), s.name, first.perSecond)
			results["first "+s.name] = []sample{first}
		}
	}
	next += peerWarmUp()
	for range peerRounds {
		for _, s := range p.servers {
			if slices.Contains(names, s.name) {
				results[s.name] = append(results[s.name], s.play(b, l, next, l.each, exchanges))
			}
		}
		next += l.each
	}
	own := median(results[lwbsName])
	fmt.Printf("\n%s, %d rounds of %d devices, %d at a time: devices for a second of the server's processor time\n", l.name, peerRounds, l.each, peersAtATime)
	for _, name := range names {
		all := results[name]
		slices.SortFunc(all, func(a, b sample) int { return int(a.perSecond - b.perSecond) })
		fmt.Printf("  %-14s %7.0f  (%.0f to %.0f)   lwbs is %.2f of it\n", name, median(all), all[0].perSecond, all[len(all)-1].perSecond, own/median(all))
		if target, ok := l.targets[name]; ok && name != lwbsName {
			metric := strings.ReplaceAll(l.name+"-of-"+name, " ", "-")
			atLeast{fmt.Sprintf("%s, lwbs in proportion to %s", l.name, name), own / median(all), target}.report(b, metric)
		}
	}
	if l.name == "PSK" && results["first "+leshanName] != nil {
		ratio := median(results["first "+lwbsName]) / median(results["first "+leshanName])
		atLeast{fmt.Sprintf("first %d PSK, lwbs in proportion to %s", peerWarmUp(), leshanName), ratio, 3}.report(b, "first-PSK-of-Leshan")
	}
	fmt.Println()
}

func median(all []sample) float64 {
	if len(all) == 0 {
		return 0
	}
	values := make([]float64, len(all))
	for i, s := range all {
		values[i] = s.perSecond
	}
	slices.Sort(values)
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}

// storm lets all devices come at once, to each Bootstrap-Server.
func (p *peers) storm(b *testing.B, l load) {
	b.Helper()
	size := shorter(10_000)
	p99 := make(map[string]float64)
	for _, s := range p.servers {
		if s.yardstick || s.addr(l.secure) == "" {
			continue
		}
		r := s.fleet(b, l, l.first+peerWarmUp()+peerRounds*l.each, size, fleet.Arrival{})
		p99[s.name] = r.Latency.P99.Seconds()
		fmt.Printf("storm of %d %s: %s serves %d, p50 %.1f s, p99 %.1f s, %.0f for a CPU second, at most %d MiB\n", size, l.name, s.name,
			r.Done, r.Latency.P50.Seconds(), r.Latency.P99.Seconds(), float64(r.Done)/r.Server.CPU.Seconds(), r.Server.MaxMemory>>20)
		if s.name == lwbsName && r.Done < size {
			b.Errorf("%d of %d are not served: %+v", size-r.Done, size, r.Causes)
		}
	}
	if other := p99[leshanName]; other > 0 {
		target := map[string]float64{"PSK": 0.6, "NoSec": 0.5}[l.name]
		verdict{fmt.Sprintf("storm of %d %s, p99 in proportion to %s", size, l.name, leshanName), p99[lwbsName] / other, target, ""}.report(b, "storm-"+l.name+"-of-Leshan")
	}
}

// atLeast is a verdict on a figure that is better the higher it is.
type atLeast struct {
	figure        string
	value, target float64
}

func (v atLeast) String() string {
	how := "reached"
	if v.value < v.target {
		how = "NOT REACHED"
	}
	return fmt.Sprintf("%s: %s %.2f, target at least %g", how, v.figure, v.value, v.target)
}

func (v atLeast) report(b *testing.B, metric string) {
	b.ReportMetric(v.value, metric)
	verdicts.add(v)
}
