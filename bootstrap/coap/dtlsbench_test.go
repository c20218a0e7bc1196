package coap

import (
	"context"
	"net"
	"net/netip"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"lwbs/lwm2m"
)

// A mutable is the connected socket of a client that can die without a word.
type mutable struct {
	connected
	mute atomic.Bool
}

func (m *mutable) WriteTo(b []byte, to net.Addr) (int, error) {
	if m.mute.Load() {
		return len(b), nil
	}
	return m.connected.WriteTo(b, to)
}

func benchListener(b *testing.B) *Listener {
	b.Helper()
	l, err := ListenDTLS("127.0.0.1:0", Config{
		Handler: notFound{},
		PSK:     func(string) (lwm2m.Secret, bool) { return lwm2m.NewSecret([]byte("0123456789abcdef")), true },
		DTLS:    DTLSConfig{HandshakeTimeout: time.Hour, MaxPerPeer: 1_000_000},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	return l
}

func benchClient(b *testing.B, l *Listener) (net.Conn, *mutable) {
	b.Helper()
	nc, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(l.Addr()))
	if err != nil {
		b.Fatal(err)
	}
	m := &mutable{connected: connected{nc}}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	secure, err := connect(ctx, m, nc.RemoteAddr(), DialConfig{Identity: "device", Key: lwm2m.NewSecret([]byte("0123456789abcdef"))})
	if err != nil {
		b.Fatal(err)
	}
	return secure, m
}

// A footprint is what a process holds after a collection.
type footprint struct{ heap, stack, goroutines float64 }

func measure() footprint {
	runtime.GC()
	runtime.GC() // the first only drops what is in pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return footprint{float64(m.HeapAlloc), float64(m.StackInuse), float64(runtime.NumGoroutine())}
}

// reportPer reports what was added since before, for each of n.
func reportPer(b *testing.B, before footprint, n float64) {
	after := measure()
	b.ReportMetric((after.heap-before.heap)/n, "heap-B/assoc")
	b.ReportMetric((after.stack-before.stack)/n, "stack-B/assoc")
	b.ReportMetric((after.goroutines-before.goroutines)/n, "goroutines/assoc")
}

// What the server holds for an association that is established and idle. The clients
// are gone when it is measured; the server does not know.
func BenchmarkDTLSEstablished(b *testing.B) {
	l := benchListener(b)
	before := measure()
	for b.Loop() {
		secure, m := benchClient(b, l)
		m.mute.Store(true)
		secure.Close()
	}
	reportPer(b, before, float64(b.N))
}

// What the server holds for each peer that has returned its cookie, and nothing more.
func BenchmarkDTLSHalfOpen(b *testing.B) {
	const most = 500
	for b.Loop() {
		m := newTestMux(b, func(cfg *Config) { cfg.HandshakeFailed = nil })
		before := measure()
		for i := range uint16(most) {
			m.take(peerAt(100+i), returnHello(m, peerAt(100+i), byte(i)))
		}
		m.hub.pause(100 * time.Millisecond) // until pion has answered
		reportPer(b, before, most)
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
		m.take(udpPeer{remote: netip.AddrPortFrom(from, 9)}, hello)
	}
}
