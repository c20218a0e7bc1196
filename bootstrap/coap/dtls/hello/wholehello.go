package hello

import (
	"bytes"
	"encoding/binary"

	"lwbs/bootstrap/coap/dtls/record"
)

// sequenceAt is where the number of a record is in its header, behind the epoch.
const sequenceAt = 5

// A Whole is a ClientHello that is all there is in a datagram.
type Whole struct {
	header  []byte // of the record
	message uint16 // message_seq
	opening []byte // version, random and session ID
	Cookie  []byte
	rest    []byte
}

// Random is the one of the ClientHello.
func (h Whole) Random() (r [record.RandomSize]byte) {
	copy(r[:], h.opening[2:])
	return r
}

// ParseWhole takes a datagram apart; ok is false where it is something else.
func ParseWhole(b []byte) (h Whole, ok bool) {
	r, rest, ok := record.Next(b)
	if !ok || len(rest) > 0 || len(r.Content) < record.HandshakeHeader || r.Content[0] != record.ClientHello {
		return h, false
	}
	head, body := r.Content[:record.HandshakeHeader], r.Content[record.HandshakeHeader:]
	if record.Uint24(head[1:]) != len(body) || record.Uint24(head[6:]) != 0 || record.Uint24(head[9:]) != len(body) || len(body) < 2+record.RandomSize {
		return h, false
	}
	_, behind, ok := record.CutVector(body[2+record.RandomSize:])
	if !ok {
		return h, false
	}
	h.header, h.message = r.Header, binary.BigEndian.Uint16(head[4:])
	h.opening = body[:len(body)-len(behind)]
	h.Cookie, h.rest, ok = record.CutVector(behind)
	return h, ok
}

// Before returns the ClientHello that h followed, with its cookie empty; ok is false
// where none can have come before.
func (h Whole) Before() (b []byte, ok bool) {
	number := binary.BigEndian.Uint64(h.header[sequenceAt-2:]) // epoch 0 in front
	if number == 0 || h.message != 1 {
		return nil, false
	}
	body := append(bytes.Clone(h.opening), 0)
	body = append(body, h.rest...)
	n := len(body)
	b = bytes.Clone(h.header)
	binary.BigEndian.PutUint64(b[sequenceAt-2:], number-1)
	binary.BigEndian.PutUint16(b[record.HeaderSize-2:], uint16(record.HandshakeHeader+n))
	b = append(b, record.ClientHello, 0, byte(n>>8), byte(n), 0, 0, 0, 0, 0, 0, byte(n>>8), byte(n))
	return append(b, body...), true
}
