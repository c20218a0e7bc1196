package admission

import (
	"net/netip"
	"testing"
	"time"

	"lwbs/bootstrap/coap/traffic"
)

// These tests measure what docs/operations.md says of the defaults.

// newDefaultGate returns a gate with the defaults of a listener.
func newDefaultGate(t *testing.T) *gateTest {
	t.Helper()
	var limits NewPeerLimits
	if err := limits.SetDefaults(DefaultMaxPeers); err != nil {
		t.Fatal(err)
	}
	return &gateTest{t, NewSourceLimiter(limits), time.Now()}
}

// accepted returns how many new peers at addresses are let in before one is dropped, and why that is.
func (g *gateTest) accepted(addresses func(i int) netip.Addr) (n int, why traffic.DropReason) {
	g.Helper()
	for ; n < 1_000_000; n++ {
		if _, why = g.Reserve(addresses(n), g.now); why != traffic.NotDropped {
			return n, why
		}
	}
	g.Fatal("there is no limit")
	return n, why
}

// One network brings 20,000 new peers at once, and 500 more in each second.
func TestRateOfOneNetwork(t *testing.T) {
	for _, addresses := range []func(i int) netip.Addr{
		func(i int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}) },
		func(i int) netip.Addr {
			a := netip.MustParseAddr("2001:db8::").As16()
			a[14], a[15] = byte(i>>8), byte(i)
			return netip.AddrFrom16(a)
		},
	} {
		g := newDefaultGate(t)
		for _, want := range []int{20_000, 500, 500} {
			if n, why := g.accepted(addresses); n != want || why != traffic.DropSourceRate {
				t.Errorf("of %v's network %d new peers are let in, then %v; want %d", addresses(0), n, why, want)
			}
			g.now = g.now.Add(time.Second)
		}
	}
}

// All networks that no device came from bring 50,000 new peers at once, and 5,000 more in each second.
func TestRateOfAllNetworks(t *testing.T) {
	g := newDefaultGate(t)
	i := 0
	fresh := func(int) netip.Addr {
		i++
		return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
	}
	for _, want := range []int{50_000, 5000, 5000} {
		if n, why := g.accepted(fresh); n != want || why != traffic.DropGlobalRate {
			t.Errorf("%d new peers are let in, then %v; want %d", n, why, want)
		}
		g.now = g.now.Add(time.Second)
	}
}

// 1,000 RST are sent in a second.
func TestRateOfResets(t *testing.T) {
	g := newDefaultGate(t)
	for range 3 {
		n := 0
		for g.AllowReset(g.now) {
			n++
		}
		if n != 1000 {
			t.Errorf("%d RST are sent, want 1000", n)
		}
		g.now = g.now.Add(time.Second)
	}
}
