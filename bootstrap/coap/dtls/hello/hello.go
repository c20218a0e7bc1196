package hello

import (
	"encoding/binary"

	"lwbs/bootstrap/coap/dtls/record"
)

// A Hello is what tells one ClientHello from another.
type Hello struct {
	Start  bool // not a later fragment: random is set
	First  bool // begins a handshake: the start of message 0
	Random [record.RandomSize]byte
	Cookie []byte // aliases the datagram; empty where there is none, or it is cut off
}

// Parse reads the beginning of a ClientHello (RFC 6347 §4.2.1, §4.2.2), which
// has at least the header. What is cut off or in a later fragment stays empty.
func Parse(message []byte) Hello {
	var h Hello
	offset := record.Uint24(message[6:])
	body := message[record.HandshakeHeader:]
	if offset != 0 || len(body) < 2+record.RandomSize {
		return h
	}
	h.Start = true
	h.First = binary.BigEndian.Uint16(message[4:]) == 0
	copy(h.Random[:], body[2:])
	if _, rest, ok := record.CutVector(body[2+record.RandomSize:]); ok { // behind the session ID
		h.Cookie, _, _ = record.CutVector(rest)
	}
	return h
}

// SentCookie returns the cookie of a HelloVerifyRequest that we send as b; ok is false
// where b is something else.
func SentCookie(b []byte) (cookie []byte, ok bool) {
	body, ok := record.SentHandshake(b, record.HelloVerifyRequest)
	if !ok || len(body) < 2 {
		return nil, false
	}
	cookie, _, ok = record.CutVector(body[2:]) // behind server_version
	return cookie, ok
}
