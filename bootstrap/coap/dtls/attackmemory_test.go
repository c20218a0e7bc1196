package dtls

import (
	"encoding/binary"
	"runtime"
	"testing"
	"time"

	"lwbs/bootstrap/coap/admission"
	"lwbs/bootstrap/coap/coaptest"
	"lwbs/bootstrap/coap/dtls/hello"
	"lwbs/bootstrap/coap/dtls/record"
	"lwbs/bootstrap/coap/udp"
)

// handshakePart is a datagram of so many bytes with one fragment of a handshake message that
// never becomes whole.
func handshakePart(number uint16, offset, size int) []byte {
	const whole = 1 << 20
	n := size - record.HeaderSize - record.HandshakeHeader
	b := []byte{record.TypeHandshake, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 1, byte(number)}
	b = binary.BigEndian.AppendUint16(b, uint16(record.HandshakeHeader+n))
	b = append(b, 11, whole>>16, whole>>8&0xff, whole&0xff)
	b = binary.BigEndian.AppendUint16(b, number)
	b = append(b, byte(offset>>16), byte(offset>>8), byte(offset), byte(n>>16), byte(n>>8), byte(n))
	return append(b, make([]byte, n)...)
}

// What an attack takes of memory is what docs/operations.md tells, in bytes, whatever the
// peers send.
func TestMemoryOfAttacks(t *testing.T) {
	const handshakes = admission.MinSessions - 16
	open := func(cfg *Config) { cfg.HandshakeFailed = nil }
	begin := func(t *testing.T, m *mux) {
		t.Helper()
		for i := range handshakes {
			m.take(udp.Peer{Remote: coaptest.Attacker(i)}, returnHello(m, udp.Peer{Remote: coaptest.Attacker(i)}, byte(i)))
		}
		if n := m.handshakes(); n != handshakes {
			t.Fatalf("%d handshakes are under way", n)
		}
	}
	// fill sends until each handshake has taken all that it takes.
	fill := func(t *testing.T, m *mux, part func(i int) []byte) {
		t.Helper()
		for h := range handshakes {
			for i, deadline := 0, time.Now().Add(patience); m.takesMore(udp.Peer{Remote: coaptest.Attacker(h)}); i++ {
				m.take(udp.Peer{Remote: coaptest.Attacker(h)}, part(i))
				if time.Now().After(deadline) {
					t.Fatal("a handshake takes more and more")
				}
			}
		}
	}
	tests := []struct {
		name   string
		limit  int // bytes, in all
		attack func(t *testing.T, m *mux)
	}{
		{"handshakes that begin", handshakes * 40 << 10, func(t *testing.T, m *mux) { begin(t, m) }},
		{"handshakes with large fragments", handshakes * 80 << 10, func(t *testing.T, m *mux) {
			begin(t, m)
			fill(t, m, func(i int) []byte { return handshakePart(uint16(2+i%50), 0, 8000) })
		}},
		{"handshakes with small fragments, last first", handshakes * 60 << 10, func(t *testing.T, m *mux) {
			begin(t, m)
			fill(t, m, func(i int) []byte { return handshakePart(2, 100_000-1000*i, 500) })
		}},
		{"ClientHellos that wait", admission.MaxPendingBytes + 4<<20, func(t *testing.T, m *mux) {
			m.mu.Lock()
			m.limiter = admission.NewHandshakeLimiter(0, 0)
			m.mu.Unlock()
			for i := range 2 * admission.MaxPending {
				p := udp.Peer{Remote: coaptest.Attacker(i)}
				m.take(p, padded(returnHello(m, p, byte(i)), 500+i%3500))
			}
			m.mu.Lock()
			defer m.mu.Unlock()
			if m.pending.Bytes() > admission.MaxPendingBytes || m.pending.Bytes() < admission.MaxPendingBytes/2 {
				t.Errorf("%d bytes of ClientHellos wait", m.pending.Bytes())
			}
		}},
		{"ClientHellos in parts", hello.MaxValidatedBytes + hello.MaxUnvalidatedBytes + 1<<20, func(_ *testing.T, m *mux) {
			for i := range 20_000 {
				m.take(udp.Peer{Remote: coaptest.Attacker(i)}, handshakeHelloPart(i))
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newTestMux(t, open)
			limit := tt.limit * coaptest.MemoryFactor
			took := coaptest.MemoryOf(limit, func() { tt.attack(t, m) })
			t.Logf("%d KiB in all", took>>10)
			if took > limit {
				t.Errorf("the attack takes %d KiB, want %d at the most", took>>10, limit>>10)
			}
			runtime.KeepAlive(m)
		})
	}
}

// takesMore reports whether the handshake at peer takes a datagram more.
func (m *mux) takesMore(peer udp.Peer) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	h := m.slots[peer].handshake
	return h != nil && h.plainLeft > 0 && h.plainBytesLeft >= 8000
}

// padded is a second ClientHello that is n bytes longer, by an unknown extension.
func padded(hello []byte, n int) []byte {
	b := append([]byte(nil), hello...)
	b = binary.BigEndian.AppendUint16(b, uint16(n))
	b = binary.BigEndian.AppendUint16(b, 0xfafa)
	b = binary.BigEndian.AppendUint16(b, uint16(n-4))
	b = append(b, make([]byte, n-4)...)
	size := len(b) - record.HeaderSize
	binary.BigEndian.PutUint16(b[record.HeaderSize-2:], uint16(size))
	for _, at := range []int{record.HeaderSize + 1, record.HeaderSize + 9} {
		b[at], b[at+1], b[at+2] = 0, byte((size-record.HandshakeHeader)>>8), byte(size-record.HandshakeHeader)
	}
	return b
}

// handshakeHelloPart is a later part of a second ClientHello of 4,000 bytes.
func handshakeHelloPart(i int) []byte {
	b := handshakePart(1, 100+i%100, 400)
	b[record.HeaderSize] = record.ClientHello
	b[record.HeaderSize+1], b[record.HeaderSize+2], b[record.HeaderSize+3] = 0, hello.MaxHello>>8, hello.MaxHello&0xff
	return b
}
