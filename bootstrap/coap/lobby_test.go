package coap

import (
	"net/netip"
	"slices"
	"testing"
	"time"
)

// A lobbyTest has a lobby, and tells who is admitted.
type lobbyTest struct {
	*lobby
	t   *testing.T
	now time.Time
}

func newLobbyTest(t *testing.T) *lobbyTest {
	return &lobbyTest{newLobby(), t, time.Unix(1e9, 0)}
}

func (l *lobbyTest) visit(addr string, want DropReason) {
	l.t.Helper()
	peer := udpPeer{remote: netip.MustParseAddrPort(addr)}
	if got := l.add(&visitor{peer: peer, came: l.now, heard: l.now}); got != want {
		l.t.Fatalf("%s: %v, want %v", addr, got, want)
	}
}

// admitted returns whom next admits, of all but those in the networks full; "" for none.
func (l *lobbyTest) admitted(full ...string) (addr string) {
	l.next(l.now, func(v *visitor) bool {
		if slices.Contains(full, networkOf(v.peer.remote.Addr()).String()) {
			return false
		}
		addr = v.peer.remote.String()
		return true
	})
	return addr
}

func (l *lobbyTest) want(addrs ...string) {
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

func TestLobbyTurns(t *testing.T) {
	l := newLobbyTest(t)
	for _, addr := range []string{"192.0.2.1:1", "192.0.2.1:2", "192.0.2.2:1", "198.51.100.1:1", "203.0.113.1:1", "203.0.113.2:1"} {
		l.visit(addr, notDropped)
	}
	l.visit("192.0.2.1:1", notDropped) // again, and keeps its place
	l.want("192.0.2.1:1", "198.51.100.1:1", "203.0.113.1:1", "192.0.2.1:2", "203.0.113.2:1", "192.0.2.2:1")
}

func TestLobbyFullNetwork(t *testing.T) {
	l := newLobbyTest(t)
	l.visit("192.0.2.1:1", notDropped)
	l.visit("198.51.100.1:1", notDropped)
	if got := l.admitted("192.0.2.0/24"); got != "198.51.100.1:1" {
		t.Errorf("admitted %q past a network that is full", got)
	}
	if got := l.admitted("192.0.2.0/24"); got != "" {
		t.Errorf("admitted %q", got)
	}
	l.want("192.0.2.1:1")
}

// Who is silent for longer than most clients are lets others go first, and is the next when
// it is heard of again; it is let in all the same where nobody else waits.
func TestLobbySilent(t *testing.T) {
	l := newLobbyTest(t)
	l.visit("192.0.2.1:1", notDropped)
	l.visit("192.0.2.1:2", notDropped)
	l.visit("198.51.100.1:1", notDropped)
	l.now = l.now.Add(visitorPatience + 1)
	l.visit("192.0.2.1:3", notDropped)
	l.visit("192.0.2.1:4", notDropped)
	if got := l.admitted(); got != "192.0.2.1:3" {
		t.Errorf("admitted %q, want who was heard of", got)
	}
	l.visit("192.0.2.1:2", notDropped)
	l.want("192.0.2.1:2", "192.0.2.1:4", "198.51.100.1:1", "192.0.2.1:1")
}

// A client in a constrained network repeats itself after 9 s, 18 s and 36 s. It keeps its
// place before those that came later, also where two of these are lost.
func TestLobbyConstrainedClient(t *testing.T) {
	l := newLobbyTest(t)
	began := l.now
	at := func(seconds int, addrs ...string) {
		l.now = began.Add(time.Duration(seconds) * time.Second)
		for _, addr := range addrs {
			l.visit(addr, notDropped)
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

// Who has not repeated itself for so long that nobody is so slow has gone.
func TestLobbyGone(t *testing.T) {
	l := newLobbyTest(t)
	l.visit("192.0.2.1:1", notDropped)
	l.visit("198.51.100.1:1", notDropped)
	l.visit("192.0.2.1:2", notDropped)
	l.now = l.now.Add(time.Second)
	l.visit("192.0.2.1:2", notDropped)
	l.now = l.now.Add(visitorLifetime)
	l.want("192.0.2.1:2")
}

// The longer a visitor waits the rarer it repeats itself.
func TestLobbyPatienceGrows(t *testing.T) {
	l := newLobbyTest(t)
	for _, pause := range []time.Duration{0, 1, 2, 4, 8, 16} { // seconds, as RFC 6347 §4.2.4.1 has them
		l.now = l.now.Add(pause * time.Second)
		l.visit("192.0.2.1:1", notDropped)
		l.visit("192.0.2.9:1", notDropped)
	}
	l.now = l.now.Add(32 * time.Second)
	l.visit("192.0.2.9:2", notDropped)
	if got := l.admitted(); got != "192.0.2.1:1" {
		t.Errorf("admitted %q, want who has waited for longest", got)
	}
	l.now = l.now.Add(30 * time.Second)
	l.visit("192.0.2.9:2", notDropped)
	l.want("192.0.2.9:2", "192.0.2.9:1")
}

func TestLobbyLimits(t *testing.T) {
	l := newLobbyTest(t)
	fill := func(net byte, n int) {
		for i := range n {
			addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, net, byte(i >> 8)}), uint16(1+i&0xff))
			l.visit(addr.String(), notDropped)
		}
	}
	fill(1, maxVisitorsPerNet)
	l.visit("192.0.1.1:9999", DropTableFull)
	fill(2, maxVisitors-maxVisitorsPerNet)
	l.visit("192.0.3.1:1", notDropped) // in the place of one whose network has more
	l.visit("192.0.2.1:9999", DropTableFull)
	if n := len(l.byPeer); n != maxVisitors {
		t.Errorf("%d wait", n)
	}

	// Those that fell silent make room, of the own network where that has its share.
	l.now = l.now.Add(visitorPatience + 1)
	l.visit("192.0.3.2:1", notDropped)
	l.visit("192.0.2.1:9999", notDropped)
	if n := len(l.byPeer); n != maxVisitors || l.silent.Len() != n {
		t.Errorf("%d wait, of %d that are in order", n, l.silent.Len())
	}
	for _, q := range l.byNet {
		if n := q.silent.Len(); n > maxVisitorsPerNet || n != q.waiting.Len()+q.late.Len() {
			t.Errorf("%d wait in %v, %d and %d of them in order", n, q.net, q.waiting.Len(), q.late.Len())
		}
	}
}

// The bytes of those that wait are limited as their number is.
func TestLobbyBytes(t *testing.T) {
	l := newLobbyTest(t)
	add := func(net byte, port uint16, size int, want DropReason) {
		t.Helper()
		peer := udpPeer{remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, net, 1}), port)}
		if got := l.add(&visitor{peer: peer, second: make([]byte, size), came: l.now, heard: l.now}); got != want {
			t.Fatalf("%v, want %v", got, want)
		}
	}
	const size = 4000
	n := uint16(maxVisitorBytesPerNet / (size + visitorOverhead))
	for net := range byte(2) {
		for port := range n {
			add(net, port, size, notDropped)
		}
		add(net, n, size, DropTableFull)
	}
	for port := range uint16(100) { // a fleet with ClientHellos of the usual size
		add(2, port, 300, notDropped)
	}
	add(2, 7, 4000, notDropped) // another device, or one that offers more
	add(2, 7, 30, notDropped)
	for l.admitted() != "" {
	}
	if l.bytes != 0 || len(l.byNet) != 0 {
		t.Errorf("%d bytes of nobody", l.bytes)
	}
}

