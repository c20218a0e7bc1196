package sim

import "sync"

// Wire is what a client does with CoAP messages that ours does not. It takes effect
// where the dialler of the device puts a [Tap] on its association.
type Wire struct {
	// MaxDatagram is the largest message, in bytes, that it hears; larger ones vanish.
	// Zero sets no limit.
	MaxDatagram int

	// MaxBlock answers a payload that is larger, in bytes, and does not come in blocks
	// with 4.13, asking for blocks of that size: a power of two from 16 to 1024. Zero
	// takes all.
	MaxBlock int

	// Separate makes it answer Finish with an empty acknowledgement, and then with a
	// message of its own (RFC 7252 §5.2.2).
	Separate bool

	// StrayAck sends a second acknowledgement after each: 5.00, with an empty token. It
	// does so without DTLS only.
	StrayAck bool
}

// Tap returns a tap for one association of the client, over DTLS where it is secure.
func (w Wire) Tap(secure bool) *Tap {
	w.StrayAck = w.StrayAck && !secure
	return &Tap{wire: w}
}

// A Tap changes the CoAP datagrams of one association as a [Wire] says.
type Tap struct {
	wire Wire

	mu     sync.Mutex
	finish *[2]byte // message ID of the last POST, nil before it; guarded by mu
}

// In is given a datagram of the server, and returns whether the client hears it, and
// what it answers at once.
func (t *Tap) In(datagram []byte) (pass bool, answer []byte) {
	m, ok := parseMessage(datagram)
	switch {
	case !ok:
	case t.wire.MaxDatagram > 0 && len(datagram) > t.wire.MaxDatagram:
		return false, nil
	case t.wire.MaxBlock > 0 && m.isRequest() && !m.hasBlock1 && len(m.payload) > t.wire.MaxBlock:
		return false, m.tooLarge(t.wire.MaxBlock)
	case m.code == codePost:
		t.mu.Lock()
		t.finish = &m.id
		t.mu.Unlock()
	}
	return true, nil
}

// Out is given a datagram of the client, and returns what it sends.
func (t *Tap) Out(datagram []byte) [][]byte {
	m, ok := parseMessage(datagram)
	if !ok || m.kind != acknowledgement || m.code == codeEmpty {
		return [][]byte{datagram}
	}
	t.mu.Lock()
	finish := t.finish != nil && m.id == *t.finish
	t.mu.Unlock()
	switch {
	case t.wire.StrayAck:
		return [][]byte{datagram, m.strayAck()}
	case t.wire.Separate && finish:
		return [][]byte{m.emptyAck(), m.separate(datagram)}
	}
	return [][]byte{datagram}
}
