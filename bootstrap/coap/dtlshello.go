package coap

import "encoding/binary"

// Sizes of handshake messages (RFC 6347 §4.2.2) and of what a ClientHello has.
const (
	handshakeHeader = 12
	clientRandom    = 32
)

// Types of handshake messages (RFC 6347 §4.3.2).
const (
	clientHello        = 1
	serverHello        = 2
	helloVerifyRequest = 3
)

// A hello is what tells one ClientHello from another.
type hello struct {
	start  bool // not a later fragment: random is set
	first  bool // begins a handshake: the start of message 0
	random [clientRandom]byte
	cookie []byte // aliases the datagram; empty where there is none, or it is cut off
}

// parseHello reads the beginning of a ClientHello (RFC 6347 §4.2.1, §4.2.2), which
// has at least the header. What is cut off or in a later fragment stays empty.
func parseHello(message []byte) hello {
	var h hello
	offset := uint24(message[6:])
	body := message[handshakeHeader:]
	if offset != 0 || len(body) < 2+clientRandom {
		return h
	}
	h.start = true
	h.first = binary.BigEndian.Uint16(message[4:]) == 0
	copy(h.random[:], body[2:])
	if _, rest, ok := cutVector(body[2+clientRandom:]); ok { // behind the session ID
		h.cookie, _, _ = cutVector(rest)
	}
	return h
}

// sentCookie returns the cookie of a HelloVerifyRequest that we send as b; ok is false
// where b is something else.
func sentCookie(b []byte) (cookie []byte, ok bool) {
	body, ok := sentHandshake(b, helloVerifyRequest)
	if !ok || len(body) < 2 {
		return nil, false
	}
	cookie, _, ok = cutVector(body[2:]) // behind server_version
	return cookie, ok
}

// sentHandshake returns the body of the handshake message in the clear that b begins
// with, if it is of type t.
func sentHandshake(b []byte, t byte) (body []byte, ok bool) {
	r, _, ok := nextRecord(b)
	if !ok || r.epoch() != plainEpoch || r.contentType() != handshakeRecord ||
		len(r.content) < handshakeHeader || r.content[0] != t {
		return nil, false
	}
	return r.content[handshakeHeader:], true
}

// cutVector cuts a vector with a length of one byte off b (RFC 5246 §4.3).
func cutVector(b []byte) (v, rest []byte, ok bool) {
	if len(b) == 0 || int(b[0]) > len(b)-1 {
		return nil, nil, false
	}
	end := 1 + int(b[0])
	return b[1:end:end], b[end:], true
}

// cutLongVector is cutVector for one with a length of two bytes.
func cutLongVector(b []byte) (v, rest []byte, ok bool) {
	if len(b) < 2 || int(binary.BigEndian.Uint16(b)) > len(b)-2 {
		return nil, nil, false
	}
	end := 2 + int(binary.BigEndian.Uint16(b))
	return b[2:end:end], b[end:], true
}

func uint24(b []byte) int { return int(b[0])<<16 | int(b[1])<<8 | int(b[2]) }
