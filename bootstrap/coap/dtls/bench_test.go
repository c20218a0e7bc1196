package dtls

import (
	"context"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"lwbs/bootstrap/coap/coaptest"
	"lwbs/bootstrap/coap/dtls/pion"
	"lwbs/bootstrap/coap/exchange"
	"lwbs/bootstrap/coap/udp"
	"lwbs/lwm2m"
)

// A mutable is the connected socket of a client that can die without a word.
type mutable struct {
	pion.Connected
	mute atomic.Bool
}

func (m *mutable) WriteTo(b []byte, to net.Addr) (int, error) {
	if m.mute.Load() {
		return len(b), nil
	}
	return m.Connected.WriteTo(b, to)
}

func benchListener(b *testing.B) *Listener {
	b.Helper()
	l := listenTest(b, Config{
		Exchange: exchange.Config{Handler: coaptest.HandlerFunc(coaptest.NotFound)},
		PSK:      func(string) (lwm2m.Secret, error) { return lwm2m.NewSecret([]byte("0123456789abcdef")), nil },
		DTLS:     Options{HandshakeTimeout: time.Hour, MaxPerPeer: 1_000_000},
	})
	return l
}

func benchClient(b *testing.B, l *Listener) (net.Conn, *mutable) {
	b.Helper()
	nc, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(l.Addr()))
	if err != nil {
		b.Fatal(err)
	}
	m := &mutable{Connected: pion.Connected{UDPConn: nc}}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	secure, err := pion.Connect(ctx, m, nc.RemoteAddr(), pion.Client{Identity: "device", Key: lwm2m.NewSecret([]byte("0123456789abcdef"))})
	if err != nil {
		b.Fatal(err)
	}
	return secure, m
}

// What the server holds for an association that is established and idle. The clients
// are gone when it is measured; the server does not know.
func BenchmarkDTLSEstablished(b *testing.B) {
	l := benchListener(b)
	before := coaptest.Measure()
	for b.Loop() {
		secure, m := benchClient(b, l)
		m.mute.Store(true)
		secure.Close()
	}
	coaptest.ReportPer(b, before, float64(b.N))
}

// What the server holds for each peer that has returned its cookie, and nothing more.
func BenchmarkDTLSHalfOpen(b *testing.B) {
	const most = 500
	for b.Loop() {
		m := newTestMux(b, func(cfg *Config) { cfg.HandshakeFailed = nil })
		before := coaptest.Measure()
		for i := range uint16(most) {
			m.take(peerAt(100+i), returnHello(m, peerAt(100+i), byte(i)))
		}
		m.hub.Tasks.Pause(100 * time.Millisecond) // until pion has answered
		coaptest.ReportPer(b, before, most)
	}
}

// A handshake with both sides in this process, and its end.
func BenchmarkDTLSHandshake(b *testing.B) {
	l := benchListener(b)
	b.ReportAllocs()
	for b.Loop() {
		secure, _ := benchClient(b, l)
		secure.Close()
	}
}

// What a forged ClientHello costs, the answer included.
func BenchmarkDTLSForgedHello(b *testing.B) {
	m := newTestMux(b, func(*Config) {})
	hello := beginHello(1)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		from := netip.AddrFrom4([4]byte{127, byte(i >> 16), byte(i >> 8), byte(i)})
		m.take(udp.Peer{Remote: netip.AddrPortFrom(from, 9)}, hello)
	}
}
