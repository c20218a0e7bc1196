package coap

import (
	"bytes"
	"encoding/binary"
	"iter"
)

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
	suites []byte // likewise: those that are offered, two bytes each
}

// maxOffered is how many suites of a peer are remembered: more than any stack has.
const maxOffered = 256

// offered are the suites in a datagram that begins with a ClientHello; none where they
// are not all there, or absurdly many.
func offered(b []byte) []Suite {
	d, ok := inspect(b)
	if !ok || len(d.hello.suites) > 2*maxOffered {
		return nil
	}
	suites := make([]Suite, 0, len(d.hello.suites)/2)
	for b := d.hello.suites; len(b) >= 2; b = b[2:] {
		suites = append(suites, Suite(binary.BigEndian.Uint16(b)))
	}
	return suites
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
	_, rest, ok := cutVector(body[2+clientRandom:]) // the session ID
	if ok {
		h.cookie, rest, ok = cutVector(rest)
	}
	if ok && len(rest) >= 2 {
		if n := int(binary.BigEndian.Uint16(rest)); n <= len(rest)-2 {
			h.suites = rest[2 : 2+n]
		}
	}
	return h
}

// extensionCID is the extension with which a client asks for connection IDs
// (RFC 9146 §3).
const extensionCID = 54

// offeredCID returns the connection ID that a client wants to be sent, which may be empty,
// from a datagram that is its whole ClientHello; nil where it wants none.
func offeredCID(b []byte) (cid []byte) {
	h, ok := parseWholeHello(b)
	if !ok {
		return nil
	}
	for id, value := range extensions(h.rest) {
		if id == extensionCID {
			if v, rest, ok := cutVector(value); ok && len(rest) == 0 {
				cid = bytes.Clone(v[:len(v):len(v)])
			}
		}
	}
	return cid
}

// extensions ranges over those of a ClientHello, of which rest is what follows the cookie
// (RFC 5246 §7.4.1.2, §7.4.1.4).
func extensions(rest []byte) iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		_, rest, ok := cutLongVector(rest) // the suites
		if ok {
			_, rest, ok = cutVector(rest) // the compression methods
		}
		if ok {
			rest, _, ok = cutLongVector(rest)
		}
		for ok && len(rest) >= 4 {
			id := binary.BigEndian.Uint16(rest)
			var value []byte
			if value, rest, ok = cutLongVector(rest[2:]); !ok || !yield(id, value) {
				return
			}
		}
	}
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