// A device that finds all handshakes taken waits, and is let in when one becomes free.
func TestMuxLobby(t *testing.T) {
	m := newTestMux(t, func(cfg *Config) {
		cfg.DTLS.MaxHandshakes = 1
		cfg.HandshakeFailed = nil
	})
	a, b := peerAt(9), peerAt(10)
	m.take(a, returnHello(m, a, 1))
	m.take(b, returnHello(m, b, 2))
	if m.handshakeAt(a) == nil || m.handshakeAt(b) != nil {
		t.Fatal("the limit does not hold")
	}
	if n := m.hub.counters.snapshot().Dropped.Total(); n != 0 {
		t.Errorf("%d datagrams were dropped", n)
	}
	m.leave(m.handshakeAt(a))
	if m.handshakeAt(b) == nil {
		t.Error("who waited was not let in")
	}
}

// Where datagrams wait to be decrypted, newcomers wait for others to be done; and whoever
// is let in meanwhile is let in once.
func TestMuxPace(t *testing.T) {
	m := newTestMux(t, func(cfg *Config) { cfg.HandshakeFailed = nil })
	m.pace.set(true)
	for port := range uint16(alwaysUnderWay) {
		m.take(peerAt(100+port), returnHello(m, peerAt(100+port), byte(port)))
	}
	if n := m.handshakes(); n != alwaysUnderWay {
		t.Fatalf("%d handshakes are under way, want %d however slow it is", n, alwaysUnderWay)
	}
	m.pace.set(true)
	one, next := peerAt(9), peerAt(10)
	m.take(one, returnHello(m, one, 200))
	m.take(next, returnHello(m, next, 201))
	if m.handshakeAt(one) != nil {
		t.Fatal("a newcomer is let in though everything is late")
	}
	m.pace.set(false)
	m.take(one, returnHello(m, one, 200))
	let := m.handshakeAt(one)
	if let == nil {
		t.Fatal("a newcomer is not let in though nothing is late any more")
	}
	m.leave(m.handshakeAt(peerAt(100)))
	if m.handshakeAt(one) != let {
		t.Error("who was let in was let in again, in place of itself")
	}
	if m.handshakeAt(next) == nil {
		t.Error("the next one is not let in")
	}
}
