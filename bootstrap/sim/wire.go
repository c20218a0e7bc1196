package sim

import (
	"slices"
	"sync"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap/message"
	"lwbs/lwm2m"
)

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
	finish *uint16 // message ID of the last POST, nil before it; guarded by mu
}

// In is given a datagram of the server, and returns whether the client hears it, and
// what it answers at once.
func (t *Tap) In(datagram []byte) (pass bool, answer []byte) {
	if t.wire.MaxDatagram > 0 && len(datagram) > t.wire.MaxDatagram && message.HasHeader(datagram) {
		return false, nil
	}
	m, err := message.Decode(datagram)
	switch {
	case err != nil:
	case t.wire.MaxBlock > 0 && m.IsRequest() && m.Block1 == nil && len(m.Payload) > t.wire.MaxBlock:
		return false, t.tooLarge(m)
	case m.Code == lwm2m.Code(bootstrap.POST):
		t.mu.Lock()
		t.finish = &m.ID
		t.mu.Unlock()
	}
	return true, nil
}

// Out is given a datagram of the client, and returns what it sends.
func (t *Tap) Out(datagram []byte) [][]byte {
	m, err := message.Decode(datagram)
	if err != nil || m.Kind != message.Acknowledgement || m.Code == message.CodeEmpty {
		return [][]byte{datagram}
	}
	t.mu.Lock()
	finish := t.finish != nil && m.ID == *t.finish
	t.mu.Unlock()
	switch {
	case t.wire.StrayAck:
		return [][]byte{datagram, encode(message.Message{Kind: message.Acknowledgement, Code: lwm2m.CodeInternalServerError, ID: m.ID})}
	case t.wire.Separate && finish:
		return [][]byte{encode(m.EmptyReply(message.Acknowledgement)), separate(datagram)}
	}
	return [][]byte{datagram}
}

// tooLarge is the answer to m that asks for blocks (RFC 7959 §2.9.3).
func (t *Tap) tooLarge(m message.Message) []byte {
	return encode(message.Message{
		Kind: message.Acknowledgement, Code: lwm2m.CodeRequestTooLarge, ID: m.ID, Token: m.Token,
		Block1: &message.Block{SZX: message.SizeExponent(t.wire.MaxBlock)},
	})
}

// separate is a piggybacked response as a message of its own, with another ID.
func separate(datagram []byte) []byte {
	b := slices.Clone(datagram)
	b[0] = 1<<6 | byte(message.Confirmable)<<4 | b[0]&15
	b[2] ^= 0x80
	return b
}

// encode returns the datagram of a message without strings and payload, of which every one can be
// encoded.
func encode(m message.Message) []byte {
	b, _ := message.Encode(m)
	return b
}
