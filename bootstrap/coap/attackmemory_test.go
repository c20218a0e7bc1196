package coap

import (
	"context"
	"encoding/binary"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"lwbs/bootstrap"
	"lwbs/lwm2m"
)

// memoryOf returns how many bytes of heap and stacks are in use after attack that were not before,
// garbage left out.
func memoryOf(attack func()) int {
	usage := func() int {
		runtime.GC()
		runtime.GC() // what the first finalised
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc + m.StackInuse)
	}
	before := usage()
	attack()
	return usage() - before
}

// attacker is the i-th address of an attack that comes from 16 networks.
func attacker(i int) udpPeer {
	return udpPeer{remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 1, byte(i % 16), 1}), uint16(1024+i))}
}

// handshakePart is a datagram of so many bytes with one fragment of a handshake message that
// never becomes whole.
func handshakePart(number uint16, offset, size int) []byte {
	const whole = 1 << 20
	n := size - recordHeader - handshakeHeader
	b := []byte{handshakeRecord, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 1, byte(number)}
	b = binary.BigEndian.AppendUint16(b, uint16(handshakeHeader+n))
	b = append(b, 11, whole>>16, whole>>8&0xff, whole&0xff)
	b = binary.BigEndian.AppendUint16(b, number)
	b = append(b, byte(offset>>16), byte(offset>>8), byte(offset), byte(n>>16), byte(n>>8), byte(n))
	return append(b, make([]byte, n)...)
}

