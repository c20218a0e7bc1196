package coap_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap"
	"lwbs/bootstrap/coap/admission"
	"lwbs/bootstrap/coap/traffic"
	"lwbs/lwm2m"
)

// dialFrom is dialRaw from another address of this machine.
func dialFrom(t *testing.T, l *coap.Listener, from net.IP) *net.UDPConn {
	t.Helper()
	c, err := net.DialUDP("udp", &net.UDPAddr{IP: from}, net.UDPAddrFromAddrPort(l.Addr()))
	if err != nil {
		t.Skip("cannot use all of 127.0.0.0/8:", err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// dropped waits until l has dropped n datagrams for r.
func dropped(t *testing.T, l *coap.Listener, r traffic.DropReason, n uint64) {
	t.Helper()
	until(t, r.String(), func() bool { return l.Counters().Dropped[r] == n })
}

// New peers beyond the limits are not heard; established peers are.
func TestNewPeersUDP(t *testing.T) {
	checkLeaks(t)
	report, conns := reporter()
	slow := admission.Rate{PerSecond: 1, Burst: 2}
	l := listenUDP(t, coap.Config{Handler: report, NewPeers: admission.NewPeerLimits{PerNet: slow, Global: admission.Rate{PerSecond: 1, Burst: 3}}})
	known := dialRaw(t, l)
	wantChanged(t, exchange(t, known, post(1)), 1)
	established := <-conns
	wantChanged(t, exchange(t, dialRaw(t, l), post(2)), 2)
	send := func(from net.IP) { dialFrom(t, l, from).Write(post(3)) }
	send(net.IPv4(127, 0, 0, 9))
	dropped(t, l, traffic.DropSourceRate, 1)
	wantChanged(t, exchange(t, dialFrom(t, l, net.IPv4(127, 0, 1, 1)), post(4)), 4)
	send(net.IPv4(127, 0, 2, 1))
	dropped(t, l, traffic.DropGlobalRate, 1)
	for mid := range uint16(100) {
		rests(t, established) // an unvalidated peer may have two requests under way
		wantChanged(t, exchange(t, known, post(10+mid)), 10+mid)
	}
	if n := l.Counters().Dropped.Total(); n != 2 {
		t.Errorf("%d datagrams were dropped, want 2", n)
	}
}

// A device that answers us takes nothing from the limits, so that any number of them can
// follow each other.
func TestNewPeersThatAnswer(t *testing.T) {
	checkLeaks(t)
	result := make(chan string, 1)
	l := listenUDP(t, coap.Config{
		NewPeers: admission.NewPeerLimits{PerNet: admission.Rate{PerSecond: 1, Burst: 1}, Global: admission.Rate{PerSecond: 1, Burst: 1}},
		Handler: handlerFunc(func(_ context.Context, c bootstrap.Conn, _ bootstrap.Request) (bootstrap.Response, func(context.Context)) {
			return bootstrap.Response{Code: lwm2m.CodeChanged}, func(ctx context.Context) {
				result <- carryOut(ctx, c, []bootstrap.Request{discover})
			}
		}),
	})
	for range 20 {
		c, err := coap.DialUDP(t.Context(), l.Addr().String(), coap.DialConfig{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Do(t.Context(), finish); err != nil {
			t.Fatal(err)
		}
		if got := next(t, "result", result); got != "4.04" {
			t.Fatalf("Discover: %s", got)
		}
		c.Close()
	}
	if n := l.Counters().Dropped.Total(); n != 0 {
		t.Errorf("%d datagrams were dropped", n)
	}
}

// Over DTLS it is handshakes that are limited, and a complete one that is given back.
func TestNewPeersDTLS(t *testing.T) {
	s := Listen(t, func(cfg *coap.Config) {
		cfg.NewPeers = admission.NewPeerLimits{PerNet: admission.Rate{PerSecond: 1, Burst: 3}, Global: admission.Rate{PerSecond: 1, Burst: 5}}
	}, nil) // a client may be done before the server is
	conn := Dial(t, s.Addr().String(), nil)
	for range 10 {
		ask(t, Dial(t, s.Addr().String(), nil))
	}
	if n := s.Counters().Dropped.Total(); n != 0 {
		t.Fatalf("%d datagrams were dropped", n)
	}
	hello := func(from net.IP, random byte) { returnCookie(t, dialFrom(t, s.Listener, from), random) }
	for i := range byte(10) {
		hello(net.IPv4(127, 0, 0, 1), i) // the first are taken, and more after a second
	}
	until(t, "source-rate", func() bool { return s.Counters().Dropped[traffic.DropSourceRate] >= 3 })
	for i := range byte(12) {
		hello(net.IPv4(127, 0, 1+i, 1), i)
	}
	until(t, "global-rate", func() bool { return s.Counters().Dropped[traffic.DropGlobalRate] >= 2 })
	ask(t, conn)
}

// An address with as many peers as it may have makes room among its own, and no other
// has to.
func TestPeersPerAddress(t *testing.T) {
	checkLeaks(t)
	report, conns := reporter()
	release := make(chan struct{})
	l := listenUDP(t, coap.Config{NewPeers: admission.NewPeerLimits{PeersPerAddress: 2}, Handler: handlerFunc(
		func(ctx context.Context, c bootstrap.Conn, r bootstrap.Request) (bootstrap.Response, func(context.Context)) {
			resp, _ := report(ctx, c, r)
			if len(r.Queries) == 0 {
				return resp, nil
			}
			return resp, func(context.Context) { <-release }
		},
	)})
	defer close(release)
	open := func(c *net.UDPConn, mid uint16, query ...byte) bootstrap.Conn {
		t.Helper()
		wantChanged(t, exchange(t, c, append(post(mid), query...)), mid)
		conn := next(t, "request", conns)
		if len(query) == 0 {
			rests(t, conn)
		}
		return conn
	}
	other := dialFrom(t, l, net.IPv4(127, 0, 0, 2))
	otherConn := open(other, 1)
	first := open(dialRaw(t, l), 2)
	second := open(dialRaw(t, l), 3)
	open(dialRaw(t, l), 4, 0x42, 'e', 'p')
	next(t, "end of the first", first.Done())
	open(dialRaw(t, l), 5, 0x42, 'e', 'p')
	next(t, "end of the second", second.Done())
	if _, err := dialRaw(t, l).Write(post(6)); err != nil { // the two that are left have business
		t.Fatal(err)
	}
	dropped(t, l, traffic.DropAddressFull, 1)
	open(dialFrom(t, l, net.IPv4(127, 0, 0, 2)), 7)
	select {
	case <-otherConn.Done():
		t.Error("a peer of another address had to go")
	default:
	}
}

// The RST to peers without an association are few, as an attacker could have any number of them sent to
// a forged address.
func TestRejectionsAreLimited(t *testing.T) {
	checkLeaks(t)
	report, _ := reporter()
	l := listenUDP(t, coap.Config{Handler: report})
	c := dialRaw(t, l)
	until(t, "no more RST", func() bool {
		for range 100 {
			c.Write([]byte{0x40, 0, 0x12, 0x34})
		}
		return l.Counters().Dropped[traffic.DropGlobalRate] > 0
	})
	until(t, "all came that the kernel had room for", func() bool {
		n := l.Counters()
		return n.Received == n.Dropped.Total()-n.Dropped[traffic.DropOverflow]
	})
	wantChanged(t, insist(t, dialRaw(t, l), post(1)), 1) // who makes a request is heard all the same
}

func TestNewPeersConfig(t *testing.T) {
	_, err := coap.ListenUDP("127.0.0.1:0", coap.Config{Handler: handlerFunc(nil), NewPeers: admission.NewPeerLimits{
		PerNet: admission.Rate{PerSecond: -1, Burst: -2}, Global: admission.Rate{PerSecond: -3, Burst: -4}, PeersPerAddress: -5,
	}})
	if !errors.Is(err, coap.ErrConfig) {
		t.Fatalf("error = %v", err)
	}
	for _, want := range []string{"PerNet.PerSecond -1", "PerNet.Burst -2", "Global.PerSecond -3", "Global.Burst -4", "PeersPerAddress -5"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not name %q", err, want)
		}
	}
}

// Each datagram that comes to nothing counts under one reason, whether its sender is known
// or not.
func TestDropReasonsUDP(t *testing.T) {
	checkLeaks(t)
	report, conns := reporter()
	l := listenUDP(t, coap.Config{Handler: report})
	known := dialRaw(t, l)
	wantChanged(t, exchange(t, known, post(1)), 1)
	next(t, "request", conns)
	ackOf := func(code byte) []byte { return []byte{0x60, code, 0x12, 0x34} }
	tests := []struct {
		name   string
		b      []byte
		reason traffic.DropReason
	}{
		{"nothing", nil, traffic.DropMalformed},
		{"three bytes", []byte{0x40, 2, 0}, traffic.DropMalformed},
		{"version 2", []byte{0x80, 2, 0, 1}, traffic.DropMalformed},
		{"token of nine bytes", append([]byte{0x49, 2, 0, 1}, make([]byte, 9)...), traffic.DropMalformed},
		{"request that is cut off", []byte{0x48, 2, 0, 1, 0}, traffic.DropMalformed},
		{"option that is cut off", []byte{0x40, 2, 0, 1, 0xb9, 'b'}, traffic.DropMalformed},
		{"payload marker without payload", []byte{0x40, 2, 0, 1, 0xff}, traffic.DropMalformed},
		{"empty message with a token", []byte{0x41, 0, 0, 1, 7}, traffic.DropMalformed},
		{"too large", append([]byte{0x40, 2, 0, 1, 0xff}, make([]byte, 5000)...), traffic.DropOversize},
		{"too large, no request", append([]byte{0x60, 0x45, 0, 1, 0xff}, make([]byte, 5000)...), traffic.DropOversize},
		{"ping", []byte{0x40, 0, 0x12, 0x34}, traffic.DropStray},
		{"acknowledgement", ackOf(0), traffic.DropStray},
		{"piggy-backed response", ackOf(0x45), traffic.DropStray},
		{"request in an acknowledgement", ackOf(2), traffic.DropStray},
		{"RST", []byte{0x70, 0, 0x12, 0x34}, traffic.DropStray},
		{"response", []byte{0x50, 0x45, 0x12, 0x34}, traffic.DropStray},
		{"code of no class", []byte{0x50, 0x25, 0x12, 0x34}, traffic.DropStray},
	}
	for _, tt := range tests {
		for who, c := range map[string]*net.UDPConn{"new peer": dialRaw(t, l), "peer": known} {
			before := l.Counters()
			if _, err := c.Write(tt.b); err != nil {
				t.Fatal(err)
			}
			until(t, tt.name, func() bool { return l.Counters().Dropped.Total() > before.Dropped.Total() })
			after := l.Counters()
			if after.Received != before.Received+1 || after.Dropped.Total() != before.Dropped.Total()+1 || after.Dropped[tt.reason] != before.Dropped[tt.reason]+1 {
				t.Errorf("%s of a %s: counters %+v, before %+v; want one more %v", tt.name, who, after, before, tt.reason)
			}
		}
	}
	if len(conns) != 0 || l.Peers() != 1 {
		t.Errorf("%d requests were handled, %d peers are known", len(conns), l.Peers())
	}
}
