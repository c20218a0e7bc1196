package admission

import (
	"net/netip"
	"testing"
	"time"

	"lwbs/bootstrap/coap/traffic"
)

// A gateTest is a gate with a clock of its own.
type gateTest struct {
	*testing.T
	*SourceLimiter
	now time.Time
}

func newGateTest(t *testing.T, perNet, global Rate) *gateTest {
	return &gateTest{t, NewSourceLimiter(NewPeerLimits{PerNet: perNet, Global: global}), time.Now()}
}

func (g *gateTest) expect(from string, want traffic.DropReason) Reservation {
	g.Helper()
	paid, got := g.Reserve(netip.MustParseAddr(from), g.now)
	if got != want {
		g.Fatalf("new peer at %s: %v, want %v", from, got, want)
	}
	return paid
}

// What one network sends holds up that network, and not the others.
func TestSourceLimiterPerNet(t *testing.T) {
	g := newGateTest(t, Rate{PerSecond: 1, Burst: 2}, Rate{PerSecond: 1, Burst: 100})
	for _, nets := range [][3]string{
		{"192.0.2.1", "192.0.2.200", "192.0.3.1"},
		{"2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1"},
		{"::ffff:198.51.100.1", "198.51.100.2", "203.0.113.1"},
	} {
		g.expect(nets[0], traffic.NotDropped)
		g.expect(nets[1], traffic.NotDropped)
		g.expect(nets[0], traffic.DropSourceRate)
		g.expect(nets[2], traffic.NotDropped)
	}
	g.now = g.now.Add(time.Second)
	g.expect("192.0.2.1", traffic.NotDropped)
	g.expect("192.0.2.1", traffic.DropSourceRate)
}

// Many networks are held up together, but not those that devices are known to come from.
func TestSourceLimiterGlobal(t *testing.T) {
	g := newGateTest(t, Rate{PerSecond: 1, Burst: 10}, Rate{PerSecond: 1, Burst: 3})
	g.Validate(g.expect("192.0.2.1", traffic.NotDropped), g.now)
	g.expect("198.51.100.1", traffic.NotDropped)
	g.expect("198.51.101.1", traffic.NotDropped)
	g.expect("198.51.100.1", traffic.NotDropped)
	g.expect("198.51.102.1", traffic.DropGlobalRate) // never heard of
	g.expect("198.51.101.1", traffic.DropGlobalRate)
	for range 10 {
		g.expect("192.0.2.2", traffic.NotDropped)
	}
	g.expect("192.0.2.2", traffic.DropSourceRate)
	if n := g.unvalidated.Len(); n != 2 {
		t.Errorf("%d networks are remembered, want 2: one that was turned away costs nothing", n)
	}
}

// Who turns out to be real, or was turned away for other reasons, takes nothing from those
// that follow.
func TestSourceLimiterGivesBack(t *testing.T) {
	g := newGateTest(t, Rate{PerSecond: 1, Burst: 2}, Rate{PerSecond: 1, Burst: 2})
	for range 100 {
		g.Validate(g.expect("192.0.2.1", traffic.NotDropped), g.now)
		g.Cancel(g.expect("198.51.100.1", traffic.NotDropped))
	}
	g.expect("198.51.100.1", traffic.NotDropped)
	g.expect("198.51.101.1", traffic.NotDropped)
	g.expect("198.51.102.1", traffic.DropGlobalRate)

	// A token of the global bucket is refunded to it, one that was not taken is not.
	paid := g.expect("192.0.2.1", traffic.NotDropped)
	g.Cancel(paid)
	g.expect("198.51.102.1", traffic.DropGlobalRate)
}

// A network keeps what it has used up when it is found to be real, and is remembered in
// the place of its former self.
func TestSourceLimiterValidatedNetHasLimitsToo(t *testing.T) {
	g := newGateTest(t, Rate{PerSecond: 1, Burst: 3}, Rate{PerSecond: 1, Burst: 100})
	first := g.expect("192.0.2.1", traffic.NotDropped)
	g.expect("192.0.2.1", traffic.NotDropped)
	g.Validate(first, g.now)
	g.expect("192.0.2.1", traffic.NotDropped)
	g.expect("192.0.2.1", traffic.NotDropped)
	g.expect("192.0.2.1", traffic.DropSourceRate)
	if len(g.nets) != 1 || g.unvalidated.Len() != 0 || g.validated.Len() != 1 {
		t.Errorf("%d networks, %d unvalidated, %d validated; want 1, 0, 1", len(g.nets), g.unvalidated.Len(), g.validated.Len())
	}
}

// However many networks there are, a gate does not grow, and forgets those longest
// unheard. Forged ones never push out those that devices come from.
func TestSourceLimiterIsBounded(t *testing.T) {
	g := newGateTest(t, Rate{PerSecond: 1, Burst: 1}, Rate{PerSecond: 1, Burst: 10 * maxNets})
	net := func(i int) string {
		return netip.AddrFrom4([4]byte{10 + byte(i>>16), byte(i >> 8), byte(i), 1}).String()
	}
	g.Validate(g.expect("192.0.2.1", traffic.NotDropped), g.now)
	g.expect(net(0), traffic.NotDropped)
	for i := 1; i < 3*maxNets; i++ {
		g.expect(net(i), traffic.NotDropped)
		if i == maxNets-1 {
			g.expect(net(0), traffic.DropSourceRate) // and heard again
		}
	}
	if g.unvalidated.Len() != maxNets || len(g.nets) != maxNets+1 {
		t.Errorf("%d networks in all, %d unvalidated; want %d, %d", len(g.nets), g.unvalidated.Len(), maxNets+1, maxNets)
	}
	g.expect(net(3*maxNets-1), traffic.DropSourceRate)
	g.expect(net(0), traffic.NotDropped) // forgotten
	if g.validated.Len() != 1 {
		t.Error("the network of a device was forgotten")
	}
}

// A fleet of 10,000 behind one address may come back at once, with the defaults.
func TestSourceLimiterLetsAFleetIn(t *testing.T) {
	var limits NewPeerLimits
	if err := limits.SetDefaults(10_000); err != nil {
		t.Fatal(err)
	}
	g := &gateTest{t, NewSourceLimiter(limits), time.Now()}
	for range 20_000 { // each of them twice
		g.expect("192.0.2.1", traffic.NotDropped)
	}
}

// New rates hold from the next new peer on, for networks that are remembered too.
func TestSourceLimiterSetRates(t *testing.T) {
	g := newGateTest(t, Rate{PerSecond: 1, Burst: 10}, Rate{PerSecond: 1, Burst: 100})
	g.expect("192.0.2.1", traffic.NotDropped)
	g.SetRates(NewPeerLimits{PerNet: Rate{PerSecond: 2, Burst: 2}, Global: Rate{PerSecond: 4, Burst: 4}})
	g.expect("192.0.2.1", traffic.NotDropped)
	g.expect("192.0.2.1", traffic.NotDropped)
	g.expect("192.0.2.1", traffic.DropSourceRate) // of nine tokens two were left
	g.expect("198.51.100.1", traffic.NotDropped)
	g.expect("203.0.113.1", traffic.NotDropped)
	g.expect("233.252.0.1", traffic.DropGlobalRate)
	g.now = g.now.Add(time.Second)
	g.expect("192.0.2.1", traffic.NotDropped)
	g.expect("192.0.2.1", traffic.NotDropped)
	g.expect("192.0.2.1", traffic.DropSourceRate)
}
