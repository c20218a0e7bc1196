package coap

import (
	"net/netip"
	"testing"
	"time"
)

// A gateTest is a gate with a clock of its own.
type gateTest struct {
	*testing.T
	*gate
	now time.Time
}

func newGateTest(t *testing.T, perNet, global Rate) *gateTest {
	return &gateTest{t, newGate(StrangerLimits{PerNet: perNet, Global: global}), time.Now()}
}

func (g *gateTest) expect(from string, want DropReason) toll {
	g.Helper()
	paid, got := g.enter(netip.MustParseAddr(from), g.now)
	if got != want {
		g.Fatalf("stranger at %s: %v, want %v", from, got, want)
	}
	return paid
}

// What one network sends holds up that network, and not the others.
func TestGatePerNet(t *testing.T) {
	g := newGateTest(t, Rate{PerSecond: 1, Burst: 2}, Rate{PerSecond: 1, Burst: 100})
	for _, nets := range [][3]string{
		{"192.0.2.1", "192.0.2.200", "192.0.3.1"},
		{"2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1"},
		{"::ffff:198.51.100.1", "198.51.100.2", "203.0.113.1"},
	} {
		g.expect(nets[0], notDropped)
		g.expect(nets[1], notDropped)
		g.expect(nets[0], DropSourceRate)
		g.expect(nets[2], notDropped)
	}
	g.now = g.now.Add(time.Second)
	g.expect("192.0.2.1", notDropped)
	g.expect("192.0.2.1", DropSourceRate)
}

// Many networks are held up together, but not those that devices are known to come from.
func TestGateGlobal(t *testing.T) {
	g := newGateTest(t, Rate{PerSecond: 1, Burst: 10}, Rate{PerSecond: 1, Burst: 3})
	g.prove(g.expect("192.0.2.1", notDropped), g.now)
	g.expect("198.51.100.1", notDropped)
	g.expect("198.51.101.1", notDropped)
	g.expect("198.51.100.1", notDropped)
	g.expect("198.51.102.1", DropGlobalRate) // never heard of
	g.expect("198.51.101.1", DropGlobalRate)
	for range 10 {
		g.expect("192.0.2.2", notDropped)
	}
	g.expect("192.0.2.2", DropSourceRate)
	if n := g.unproved.Len(); n != 2 {
		t.Errorf("%d networks are remembered, want 2: one that was turned away costs nothing", n)
	}
}

// Who turns out to be real, or was turned away for other reasons, takes nothing from those
// that follow.
func TestGateGivesBack(t *testing.T) {
	g := newGateTest(t, Rate{PerSecond: 1, Burst: 2}, Rate{PerSecond: 1, Burst: 2})
	for range 100 {
		g.prove(g.expect("192.0.2.1", notDropped), g.now)
		g.leave(g.expect("198.51.100.1", notDropped))
	}
	g.expect("198.51.100.1", notDropped)
	g.expect("198.51.101.1", notDropped)
	g.expect("198.51.102.1", DropGlobalRate)

	// A toll for the global bucket is paid back to it, one that was not paid is not.
	paid := g.expect("192.0.2.1", notDropped)
	g.leave(paid)
	g.expect("198.51.102.1", DropGlobalRate)
}

// A network keeps what it has used up when it is found to be real, and is remembered in
// the place of its former self.
func TestGateProvedNetHasLimitsToo(t *testing.T) {
	g := newGateTest(t, Rate{PerSecond: 1, Burst: 3}, Rate{PerSecond: 1, Burst: 100})
	first := g.expect("192.0.2.1", notDropped)
	g.expect("192.0.2.1", notDropped)
	g.prove(first, g.now)
	g.expect("192.0.2.1", notDropped)
	g.expect("192.0.2.1", notDropped)
	g.expect("192.0.2.1", DropSourceRate)
	if len(g.nets) != 1 || g.unproved.Len() != 0 || g.proved.Len() != 1 {
		t.Errorf("%d networks, %d unproved, %d proved; want 1, 0, 1", len(g.nets), g.unproved.Len(), g.proved.Len())
	}
}

// However many networks there are, a gate does not grow, and forgets those longest
// unheard. Forged ones never push out those that devices come from.
func TestGateIsBounded(t *testing.T) {
	g := newGateTest(t, Rate{PerSecond: 1, Burst: 1}, Rate{PerSecond: 1, Burst: 10 * maxNets})
	net := func(i int) string {
		return netip.AddrFrom4([4]byte{10 + byte(i>>16), byte(i >> 8), byte(i), 1}).String()
	}
	g.prove(g.expect("192.0.2.1", notDropped), g.now)
	g.expect(net(0), notDropped)
	for i := 1; i < 3*maxNets; i++ {
		g.expect(net(i), notDropped)
		if i == maxNets-1 {
			g.expect(net(0), DropSourceRate) // and heard again
		}
	}
	if g.unproved.Len() != maxNets || len(g.nets) != maxNets+1 {
		t.Errorf("%d networks in all, %d unproved; want %d, %d", len(g.nets), g.unproved.Len(), maxNets+1, maxNets)
	}
	g.expect(net(3*maxNets-1), DropSourceRate)
	g.expect(net(0), notDropped) // forgotten
	if g.proved.Len() != 1 {
		t.Error("the network of a device was forgotten")
	}
}

// A fleet of 10,000 behind one address may come back at once, with the defaults.
func TestGateLetsAFleetIn(t *testing.T) {
	cfg, err := Config{Handler: handlerFunc(changed)}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	g := &gateTest{t, newGate(cfg.Strangers), time.Now()}
	for range 20_000 { // each of them twice
		g.expect("192.0.2.1", notDropped)
	}
}
