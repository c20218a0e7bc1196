package pskhandshake

import (
	"bytes"
	"testing"
	"time"

	"lwbs/bootstrap/coap/coaptest"
	"lwbs/bootstrap/coap/dtls/hello"
	"lwbs/bootstrap/coap/dtls/record"
)

// Whatever moves come in whatever order, what the model says becomes of the handshake.
func FuzzOrder(f *testing.F) {
	var clients []*client
	for i, suite := range record.Suites() {
		c, _, _ := newClient(f, suite, testKey, nil, [][][]byte{nil, {extendedMaster}}[i%2]...)
		clients = append(clients, c)
	}
	f.Add(uint8(0), true, []byte{3, 0, 9})
	f.Add(uint8(1), true, []byte{9, 17, 3, 8, 0})
	f.Add(uint8(2), false, []byte{3, 0, 9, 1, 1, 2})
	f.Add(uint8(3), true, []byte{5, 4, 0, 9, 16, 21})
	f.Add(uint8(3), true, bytes.Repeat([]byte{17, 9, 12}, 40))
	f.Fuzz(func(t *testing.T, which uint8, right bool, script []byte) {
		c := clients[int(which)%len(clients)]
		all := moves(t, c)
		key, order := testKey, make([]move, 0, len(script))
		for _, b := range script {
			order = append(order, all[int(b)%len(all)])
		}
		if !right {
			key = otherKey
		}
		early := 0 // beyond what is kept the model does not know what is dropped
		for _, v := range order {
			early += len(v.b) + recordOverhead
		}
		if early <= maxKept {
			playAll(t, c, key, order)
		}
	})
}

// Whatever bytes come, in whatever pieces and in whatever state, a handshake is not complete without
// the key, keeps little, uses no number twice, and with an unknown identity sends what it sends with a
// wrong key.
func FuzzRecords(f *testing.F) {
	c, _, _ := newClient(f, record.PSKWithAES128CCM8, testKey, ownCID, extendedMaster, askCID(7))
	for _, v := range moves(f, c) {
		f.Add(v.b, uint8(1))
		f.Add(append(bytes.Clone(c.keyExchange(testIdentity)), v.b...), uint8(3))
	}
	for _, datagrams := range coaptest.Recordings(f) {
		var all []byte
		for _, d := range datagrams {
			f.Add(d.B, uint8(0))
			all = append(all, d.B...)
		}
		f.Add(all, uint8(7))
	}
	f.Fuzz(func(t *testing.T, b []byte, steps uint8) {
		var sent [2][]byte
		for i, key := range [][]byte{[]byte("wrong"), []byte("made up")} { // with which no seed is
			h, out := Begin(Opening{Hello: c.hello, Offer: c.offer, Random: serverRandom, CID: c.own}, now)
			w := newWatch(out)
			at := now
			for rest := b; len(rest) > 0; {
				r, behind, ok := record.Next(rest)
				if !ok {
					break
				}
				rest = behind
				was := bytes.Clone(r.Content)
				out := h.Take(r, at)
				if !bytes.Equal(was, r.Content) {
					t.Fatal("it has altered the record")
				}
				if wrong := w.look(h, move{b: append(r.Header, r.Content...)}, out); wrong != "" {
					t.Fatal(wrong)
				}
				sent[i] = append(sent[i], out...)
				clear(r.Content) // which it must not have kept
				copy(r.Content, was)
				if h.Status() == NeedsKey && steps&1 != 0 {
					sent[i] = append(sent[i], h.Key(key)...)
				}
				if steps&2 != 0 {
					at = at.Add(time.Second)
					out := h.Due(at)
					if !w.numbers(out) {
						t.Fatalf("a number comes twice in %x", out)
					}
					sent[i] = append(sent[i], out...)
				}
			}
			if h.Status() == Complete {
				t.Fatal("it is complete without the key")
			}
		}
		if !bytes.Equal(sent[0], sent[1]) {
			t.Fatalf("two keys are told apart:\n%x\n%x", sent[0], sent[1])
		}
	})
}

// Whatever ClientHello comes, a handshake begins or is refused with an alert, and what it sends is less
// than three times as much.
func FuzzBegin(f *testing.F) {
	for _, datagrams := range coaptest.Recordings(f) {
		for _, d := range datagrams {
			f.Add(d.B)
		}
	}
	f.Add(secondHello(record.Suites(), extendedMaster, renegotiation, askCID(1, 2)))
	f.Fuzz(func(t *testing.T, b []byte) {
		offer, _ := hello.ParseOffer(b)
		h, out := Begin(Opening{Hello: b, Offer: offer, Random: serverRandom, CID: ownCID}, now)
		alert := len(out) == record.HeaderSize+2 && out[0] == record.TypeAlert
		if (h.Status() == Failed) != alert || (h.Status() == Failed) != (h.Err() != nil) || h.Status() == Complete || h.Status() == NeedsKey {
			t.Fatalf("status %d, error %v, sent %x", h.Status(), h.Err(), out)
		}
		if h.Status() == Waiting && len(out) > 3*len(b) {
			t.Fatalf("%d bytes get %d", len(b), len(out))
		}
	})
}
