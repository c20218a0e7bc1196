package pskhandshake

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"lwbs/bootstrap/coap/dtls/record"
)

// A move is one thing that may happen to a handshake.
type move struct {
	name string
	b    []byte // a datagram; nil for the others

	key, due bool // the server gets its key, or its time has come

	claims string // the identity that it claims, if it is the first
	proves []byte // it is the Finished of testIdentity, with this key
	ends   bool   // it ends a handshake that is not complete
	breaks bool   // it ends one of testIdentity with testKey, once there are keys
}

// moves are all that a client, or who pretends to be it, can do in a handshake, and the rest.
func moves(t testing.TB, c *client) []move {
	finished := c.finished()
	forged := bytes.Clone(c.sealed(t, 0, record.TypeHandshake, finished...))
	forged[len(forged)-1]++
	liar := *c
	liar.derive(t, otherKey)
	verify := bytes.Clone(finished)
	verify[len(verify)-1]++
	inEpoch := func(epoch byte, b []byte) []byte { b = bytes.Clone(b); b[4] = epoch; return b }
	return []move{
		{name: "key", key: true},
		{name: "time", due: true},
		{name: "ClientHello", b: c.hello},
		{name: "ClientKeyExchange", b: c.keyExchange(testIdentity), claims: testIdentity},
		{name: "another ClientKeyExchange", b: c.keyExchange("other"), claims: "other"},
		{name: "half a ClientKeyExchange", b: fragmentsOf(c.keyExchange(testIdentity), 5)[0]},
		{name: "ClientKeyExchange in epoch 1", b: inEpoch(1, c.keyExchange(testIdentity))},
		{name: "ClientKeyExchange in epoch 2", b: inEpoch(2, c.keyExchange(testIdentity))},
		{name: "ClientKeyExchange of another number", b: plain(record.TypeHandshake, message(16, 3, c.keyExchange(testIdentity)[record.HeaderSize+record.HandshakeHeader:])...)},
		{name: "ClientKeyExchange under the keys", b: c.sealed(t, 7, record.TypeHandshake, c.keyExchange(testIdentity)[record.HeaderSize:]...)},
		{name: "ChangeCipherSpec", b: plain(record.TypeChangeCipherSpec, 1)},
		{name: "Finished", b: c.sealed(t, 0, record.TypeHandshake, finished...), proves: testKey},
		{name: "Finished in the clear", b: plain(record.TypeHandshake, finished...)},
		{name: "Finished in epoch 2", b: inEpoch(2, c.sealed(t, 0, record.TypeHandshake, finished...))},
		{name: "forged Finished", b: forged},
		{name: "Finished with another key", b: liar.sealed(t, 0, record.TypeHandshake, liar.finished()...), proves: otherKey},
		{name: "another message in place of Finished", b: c.sealed(t, 6, record.TypeHandshake, message(14, 3, finished[record.HandshakeHeader:])...)},
		{name: "Finished of another number", b: c.sealed(t, 1, record.TypeHandshake, message(20, 4, finished[record.HandshakeHeader:])...)},
		{name: "Finished of another length", b: c.sealed(t, 2, record.TypeHandshake, message(20, 3, finished[record.HandshakeHeader+1:])...)},
		{name: "Finished over another handshake", b: c.sealed(t, 3, record.TypeHandshake, verify...), breaks: true},
		{name: "application data", b: c.sealed(t, 4, record.TypeApplicationData, 1, 2, 3)},
		{name: "application data in the clear", b: plain(record.TypeApplicationData, 1, 2, 3)},
		{name: "fatal alert in epoch 2", b: inEpoch(2, plain(record.TypeAlert, 2, 80))},
		{name: "fatal alert", b: plain(record.TypeAlert, 2, 80), ends: true},
		{name: "warning", b: plain(record.TypeAlert, 1, 90)},
		{name: "fatal alert under the keys", b: c.sealed(t, 5, record.TypeAlert, 2, 80), breaks: true},
		{name: "Certificate", b: plain(record.TypeHandshake, message(11, 2, []byte{0, 0, 0})...)},
		{name: "HelloRequest", b: plain(record.TypeHandshake, message(0, 0, nil)...)},
		{name: "nothing", b: plain(record.TypeHandshake)},
	}
}

// A model says what becomes of a handshake, in words that are not its own.
type model struct {
	key            []byte // of the server
	claimed        string
	hasKey         bool   // that of the server is in use
	early          []move // of epoch 1, before that
	complete, over bool

	// extended: the keys depend on the identity too (RFC 7627). Without that it is the Finished that
	// tells of another one.
	extended bool
}

// play says what becomes of a handshake after one more move.
func (m *model) play(v move) {
	sealed := len(v.b) > 4 && v.b[4] == 1
	switch {
	case m.over || m.complete:
	case v.key:
		if m.claimed == "" || m.hasKey {
			return
		}
		m.hasKey = true
		for _, e := range m.early {
			m.play(e)
		}
	case v.claims != "" && m.claimed == "":
		m.claimed = v.claims
	case v.ends:
		m.over = true
	case sealed && !m.hasKey:
		m.early = append(m.early, v)
	case m.claimed != testIdentity && m.extended:
	case v.proves != nil && bytes.Equal(v.proves, m.key):
		m.complete, m.over = m.claimed == testIdentity, m.claimed != testIdentity
	case v.breaks && bytes.Equal(testKey, m.key):
		m.over = true
	}
}

