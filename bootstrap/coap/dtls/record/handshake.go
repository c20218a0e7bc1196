package record

import "encoding/binary"

// Sizes of handshake messages (RFC 6347 §4.2.2) and of what a ClientHello has.
const (
	HandshakeHeader = 12
	RandomSize      = 32
)

// Types of handshake messages (RFC 6347 §4.3.2).
const (
	ClientHello        = 1
	ServerHello        = 2
	HelloVerifyRequest = 3
)

// SentHandshake returns the body of the handshake message in the clear that b begins
// with, if it is of type t.
func SentHandshake(b []byte, t byte) (body []byte, ok bool) {
	r, _, ok := Next(b)
	if !ok || r.Epoch() != PlainEpoch || r.ContentType() != TypeHandshake ||
		len(r.Content) < HandshakeHeader || r.Content[0] != t {
		return nil, false
	}
	return r.Content[HandshakeHeader:], true
}

// CutVector cuts a vector with a length of one byte off b (RFC 5246 §4.3).
func CutVector(b []byte) (v, rest []byte, ok bool) {
	if len(b) == 0 || int(b[0]) > len(b)-1 {
		return nil, nil, false
	}
	end := 1 + int(b[0])
	return b[1:end:end], b[end:], true
}

// CutLongVector is CutVector for one with a length of two bytes.
func CutLongVector(b []byte) (v, rest []byte, ok bool) {
	if len(b) < 2 || int(binary.BigEndian.Uint16(b)) > len(b)-2 {
		return nil, nil, false
	}
	end := 2 + int(binary.BigEndian.Uint16(b))
	return b[2:end:end], b[end:], true
}

// Uint24 is the number in three bytes.
func Uint24(b []byte) int { return int(b[0])<<16 | int(b[1])<<8 | int(b[2]) }
