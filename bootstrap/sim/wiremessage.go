package sim

import (
	"math/bits"
	"slices"
)

// A wireMessage is what a [Tap] has to know of a CoAP message (RFC 7252 §3).
type wireMessage struct {
	kind      byte
	code      byte
	id        [2]byte
	token     []byte
	hasBlock1 bool
	payload   []byte
}

// Types and codes of messages.
const (
	confirmable     = 0
	acknowledgement = 2

	codeEmpty           = 0
	codePost            = 2
	codeTooLarge        = 4<<5 | 13
	codeInternalFailure = 5 << 5

	optionBlock1  = 27
	payloadMarker = 0xff
)

// parseMessage reads a datagram, and reports whether it is one of CoAP.
func parseMessage(b []byte) (m wireMessage, ok bool) {
	if len(b) < 4 || b[0]>>6 != 1 || len(b) < 4+int(b[0]&15) {
		return m, false
	}
	rest := b[4:]
	m = wireMessage{kind: b[0] >> 4 & 3, code: b[1], id: [2]byte{b[2], b[3]}}
	m.token, rest = rest[:b[0]&15], rest[b[0]&15:]
	for number := 0; len(rest) > 0; {
		if rest[0] == payloadMarker {
			m.payload = rest[1:]
			break
		}
		delta, after, ok := cutOption(rest)
		if !ok {
			return m, false
		}
		number, rest = number+delta, after
		m.hasBlock1 = m.hasBlock1 || number == optionBlock1
	}
	return m, true
}

// cutOption takes one option off b, and returns by how much its number is above that of
// the one before (RFC 7252 §3.1).
func cutOption(b []byte) (delta int, rest []byte, ok bool) {
	first := b[0]
	delta, b, ok = cutNumber(first>>4, b[1:])
	if !ok {
		return 0, nil, false
	}
	length, b, ok := cutNumber(first&15, b)
	if !ok || length > len(b) {
		return 0, nil, false
	}
	return delta, b[length:], true
}

// cutNumber returns a number of which n stands in the first byte of an option, and takes
// what there is more of it off b.
func cutNumber(n byte, b []byte) (value int, rest []byte, ok bool) {
	switch {
	case n < 13:
		return int(n), b, true
	case n == 13 && len(b) >= 1:
		return int(b[0]) + 13, b[1:], true
	case n == 14 && len(b) >= 2:
		return int(b[0])<<8 + int(b[1]) + 269, b[2:], true
	}
	return 0, nil, false
}

func (m wireMessage) isRequest() bool { return m.code != codeEmpty && m.code>>5 == 0 }

// head returns the beginning of a message: its header and token.
func head(kind, code byte, id [2]byte, token []byte) []byte {
	return append([]byte{1<<6 | kind<<4 | byte(len(token)), code, id[0], id[1]}, token...)
}

// tooLarge is the answer to m that asks for blocks of a size (RFC 7959 §2.9.3).
func (m wireMessage) tooLarge(size int) []byte {
	exponent := byte(bits.Len(uint(size)) - 5) // SZX: 0 for 16 bytes, 6 for 1024
	return append(head(acknowledgement, codeTooLarge, m.id, m.token), 13<<4|1, optionBlock1-13, exponent)
}

// strayAck is another acknowledgement of the same message.
func (m wireMessage) strayAck() []byte {
	return head(acknowledgement, codeInternalFailure, m.id, nil)
}

func (m wireMessage) emptyAck() []byte { return head(acknowledgement, codeEmpty, m.id, nil) }

// separate is m, a piggybacked response, as a message of its own, with another ID.
func (m wireMessage) separate(datagram []byte) []byte {
	b := slices.Clone(datagram)
	b[0] = 1<<6 | confirmable<<4 | b[0]&15
	b[2] ^= 0x80
	return b
}
