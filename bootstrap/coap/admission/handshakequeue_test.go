package admission

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"lwbs/bootstrap/coap/traffic"
	"lwbs/bootstrap/coap/udp"
)

// A queueTest has a queue, and tells which client is admitted.
type queueTest struct {
	*HandshakeQueue
	t   *testing.T
	now time.Time
}

func newQueueTest(t *testing.T) *queueTest {
	return &queueTest{NewHandshakeQueue(), t, time.Unix(1e9, 0)}
}

func (l *queueTest) visit(addr string, want traffic.DropReason) {
	l.t.Helper()
	peer := udp.Peer{Remote: netip.MustParseAddrPort(addr)}
	if got := l.Add(&PendingClient{Peer: peer, Arrived: l.now, Heard: l.now}); got != want {
		l.t.Fatalf("%s: %v, want %v", addr, got, want)
	}
}

// admitted returns whom next admits, of all but those in the networks full; "" for none.
func (l *queueTest) admitted(full ...string) (addr string) {
	l.Next(l.now, func(v *PendingClient) bool {
		if slices.Contains(full, NetworkOf(v.Peer.Remote.Addr()).String()) {
			return false
		}
		addr = v.Peer.Remote.String()
		return true
	})
	return addr
}

func (l *queueTest) want(addrs ...string) {
	l.t.Helper()
	for _, want := range addrs {
		if got := l.admitted(); got != want {
			l.t.Errorf("admitted %q, want %q", got, want)
		}
	}
	if got := l.admitted(); got != "" || len(l.byPeer) != 0 || len(l.byNet) != 0 || l.turns.Len() != 0 {
		l.t.Errorf("%q is left, with %d peers, %d networks, %d turns", got, len(l.byPeer), len(l.byNet), l.turns.Len())
	}
}

func TestHandshakeQueueTurns(t *testing.T) {
	l := newQueueTest(t)
	for _, addr := range []string{"192.0.2.1:1", "192.0.2.1:2", "192.0.2.2:1", "198.51.100.1:1", "203.0.113.1:1", "203.0.113.2:1"} {
		l.visit(addr, traffic.NotDropped)
	}
	l.visit("192.0.2.1:1", traffic.NotDropped) // again, and keeps its place
	l.want("192.0.2.1:1", "198.51.100.1:1", "203.0.113.1:1", "192.0.2.1:2", "203.0.113.2:1", "192.0.2.2:1")
}

func TestHandshakeQueueFullNetwork(t *testing.T) {
	l := newQueueTest(t)
	l.visit("192.0.2.1:1", traffic.NotDropped)
	l.visit("198.51.100.1:1", traffic.NotDropped)
	if got := l.admitted("192.0.2.0/24"); got != "198.51.100.1:1" {
		t.Errorf("admitted %q past a network that is full", got)
	}
	if got := l.admitted("192.0.2.0/24"); got != "" {
		t.Errorf("admitted %q", got)
	}
	l.want("192.0.2.1:1")
}

// Who is silent for longer than most clients are lets others go first, and is the next when
// it is heard of again; it is admitted all the same where no other waits.
func TestHandshakeQueueSilent(t *testing.T) {
	l := newQueueTest(t)
	l.visit("192.0.2.1:1", traffic.NotDropped)
	l.visit("192.0.2.1:2", traffic.NotDropped)
	l.visit("198.51.100.1:1", traffic.NotDropped)
	l.now = l.now.Add(pendingPatience + 1)
	l.visit("192.0.2.1:3", traffic.NotDropped)
	l.visit("192.0.2.1:4", traffic.NotDropped)
	if got := l.admitted(); got != "192.0.2.1:3" {
		t.Errorf("admitted %q, want who was heard of", got)
	}
	l.visit("192.0.2.1:2", traffic.NotDropped)
	l.want("192.0.2.1:2", "192.0.2.1:4", "198.51.100.1:1", "192.0.2.1:1")
}

// A client in a constrained network repeats itself after 9 s, 18 s and 36 s. It keeps its
// place before those that came later, also where two of these are lost.
func TestHandshakeQueueConstrainedClient(t *testing.T) {
	l := newQueueTest(t)
	began := l.now
	at := func(seconds int, addrs ...string) {
		l.now = began.Add(time.Duration(seconds) * time.Second)
		for _, addr := range addrs {
			l.visit(addr, traffic.NotDropped)
		}
	}
	at(0, "192.0.2.1:1", "192.0.2.1:2")
	at(1, "192.0.2.1:100")
	at(9, "192.0.2.1:2")
	at(27, "192.0.2.1:2")
	at(62, "192.0.2.1:101")
	at(63, "192.0.2.1:1", "192.0.2.1:2")
	l.want("192.0.2.1:1", "192.0.2.1:2", "192.0.2.1:101", "192.0.2.1:100")
}