// What an attack takes of memory is what docs/operations.md tells, in bytes, whatever the
// peers send.
func TestMemoryOfAttacks(t *testing.T) {
	const handshakes, peers = alwaysUnderWay - 16, 1000
	open := func(cfg *Config) { cfg.HandshakeFailed = nil }
	begin := func(t *testing.T, m *mux) {
		t.Helper()
		for i := range handshakes {
			m.take(attacker(i), returnHello(m, attacker(i), byte(i)))
		}
		if n := m.handshakes(); n != handshakes {
			t.Fatalf("%d handshakes are under way", n)
		}
	}
	// fill sends until each handshake has taken all that it takes.
	fill := func(t *testing.T, m *mux, part func(i int) []byte) {
		t.Helper()
		for h := range handshakes {
			for i, deadline := 0, time.Now().Add(patience); m.takesMore(attacker(h)); i++ {
				m.take(attacker(h), part(i))
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
		{"ClientHellos that wait", maxVisitorBytes + 4<<20, func(t *testing.T, m *mux) {
			m.mu.Lock()
			m.admission.maxHandshakes = 0
			m.mu.Unlock()
			for i := range 2 * maxVisitors {
				p := attacker(i)
				m.take(p, padded(returnHello(m, p, byte(i)), 500+i%3500))
			}
			m.mu.Lock()
			defer m.mu.Unlock()
			if m.lobby.bytes > maxVisitorBytes || m.lobby.bytes < maxVisitorBytes/2 {
				t.Errorf("%d bytes of ClientHellos wait", m.lobby.bytes)
			}
		}},
		{"ClientHellos in parts", maxProvedBytes + maxEarlyBytes + 1<<20, func(_ *testing.T, m *mux) {
			for i := range 20_000 {
				m.take(attacker(i), handshakeHelloPart(i))
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newTestMux(t, open)
			took := memoryOf(func() { tt.attack(t, m) })
			t.Logf("%d KiB in all", took>>10)
			if limit := tt.limit * memoryFactor; took > limit {
				t.Errorf("the attack takes %d KiB, want %d at the most", took>>10, limit>>10)
			}
			runtime.KeepAlive(m)
		})
	}
	for _, tt := range []struct {
		name  string
		limit int // bytes for each peer
		send  func(c *conn)
	}{
		{"a request, not answered", 24 << 10, func(c *conn) { c.deliver(forgedRequest(t, 1, nil)) }},
		{"requests that are all different", 32 << 10, func(c *conn) {
			for mid := range uint16(200) {
				c.deliver(forgedRequest(t, mid, nil))
			}
		}},
		{"uploads that do not end", 16 << 10, func(c *conn) {
			for i := range uint32(7) {
				c.deliver(forgedRequest(t, uint16(i), &block{num: i, more: true, szx: maxSZX}))
			}
		}},
	} {
		t.Run("plain CoAP: "+tt.name, func(t *testing.T) {
			s := newTestTable(t)
			took := memoryOf(func() {
				for i := range peers {
					tt.send(s.conn(attacker(i)))
				}
				s.settle()
			})
			t.Logf("%d bytes for each peer", took/peers)
			if limit := tt.limit * memoryFactor; took > limit*peers {
				t.Errorf("a peer takes %d bytes, want %d at the most", took/peers, limit)
			}
			if s.hub.uploads.bytes > maxUploadBytes {
				t.Errorf("%d bytes of uploads are kept", s.hub.uploads.bytes)
			}
		})
	}
}

// takesMore reports whether the handshake at peer takes a datagram more.
func (m *mux) takesMore(peer udpPeer) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	h := m.slots[peer].handshake
	return h != nil && h.plain > 0 && h.bytes >= 8000
}

// padded is a second ClientHello that is n bytes longer, by an extension that nobody knows.
func padded(hello []byte, n int) []byte {
	b := append([]byte(nil), hello...)
	b = binary.BigEndian.AppendUint16(b, uint16(n))
	b = binary.BigEndian.AppendUint16(b, 0xfafa)
	b = binary.BigEndian.AppendUint16(b, uint16(n-4))
	b = append(b, make([]byte, n-4)...)
	size := len(b) - recordHeader
	binary.BigEndian.PutUint16(b[recordHeader-2:], uint16(size))
	for _, at := range []int{recordHeader + 1, recordHeader + 9} {
		b[at], b[at+1], b[at+2] = 0, byte((size-handshakeHeader)>>8), byte(size-handshakeHeader)
	}
	return b
}

// handshakeHelloPart is a later part of a second ClientHello of 4,000 bytes.
func handshakeHelloPart(i int) []byte {
	b := handshakePart(1, 100+i%100, 400)
	b[recordHeader] = clientHello
	b[recordHeader+1], b[recordHeader+2], b[recordHeader+3] = 0, maxHello>>8, maxHello&0xff
	return b
}

// forgedRequest is POST /bs with a query of a device; with a block, a part of a payload.
func forgedRequest(t *testing.T, mid uint16, b *block) []byte {
	m := message{kind: confirmable, code: lwm2m.Code(bootstrap.POST), mid: mid, token: "12345678", path: []string{"bs"}, queries: []string{"ep=urn:imei:356789012345678"}}
	if b != nil {
		m.block1, m.payload = b, make([]byte, b.size())
	}
	datagram, err := encode(m)
	if err != nil {
		t.Fatal(err)
	}
	return datagram
}

// A testTable is a udpTable whose peers never answer.
type testTable struct {
	*udpTable
	t *testing.T
}

func newTestTable(t *testing.T) testTable {
	h := newHub(mustDefaults(t, Config{Handler: handlerFunc(func(_ context.Context, c bootstrap.Conn, _ bootstrap.Request) (bootstrap.Response, func(context.Context)) {
		return bootstrap.Response{Code: lwm2m.CodeChanged}, func(ctx context.Context) { _, _ = c.Do(ctx, bootstrapDiscover) }
	})}))
	s, err := openSocket("127.0.0.1:0", h)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.close(s.conn.Close) })
	return testTable{newUDPTable(h, s), t}
}

func mustDefaults(t *testing.T, cfg Config) Config {
	cfg, err := cfg.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// conn returns the conn of a peer, new where there is none.
func (s testTable) conn(peer udpPeer) *conn {
	if c := s.find(peer, true); c != nil {
		return c
	}
	c, why := s.admit(peer, toll{})
	if why != notDropped {
		s.t.Fatal(why)
	}
	return c
}

// settle waits until what came is attended to.
func (s testTable) settle() {
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		waits := s.hub.waiting.Load() > 0
		s.hub.mu.Lock()
		for c := range s.hub.conns {
			c.mu.Lock()
			waits = waits || c.draining || c.underWay > 0 && c.calls == 0
			c.mu.Unlock()
		}
		s.hub.mu.Unlock()
		if !waits {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatal("requests are not attended to")
		}
	}
}
