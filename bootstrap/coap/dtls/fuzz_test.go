package dtls

import (
	"bytes"
	"runtime"
	"testing"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap/admission"
	"lwbs/bootstrap/coap/coaptest"
	"lwbs/bootstrap/coap/dtls/pion"
	"lwbs/bootstrap/coap/dtls/record"
	"lwbs/bootstrap/coap/udp"
	"lwbs/lwm2m"
)

// siegeHandshakes is how many handshakes there may be in a siege.
const siegeHandshakes = 4

// An attackedListener is a mux with two associations, one of a client with a connection ID and one
// without, that is sent what the fuzzer makes up.
type attackedListener struct {
	*smallListener
	clients    []bootstrap.Conn
	peers      []udp.Peer // where they are; and at last a new peer
	cid        connectionID
	live       []*association
	goroutines int
}

func newAttackedListener(t testing.TB) *attackedListener {
	s := &attackedListener{smallListener: newSmallListener(t, 3)}
	s.mu.Lock()
	s.limiter = admission.NewHandshakeLimiter(siegeHandshakes, siegeHandshakes)
	s.mu.Unlock()
	for _, offer := range []bool{false, true} {
		c, _, err := dialTest(t.Context(), s.socket.Addr().String(), pion.Client{
			Identity: "device", Key: lwm2m.NewSecret([]byte("key")), OfferCID: offer,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		s.ask(c, "bs")
		s.clients = append(s.clients, c)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for e := s.active.Back(); e != nil; e = e.Prev() {
		a := e.Value.(*association)
		s.live, s.peers = append(s.live, a), append(s.peers, a.peer)
	}
	s.cid = s.live[1].cid
	s.peers = append(s.peers, peerAt(9))
	s.goroutines = runtime.NumGoroutine()
	return s
}

// shoot sends what comes as b: each datagram after two bytes, from where and how long. A
// record that has a connection ID is given that of the client.
func (s *attackedListener) shoot(b []byte) {
	for len(b) > 2 {
		from, n := s.peers[int(b[0])%len(s.peers)], min(int(b[1])|int(b[0]>>2)<<8, len(b)-2)
		d := bytes.Clone(b[2 : 2+n])
		b = b[2+n:]
		for rest := d; len(rest) >= record.HeaderSize+record.CIDSize && rest[0] == record.TypeCID; {
			r, next, ok := record.Next(rest)
			if !ok {
				break
			}
			copy(r.CID(), s.cid[:])
			rest = next
		}
		s.take(from, d)
	}
}

// A shot is one datagram for [attackedListener.shoot]; from is 0 or 1 for the clients, 2 for a
// new peer.
func shot(from byte, d []byte) []byte {
	from += byte(len(d)>>8) * 12 // which leaves it the same modulo 3, and its upper six bits
	return append([]byte{from, byte(len(d))}, d...)
}

// Whatever datagrams come, from wherever they seem to, the associations go on, where they
// are, and what is kept stays within its limits.
func FuzzDTLSDatagram(f *testing.F) {
	var seeds [][]byte
	for _, datagrams := range coaptest.Recordings(f) {
		for _, d := range datagrams {
			seeds = append(seeds, d.B)
		}
	}
	part := beginHello(1)
	part[record.HeaderSize+3]++ // which is missing
	later := beginHello(1)
	later[record.HeaderSize+5], later[record.HeaderSize+8] = 1, 1 // second message, offset
	seeds = append(seeds, part, later, beginHello(1), coaptest.WithCID(connectionID{1}, make([]byte, 40)...),
		append(coaptest.WithCID(connectionID{1}, 7), coaptest.WithCID(connectionID{1}, make([]byte, 30)...)...),
		[]byte{record.TypeApplicationData, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 7},
		[]byte{record.TypeApplicationData, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9, 0, 1, 7},
		[]byte{record.TypeAlert, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40},
		[]byte{record.TypeAlert, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 1, 0},
		[]byte{record.TypeChangeCipherSpec, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 1},
		[]byte{99, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 1})
	var all []byte
	for _, seed := range seeds {
		for from := range byte(3) {
			f.Add(shot(from, seed))
			all = append(all, shot(from, seed)...)
		}
	}
	f.Add(all)
	s := newAttackedListener(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		s.t = t
		s.shoot(b)
		for i, c := range s.clients {
			s.ask(c, "bs")
			if a := s.associationAt(s.peers[i]); a != s.live[i] {
				t.Fatalf("client %d has another association", i)
			}
		}
		const perHandshake, perClient = 5, 4 // goroutines
		limit := s.goroutines + siegeHandshakes*perHandshake + len(s.clients)*perClient
		s.until("no more goroutines than there may be", func() bool { return runtime.NumGoroutine() <= limit })
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.slots) > len(s.peers) || len(s.cids) > 1+s.limiter.Len() || s.active.Len() != 2 {
			t.Errorf("%d slots, %d connection IDs, %d associations", len(s.slots), len(s.cids), s.active.Len())
		}
	})
}