// A client that has not retransmitted for longer than any would is dropped.
func TestHandshakeQueueGone(t *testing.T) {
	l := newQueueTest(t)
	l.visit("192.0.2.1:1", traffic.NotDropped)
	l.visit("198.51.100.1:1", traffic.NotDropped)
	l.visit("192.0.2.1:2", traffic.NotDropped)
	l.now = l.now.Add(time.Second)
	l.visit("192.0.2.1:2", traffic.NotDropped)
	l.now = l.now.Add(pendingLifetime)
	l.want("192.0.2.1:2")
}

// The longer a client waits the more rarely it retransmits.
func TestHandshakeQueuePatienceGrows(t *testing.T) {
	l := newQueueTest(t)
	for _, pause := range []time.Duration{0, 1, 2, 4, 8, 16} { // seconds, as RFC 6347 §4.2.4.1 has them
		l.now = l.now.Add(pause * time.Second)
		l.visit("192.0.2.1:1", traffic.NotDropped)
		l.visit("192.0.2.9:1", traffic.NotDropped)
	}
	l.now = l.now.Add(32 * time.Second)
	l.visit("192.0.2.9:2", traffic.NotDropped)
	if got := l.admitted(); got != "192.0.2.1:1" {
		t.Errorf("admitted %q, want who has waited for longest", got)
	}
	l.now = l.now.Add(30 * time.Second)
	l.visit("192.0.2.9:2", traffic.NotDropped)
	l.want("192.0.2.9:2", "192.0.2.9:1")
}

func TestHandshakeQueueLimits(t *testing.T) {
	l := newQueueTest(t)
	fill := func(net byte, n int) {
		for i := range n {
			addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, net, byte(i >> 8)}), uint16(1+i&0xff))
			l.visit(addr.String(), traffic.NotDropped)
		}
	}
	fill(1, maxPendingPerNet)
	l.visit("192.0.1.1:9999", traffic.DropTableFull)
	fill(2, MaxPending-maxPendingPerNet)
	l.visit("192.0.3.1:1", traffic.NotDropped) // in the place of one whose network has more
	l.visit("192.0.2.1:9999", traffic.DropTableFull)
	if n := len(l.byPeer); n != MaxPending {
		t.Errorf("%d wait", n)
	}

	// Those that fell silent make room, of the own network where that has its share.
	l.now = l.now.Add(pendingPatience + 1)
	l.visit("192.0.3.2:1", traffic.NotDropped)
	l.visit("192.0.2.1:9999", traffic.NotDropped)
	if n := len(l.byPeer); n != MaxPending || l.byHeard.Len() != n {
		t.Errorf("%d wait, of %d that are in order", n, l.byHeard.Len())
	}
	for _, q := range l.byNet {
		if n := q.byHeard.Len(); n > maxPendingPerNet || n != q.waiting.Len()+q.deferred.Len() {
			t.Errorf("%d wait in %v, %d and %d of them in order", n, q.net, q.waiting.Len(), q.deferred.Len())
		}
	}
}

// The bytes of those that wait are limited as their number is.
func TestHandshakeQueueBytes(t *testing.T) {
	l := newQueueTest(t)
	add := func(net byte, port uint16, size int, want traffic.DropReason) {
		t.Helper()
		peer := udp.Peer{Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, net, 1}), port)}
		if got := l.Add(&PendingClient{Peer: peer, Hello: make([]byte, size), Arrived: l.now, Heard: l.now}); got != want {
			t.Fatalf("%v, want %v", got, want)
		}
	}
	const size = 4000
	n := uint16(maxPendingBytesPerNet / (size + pendingOverhead))
	for net := range byte(2) {
		for port := range n {
			add(net, port, size, traffic.NotDropped)
		}
		add(net, n, size, traffic.DropTableFull)
	}
	for port := range uint16(100) { // a fleet with ClientHellos of the usual size
		add(2, port, 300, traffic.NotDropped)
	}
	add(2, 7, 4000, traffic.NotDropped) // another device, or one that offers more
	add(2, 7, 30, traffic.NotDropped)
	for l.admitted() != "" {
	}
	if l.bytes != 0 || len(l.byNet) != 0 {
		t.Errorf("%d bytes are counted in an empty queue", l.bytes)
	}
}