// Every message in every order: two of them after each beginning of a handshake, and three where the
// extended master secret and the right key are used. It is complete
// after the right ones only, and ends where it must.
func TestEveryOrder(t *testing.T) {
	for name, extensions := range map[string][][]byte{"extended master": {extendedMaster}, "plain": nil} {
		t.Run(name, func(t *testing.T) {
			c, _, _ := newClient(t, record.PSKWithAES128CCM8, testKey, nil, extensions...)
			everyOrder(t, c, testKey, 2)
			everyOrder(t, c, otherKey, 2)
			if c.offer.ExtendedMaster {
				everyOrder(t, c, testKey, 3)
			}
		})
	}
}

// everyOrder plays each beginning with every order of n moves after it, to a server with this key.
func everyOrder(t *testing.T, c *client, key []byte, n int) {
	all := moves(t, c)
	named := func(names ...string) (out []move) {
		for _, name := range names {
			out = append(out, all[slices.IndexFunc(all, func(v move) bool { return v.name == name })])
		}
		return out
	}
	beginnings := [][]move{
		nil,
		named("ClientKeyExchange"),
		named("ClientKeyExchange", "key"),
		named("Finished", "ClientKeyExchange"),
		named("ClientKeyExchange", "key", "Finished"),
		named("another ClientKeyExchange", "key"),
		named("half a ClientKeyExchange", "application data"),
	}
	orders := 1
	for range n {
		orders *= len(all)
	}
	completed := 0
	if n > 2 {
		beginnings = beginnings[:1]
	}
	for _, beginning := range beginnings {
		for i := range orders {
			order := slices.Clone(beginning)
			for rest := i; len(order) < len(beginning)+n; rest /= len(all) {
				order = append(order, all[rest%len(all)])
			}
			if playAll(t, c, key, order) == Complete {
				completed++
			}
		}
	}
	if completed == 0 {
		t.Error("no handshake was complete")
	}
}

// playAll plays an order of moves to a handshake whose server has this key, and compares with the
// model. It returns the status at the end.
func playAll(t *testing.T, c *client, key []byte, order []move) Status {
	t.Helper()
	h, out := Begin(Opening{Hello: c.hello, Offer: c.offer, Random: serverRandom, CID: c.own}, now)
	m := &model{key: key, extended: c.offer.ExtendedMaster}
	watch := newWatch(out)
	at := now
	for i, v := range order {
		var sent []byte
		before := h.Status()
		switch {
		case v.key:
			sent = h.Key(key)
		case v.due:
			at = at.Add(time.Second)
			sent = h.Due(at)
		default:
			r, _, ok := record.Next(v.b)
			if !ok {
				t.Fatalf("%s is no record", v.name)
			}
			sent = h.Take(r, at)
		}
		m.play(v)
		wrong := ""
		switch {
		case (h.Status() == Complete) != m.complete, (h.Status() == Failed) != m.over, m.complete && m.over:
			wrong = fmt.Sprintf("status %d; want complete %t, failed %t", h.Status(), m.complete, m.over)
		case (h.Err() != nil) != m.over:
			wrong = fmt.Sprintf("error %v", h.Err())
		case (h.Status() == NeedsKey) != (m.claimed != "" && !m.hasKey && !m.over):
			wrong = fmt.Sprintf("status %d, though %q has a key: %t", h.Status(), m.claimed, m.hasKey)
		case h.Identity() != m.claimed:
			wrong = fmt.Sprintf("identity %q, want %q", h.Identity(), m.claimed)
		case before >= Complete && sent != nil:
			wrong = fmt.Sprintf("sent %x after its end", sent)
		default:
			wrong = watch.look(h, v, sent)
		}
		if wrong != "" {
			var names []string
			for _, done := range order[:i+1] {
				names = append(names, done.name)
			}
			t.Fatalf("%q: %s", names, wrong)
		}
	}
	return h.Status()
}

// A watch looks at what a server sends.
type watch struct {
	next   uint64 // number in the clear
	sealed map[uint64]bool
}

func newWatch(first []byte) *watch {
	w := &watch{next: 1, sealed: make(map[uint64]bool)}
	w.numbers(first)
	return w
}

// numbers reports whether the records of b have numbers that were not used before.
func (w *watch) numbers(b []byte) bool {
	for len(b) > 0 {
		r, rest, ok := record.Next(b)
		switch {
		case !ok:
			return false
		case r.Epoch() == record.PlainEpoch && r.Number() != w.next, r.Epoch() != record.PlainEpoch && w.sealed[r.Number()]:
			return false
		case r.Epoch() == record.PlainEpoch:
			w.next++
		default:
			w.sealed[r.Number()] = true
		}
		b = rest
	}
	return true
}

// look says what is wrong with what a server sends after a move, if anything: it answers only what the
// client alone can have sent, and with little; and it keeps little.
func (w *watch) look(h *Handshake, v move, sent []byte) string {
	kept := len(h.part.body)
	for _, r := range h.early {
		kept += len(r.Header) + len(r.Content)
	}
	for _, o := range h.after {
		kept += len(o.Content)
	}
	switch {
	case kept > maxKept+MaxIdentity+2:
		return fmt.Sprintf("%d bytes are kept", kept)
	case !w.numbers(sent):
		return fmt.Sprintf("a number comes twice, or not in order, in %x", sent)
	case len(sent) > 200:
		return fmt.Sprintf("%d bytes are sent", len(sent))
	case sent == nil || v.due || h.Status() >= Complete:
		return ""
	case len(sent) > 2*len(v.b):
		return fmt.Sprintf("%d bytes get %d", len(v.b), len(sent))
	case v.b[0] != record.TypeHandshake || v.b[record.HeaderSize] != record.ClientHello:
		return fmt.Sprintf("%x is sent", sent)
	}
	return ""
}
