package dtls

import (
	"testing"

	"lwbs/bootstrap/coap/admission"
)

// A fixed monitor reports the same load always.
type fixed bool

func (f fixed) Overloaded() bool { return bool(f) }

// A device that finds all handshakes taken waits, and is let in when one becomes free.
func TestMuxHandshakeQueue(t *testing.T) {
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
	if n := m.hub.Meter.Snapshot().Dropped.Total(); n != 0 {
		t.Errorf("%d datagrams were dropped", n)
	}
	m.endHandshake(m.handshakeAt(a))
	if m.handshakeAt(b) == nil {
		t.Error("who waited was not let in")
	}
}

// Where datagrams wait to be decrypted, new clients wait for others to be done; and whoever
// is let in meanwhile is let in once.
func TestMuxOverload(t *testing.T) {
	m := newTestMux(t, func(cfg *Config) { cfg.HandshakeFailed = nil })
	m.monitor = fixed(true)
	for port := range uint16(admission.MinSessions) {
		m.take(peerAt(100+port), returnHello(m, peerAt(100+port), byte(port)))
	}
	if n := m.handshakes(); n != admission.MinSessions {
		t.Fatalf("%d handshakes are under way, want %d however slow it is", n, admission.MinSessions)
	}
	m.monitor = fixed(true)
	one, next := peerAt(9), peerAt(10)
	m.take(one, returnHello(m, one, 200))
	m.take(next, returnHello(m, next, 201))
	if m.handshakeAt(one) != nil {
		t.Fatal("a new client is admitted during overload")
	}
	m.monitor = fixed(false)
	m.take(one, returnHello(m, one, 200))
	let := m.handshakeAt(one)
	if let == nil {
		t.Fatal("a new client is not admitted after the overload")
	}
	m.endHandshake(m.handshakeAt(peerAt(100)))
	if m.handshakeAt(one) != let {
		t.Error("who was let in was let in again, in place of itself")
	}
	if m.handshakeAt(next) == nil {
		t.Error("the next one is not let in")
	}
}
