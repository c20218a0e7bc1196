package dtls

import (
	"encoding/binary"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"go.uber.org/goleak"

	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/coap/coaptest"
	"lwbs/bootstrap/coap/dtls/pion"
	"lwbs/bootstrap/coap/dtls/record"
	"lwbs/bootstrap/coap/exchange"
	"lwbs/bootstrap/coap/traffic"
	"lwbs/bootstrap/coap/udp"
	"lwbs/lwm2m"
)

// patience is how long a test waits for what must happen, on any machine.
const patience = time.Minute

// newTestMux returns a mux whose socket is not read, so that the test alone decides
// what comes. It ends with the test.
func newTestMux(t testing.TB, set func(*Config)) *mux {
	t.Helper()
	leaks := goleak.IgnoreCurrent()
	cfg := Config{
		Exchange:        exchange.Config{Handler: coaptest.HandlerFunc(coaptest.NotFound)},
		PSK:             func(string) (lwm2m.Secret, error) { return lwm2m.NewSecret([]byte("key")), nil },
		HandshakeFailed: func(h auth.Handshake) { t.Errorf("told of %+v", h) },
		DTLS:            Options{MaxPerPeer: 10_000}, // the clients of a test are one device
	}
	cfg.DTLS.PionForPSK = coaptest.PionForPSK()
	set(&cfg)
	cfg, err := cfg.WithDefaults()
	if err != nil {
		t.Fatal(err)
	}
	g, meter := testGroup(), new(traffic.Meter)
	s, err := udp.Listen("127.0.0.1:0", g, meter, cfg.Exchange.Logger)
	if err != nil {
		t.Fatal(err)
	}
	m := newMux(cfg, s, g, meter)
	t.Cleanup(func() {
		m.hub.Close(s.Close)
		goleak.VerifyNone(t, leaks)
	})
	return m
}

// returnHello returns the second ClientHello of a peer that was sent a cookie by m.
func returnHello(m *mux, peer udp.Peer, random byte) []byte {
	return coaptest.SecondHello(random, m.cookies.Cookie(peer, coaptest.Random(random), time.Now()))
}

// beginHello returns the first ClientHello of a client, with this random.
func beginHello(random byte) []byte {
	b := []byte{record.TypeHandshake, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 54,
		record.ClientHello, 0, 0, 42, 0, 0, 0, 0, 0, 0, 0, 42, 0xfe, 0xfd}
	for range record.RandomSize {
		b = append(b, random)
	}
	return append(b, 0, 0, 0, 2, 0xc0, 0xa8, 1, 0)
}

func (m *mux) handshakeAt(peer udp.Peer) *handshake {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.slots[peer].handshake
}

func (m *mux) associationAt(peer udp.Peer) *association {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.slots[peer].association
}

// completed makes an association of h, as if its handshake were complete; nil where it had
// to give way.
func (m *mux) completed(h *handshake) *association {
	as := &handshake{mux: m, peer: h.peer, random: h.random} // as what is in h belongs to its goroutine
	layer := as.layerOf(pion.Agreement{Suite: record.PSKWithAES128CCM8, ServerRandom: make([]byte, record.RandomSize)})
	a, _ := m.activate(h, newAssociation(as, layer, nil))
	return a
}

func peerAt(port uint16) udp.Peer {
	return udp.Peer{Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port)}
}

// Who begins anew at the same address takes the place of the handshake before, also where
// there is room for one only.
func TestMuxCookieSupersedes(t *testing.T) {
	m := newTestMux(t, func(cfg *Config) { cfg.DTLS.MaxHandshakes, cfg.HandshakeFailed = 1, nil })
	peer := peerAt(9)
	m.take(peer, returnHello(m, peer, 1))
	first := m.handshakeAt(peer)
	m.take(peer, returnHello(m, peer, 1)) // which changes nothing
	if first == nil || m.handshakeAt(peer) != first {
		t.Fatal("the same ClientHello begins another handshake")
	}
	m.take(peer, returnHello(m, peer, 2))
	if second := m.handshakeAt(peer); second == nil || second == first {
		t.Error("the device was not let in")
	}
}

// A ClientHello with a cookie that is not its own begins nothing.
func TestMuxForeignCookie(t *testing.T) {
	m := newTestMux(t, func(*Config) {})
	peer := peerAt(9)
	unnumbered := returnHello(m, peer, 1)
	unnumbered[10] = 0 // no record can have come before
	otherRandom := returnHello(m, peer, 1)
	otherRandom[27]++
	third := returnHello(m, peer, 1)
	third[18] = 2 // message number
	for name, b := range map[string][]byte{
		"of another peer":   returnHello(m, peerAt(10), 1),
		"of another random": otherRandom,
		"of another server": returnHello(newTestMux(t, func(*Config) {}), peer, 1),
		"record number":     unnumbered,
		"message number":    third,
	} {
		m.take(peer, b)
		if m.handshakeAt(peer) != nil {
			t.Fatalf("%s: it begins an association", name)
		}
	}
}

