//go:build linux

package bench_test

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"
)

// An arrival is how devices come.
type arrival struct {
	every    time.Duration // from one to the next; 0: at once
	atATime  int           // the next comes when one is done; 0: no limit
	lasting  time.Duration // no device begins after it; 0: all begin
	patience time.Duration // for the last one, from the first
}

// Weather is what happens to datagrams: the share that is lost, never two of a device in
// a row in one direction, and of the others the share that comes twice. Without that
// limit CoAP itself gives up on one in thirty requests at a loss of 30 %: all five
// transmissions, or the answers to them, are lost.
type weather struct{ loss, duplication float64 }

// chance is how probable it is that a datagram is lost that may be, for the share to
// come out as it should.
func (w weather) chance() float64 { return w.loss / (1 - w.loss) }

// A way is one direction between a device and the server.
type way struct{ lost bool }

// copies is how many of the next datagram arrive.
func (y *way) copies(w weather, r *rand.Rand) int {
	switch {
	case w == weather{}:
		return 1
	case !y.lost && r.Float64() < w.chance():
		y.lost = true
		return 0
	}
	y.lost = false
	if r.Float64() < w.duplication {
		return 2
	}
	return 1
}

// How devices are spread: as many in one network as a carrier might put there, and as
// many goroutines as processors.
const (
	devicesPerNet = 40
	gateways      = 2
)

// place is the address of the device with number i, in a /24 with some others.
func place(i int) netip.Addr {
	network := i / devicesPerNet
	return netip.AddrFrom4([4]byte{127, byte(16 + network>>8), byte(network), byte(1 + i%devicesPerNet)})
}

// A field is where devices are that go to one server. They stay when they are done, for
// the server repeats what it has no answer to, and every answer may be lost on its way:
// [field.leave] ends that.
type field struct {
	b        testing.TB
	gateways []*gateway
	running  sync.WaitGroup
}

// newField puts devices into a field, which they leave with the benchmark.
func newField(b testing.TB, to netip.AddrPort, devices []*device, w weather) *field {
	b.Helper()
	f := &field{b: b}
	b.Cleanup(f.leave)
	for i := range gateways {
		g, err := newGateway(to, w, uint64(i))
		if err != nil {
			b.Fatal(err)
		}
		f.gateways = append(f.gateways, g)
	}
	for i, d := range devices {
		f.gateways[i%gateways].add(d)
	}
	return f
}

// run lets the devices come as a says, once, and returns how it went when the last of
// them is done.
func (f *field) run(a arrival) outcome {
	f.b.Helper()
	a.every *= gateways
	a.atATime = (a.atATime + gateways - 1) / gateways
	began, parts := time.Now(), make(chan outcome)
	for _, g := range f.gateways {
		f.running.Go(func() { g.run(a, began, parts) })
	}
	var o outcome
	for range f.gateways {
		o.add(<-parts)
	}
	slices.Sort(o.latencies)
	return o
}

// leave takes the devices away. From then on they belong to no one else.
func (f *field) leave() {
	for _, g := range f.gateways {
		g.left.Store(true)
	}
	f.running.Wait()
	for _, g := range f.gateways {
		g.socket.Close()
	}
}

// devices are all that were put there. Before they leave they are their gateways'.
func (f *field) devices() iter.Seq[*device] {
	return func(yield func(*device) bool) {
		for _, g := range f.gateways {
			for _, d := range g.devices {
				if !yield(d) {
					return
				}
			}
		}
	}
}

// An outcome is how it went.
type outcome struct {
	latencies  []time.Duration // of the devices that are done, sorted
	took       time.Duration   // from the first to the last
	unfinished int
	failures   []string // of those, some
	attempts   int
	repeats    int
}

// outcome is how it went until now.
func (g *gateway) outcome(began time.Time) (o outcome) {
	for _, d := range g.devices {
		o.attempts += d.attempts
		o.repeats += d.repeats
		switch {
		case d.phase == done:
			o.latencies = append(o.latencies, d.ended.Sub(d.started))
			o.took = max(o.took, d.ended.Sub(began))
		case d.attempts > 0:
			o.unfinished++
			if len(o.failures) < 5 {
				o.failures = append(o.failures, fmt.Sprintf("%s is %v, attempt %d: %v", d.name, d.phase, d.attempts, d.failure))
			}
		}
	}
	return o
}

func (o *outcome) add(part outcome) {
	o.latencies = append(o.latencies, part.latencies...)
	o.took = max(o.took, part.took)
	o.unfinished += part.unfinished
	o.failures = append(o.failures, part.failures...)
	o.attempts += part.attempts
	o.repeats += part.repeats
}

// at is the latency that a share of the devices stays within, such as 0.99.
func (o outcome) at(share float64) time.Duration {
	if len(o.latencies) == 0 {
		return 0
	}
	return o.latencies[min(len(o.latencies)-1, int(share*float64(len(o.latencies))))]
}

// complete fails the benchmark where a device is lost.
func (o outcome) complete(b testing.TB) {
	b.Helper()
	if o.unfinished > 0 || len(o.latencies) == 0 {
		b.Fatalf("%d devices are done and %d are not: %v", len(o.latencies), o.unfinished, o.failures)
	}
}
