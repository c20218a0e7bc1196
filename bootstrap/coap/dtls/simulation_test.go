package dtls

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/dtls/v3"

	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/coap/coaptest"
	"lwbs/bootstrap/coap/dtls/pion"
	"lwbs/bootstrap/coap/dtls/record"
	"lwbs/bootstrap/coap/exchange"
	"lwbs/bootstrap/coap/tasks"
	"lwbs/bootstrap/coap/traffic"
	"lwbs/bootstrap/coap/udp"
	"lwbs/bootstrap/panics"
)

// A simulatedListener is a listener for DTLS on a network that exists in memory only, for tests with
// the clock of [synctest.Test].
type simulatedListener struct {
	*mux
	t      *testing.T
	failed chan auth.Handshake

	// lose, where not nil, tells of each datagram whether it is lost; up is to the server. It
	// is called for one at a time.
	lose func(peer udp.Peer, up bool, b []byte) bool

	wire  sync.Mutex
	peers map[udp.Peer]*pion.Pipe // where clients read; guarded by wire
}

// inSimulation runs f with a listener, whose end it waits for.
func inSimulation(t *testing.T, set func(*Config), f func(b *simulatedListener)) {
	synctest.Test(t, func(t *testing.T) {
		b := &simulatedListener{t: t, failed: make(chan auth.Handshake, 10_000), peers: make(map[udp.Peer]*pion.Pipe)}
		cfg := Config{
			Exchange:        exchange.Config{Handler: coaptest.HandlerFunc(coaptest.NotFound)},
			PSK:             keyOf,
			HandshakeFailed: func(h auth.Handshake) { b.failed <- h },
		}
		cfg.DTLS.PionForPSK = coaptest.PionForPSK()
		if set != nil {
			set(&cfg)
		}
		cfg, err := cfg.WithDefaults()
		if err != nil {
			t.Fatal(err)
		}
		in := coaptest.NewMemoryConn(b.down)
		g, meter := testGroup(), new(traffic.Meter)
		b.mux = newMux(cfg, udp.NewSocket(in, g, meter, cfg.Exchange.Logger), g, meter)
		b.start()
		defer synctest.Wait()
		defer b.hub.Close(in.Close) // also where f calls Fatal
		f(b)
	})
}

// listenTest returns a listener on loopback, which ends with the test.
func listenTest(t testing.TB, cfg Config) *Listener {
	t.Helper()
	cfg.DTLS.PionForPSK = coaptest.PionForPSK()
	cfg, err := cfg.WithDefaults()
	if err != nil {
		t.Fatal(err)
	}
	l, err := Listen("127.0.0.1:0", cfg, testGroup())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// testGroup returns a group that logs nothing.
func testGroup() *tasks.Group {
	return tasks.NewGroup(panics.New(slog.New(slog.DiscardHandler)))
}

// up carries a datagram of a client to the server.
func (b *simulatedListener) up(peer udp.Peer, d []byte) {
	if !b.lost(peer, d) {
		b.take(peer, d)
	}
}

// lost reports whether a datagram to the server is.
func (b *simulatedListener) lost(peer udp.Peer, d []byte) bool {
	b.wire.Lock()
	defer b.wire.Unlock()
	return b.lose != nil && b.lose(peer, true, d)
}

// down carries a datagram of the server to a client.
func (b *simulatedListener) down(d []byte, to netip.AddrPort) {
	peer := udp.Peer{Remote: to}
	b.wire.Lock()
	defer b.wire.Unlock()
	if p := b.peers[peer]; p != nil && (b.lose == nil || !b.lose(peer, false, d)) {
		p.Put(d, udp.Peer{})
	}
}

// connect returns the socket of a client at peer.
func (b *simulatedListener) connect(peer udp.Peer) *pion.Pipe {
	out := coaptest.NewMemoryConn(func(d []byte, _ netip.AddrPort) { b.up(peer, d) })
	p := pion.NewPipe(udp.NewSocket(out, nil, nil, nil), udp.Peer{})
	b.wire.Lock()
	defer b.wire.Unlock()
	b.peers[peer] = p
	return p
}

// shake has a client complete a handshake that repeats a flight for the first time after
// interval, and returns how long that took.
func (b *simulatedListener) shake(peer udp.Peer, key string, interval, patience time.Duration) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(b.t.Context(), patience)
	defer cancel()
	began := time.Now()
	c, err := dtls.ClientWithOptions(b.connect(peer), udp.Peer{},
		dtls.WithPSK(func([]byte) ([]byte, error) { return []byte(key), nil }),
		dtls.WithPSKIdentityHint([]byte("device")),
		pion.SuiteOption(record.Suites()[:1]), dtls.WithFlightInterval(interval), pion.Silence())
	if err != nil {
		return 0, err
	}
	defer c.Close()
	err = c.HandshakeContext(ctx)
	return time.Since(began), err
}
