package coap

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/dtls/v3"

	"lwbs/bootstrap"
)

// A bubble is a listener for DTLS on a network that exists in memory only, for tests with
// the clock of [synctest.Test].
type bubble struct {
	*mux
	t      *testing.T
	failed chan bootstrap.Handshake

	// lose, where not nil, tells of each datagram whether it is lost; up is to the server. It
	// is called for one at a time.
	lose func(peer udpPeer, up bool, b []byte) bool

	wire  sync.Mutex
	peers map[udpPeer]*pipe // where clients read; guarded by wire
}

// inBubble runs f with a listener, whose end it waits for.
func inBubble(t *testing.T, set func(*Config), f func(b *bubble)) {
	synctest.Test(t, func(t *testing.T) {
		b := &bubble{t: t, failed: make(chan bootstrap.Handshake, 10_000), peers: make(map[udpPeer]*pipe)}
		cfg := Config{
			Handler:         notFound{},
			PSK:             keyOf,
			HandshakeFailed: func(h bootstrap.Handshake) { b.failed <- h },
		}
		if set != nil {
			set(&cfg)
		}
		cfg, err := cfg.withDefaults()
		if err != nil {
			t.Fatal(err)
		}
		h := newHub(cfg)
		in := newMemoryConn(b.down)
		b.mux = newMux(h, &socket{hub: h, conn: in})
		b.start()
		defer synctest.Wait()
		defer h.close(in.Close) // also where f calls Fatal
		f(b)
	})
}

// up carries a datagram of a client to the server.
func (b *bubble) up(peer udpPeer, d []byte) {
	if !b.lost(peer, d) {
		b.take(peer, d)
	}
}

// lost reports whether a datagram to the server is.
func (b *bubble) lost(peer udpPeer, d []byte) bool {
	b.wire.Lock()
	defer b.wire.Unlock()
	return b.lose != nil && b.lose(peer, true, d)
}

// down carries a datagram of the server to a client.
func (b *bubble) down(d []byte, to netip.AddrPort) {
	peer := udpPeer{remote: to}
	b.wire.Lock()
	defer b.wire.Unlock()
	if p := b.peers[peer]; p != nil && (b.lose == nil || !b.lose(peer, false, d)) {
		p.put(d, udpPeer{})
	}
}

// connect returns the socket of a client at peer.
func (b *bubble) connect(peer udpPeer) *pipe {
	out := newMemoryConn(func(d []byte, _ netip.AddrPort) { b.up(peer, d) })
	p := newPipe(&socket{conn: out}, udpPeer{})
	b.wire.Lock()
	defer b.wire.Unlock()
	b.peers[peer] = p
	return p
}

// shake has a client complete a handshake that repeats a flight for the first time after
// interval, and returns how long that took.
func (b *bubble) shake(peer udpPeer, key string, interval, patience time.Duration) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(b.t.Context(), patience)
	defer cancel()
	began := time.Now()
	c, err := dtls.ClientWithOptions(b.connect(peer), udpPeer{},
		dtls.WithPSK(func([]byte) ([]byte, error) { return []byte(key), nil }),
		dtls.WithPSKIdentityHint([]byte("device")),
		suiteOption(Suites()[:1]), dtls.WithFlightInterval(interval), silence())
	if err != nil {
		return 0, err
	}
	defer c.Close()
	err = c.HandshakeContext(ctx)
	return time.Since(began), err
}

// A memoryConn is a [datagramConn] that hears nothing.
type memoryConn struct {
	write  func(b []byte, to netip.AddrPort)
	once   sync.Once
	closed chan struct{}
}

func newMemoryConn(write func([]byte, netip.AddrPort)) *memoryConn {
	return &memoryConn{write: write, closed: make(chan struct{})}
}

func (c *memoryConn) ReadMsgUDPAddrPort(b, control []byte) (n, nc, flags int, from netip.AddrPort, err error) {
	<-c.closed
	return 0, 0, 0, netip.AddrPort{}, net.ErrClosed
}

func (c *memoryConn) WriteMsgUDPAddrPort(b, control []byte, to netip.AddrPort) (n, nc int, err error) {
	c.write(b, to)
	return len(b), 0, nil
}

func (c *memoryConn) LocalAddr() net.Addr {
	return &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 5684}
}

func (c *memoryConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}