// Of 100,000 forged ClientHellos nothing is left, whole or in fragments.
func TestMuxForgedHellos(t *testing.T) {
	const forged = 100_000
	m := newTestMux(t, func(*Config) {})
	goroutines := runtime.NumGoroutine()
	part := beginHello(1)
	part[record.HeaderSize+3]++ // so that one byte of it is missing
	for i := range forged {
		hello := [][]byte{beginHello(1), part}[i%2]
		from := netip.AddrFrom4([4]byte{127, byte(i >> 16), byte(i >> 8), byte(i)})
		binary.BigEndian.PutUint32(hello[record.HeaderSize+record.HandshakeHeader+2:], uint32(i)) // random
		m.take(udp.Peer{Remote: netip.AddrPortFrom(from, 9)}, hello)
	}
	if n := runtime.NumGoroutine(); n > goroutines || len(m.slots) > 0 || m.handshakes() > 0 {
		t.Errorf("%d goroutines, before %d; %d slots, %d handshakes", n, goroutines, len(m.slots), m.handshakes())
	}
	if n := m.hub.Meter.Sent.Load(); n != forged {
		t.Errorf("%d were sent a cookie, want %d", n, forged)
	}
}

// What does not begin a handshake gets no association.
func TestMuxNewPeers(t *testing.T) {
	m := newTestMux(t, func(*Config) {})
	second := beginHello(1)
	second[18] = 1 // message number
	later := beginHello(1)
	later[21] = 1 // offset of the fragment
	for name, b := range map[string][]byte{
		"second ClientHello": second,
		"later fragment":     later,
		"sealed":             {record.TypeApplicationData, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 7},
		"change cipher spec": {record.TypeChangeCipherSpec, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1},
		"alert":              {record.TypeAlert, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 40},
		"garbage":            {1, 2, 3},
		"short handshake":    {record.TypeHandshake, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 7},
	} {
		m.take(peerAt(9), b)
		if m.handshakeAt(peerAt(9)) != nil {
			t.Fatalf("%s begins an association", name)
		}
	}
	if got := m.hub.Meter.Snapshot(); got.Dropped[traffic.DropOutOfPlace] != 4 || got.Dropped[traffic.DropNoAssociation] != 1 || got.Dropped[traffic.DropMalformed] != 2 || got.Received != 7 {
		t.Errorf("counters = %+v", got)
	}
}

// However much comes in the clear, an association takes but a part of it.
func TestMuxBoundsPlain(t *testing.T) {
	m := newTestMux(t, func(*Config) {})
	peer := peerAt(9)
	deadline := time.Now().Add(patience)
	for m.hub.Meter.Snapshot().Dropped[traffic.DropQueueFull] < 100 {
		m.take(peer, returnHello(m, peer, 1))
		if time.Now().After(deadline) {
			t.Fatal("everything is taken")
		}
	}
	a := m.handshakeAt(peer)
	m.mu.Lock()
	defer m.mu.Unlock()
	if a.plainLeft != 0 {
		t.Errorf("it would take %d more", a.plainLeft)
	}
}

// A ClientHello that came twice, or late, begins no second handshake when the first is
// complete: that would get what the client repeats for the one it knows.
func TestMuxHelloComesTwice(t *testing.T) {
	m := newTestMux(t, func(cfg *Config) { cfg.HandshakeFailed = nil }) // pion goes on with the first
	peer := peerAt(9)
	m.take(peer, returnHello(m, peer, 1))
	a := m.completed(m.handshakeAt(peer))
	if a == nil {
		t.Fatal("not established")
	}
	before := m.hub.Meter.Snapshot().Sent
	m.take(peer, returnHello(m, peer, 1))
	m.take(peer, beginHello(1))
	if m.handshakeAt(peer) != nil || m.associationAt(peer) != a {
		t.Error("another handshake was begun")
	}
	if n := m.hub.Meter.Snapshot(); n.Dropped[traffic.DropOutOfPlace] != 2 || n.Sent != before {
		t.Errorf("counters %+v", n)
	}
	m.take(peer, returnHello(m, peer, 2))
	if m.handshakeAt(peer) == nil {
		t.Error("a device that was restarted is not let in")
	}
}

// An association that is superseded just as its handshake completes ends.
func TestMuxEstablishAfterDrop(t *testing.T) {
	m := newTestMux(t, func(cfg *Config) { cfg.HandshakeFailed = nil })
	m.take(peerAt(9), returnHello(m, peerAt(9), 1))
	a := m.handshakeAt(peerAt(9))
	m.mu.Lock()
	m.dropHandshake(a, errSuperseded)
	m.mu.Unlock()
	if m.completed(a) != nil || m.associationAt(peerAt(9)) != nil {
		t.Error("established all the same")
	}
}
