package coaptest

import (
	"encoding/binary"
	"slices"
)

// Vector16 is a vector with a length of two bytes (RFC 5246 §4.3).
func Vector16(b ...byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)
}

// List16 are numbers of two bytes each.
func List16[T ~uint16](list ...T) (b []byte) {
	for _, v := range list {
		b = binary.BigEndian.AppendUint16(b, uint16(v))
	}
	return b
}

// Extension is one extension of a ClientHello.
func Extension(kind uint16, content ...byte) []byte {
	return append(List16(kind), Vector16(content...)...)
}

// HelloOffering is a first ClientHello of zeros with these suites and extensions.
func HelloOffering[S ~uint16](suites []S, extensions ...[]byte) []byte {
	body := append([]byte{0xfe, 0xfd}, make([]byte, 32+2)...) // no session, no cookie
	body = slices.Concat(body, Vector16(List16(suites...)...), []byte{1, 0})
	if len(extensions) > 0 {
		body = append(body, Vector16(slices.Concat(extensions...)...)...)
	}
	n := len(body)
	b := []byte{22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, byte((n + 12) >> 8), byte(n + 12),
		1, 0, byte(n >> 8), byte(n), 0, 0, 0, 0, 0, 0, byte(n >> 8), byte(n)}
	return append(b, body...)
}

// SecondHello is the ClientHello of a client with this random that returns a cookie of 20 bytes.
func SecondHello(random byte, cookie []byte) []byte {
	b := []byte{22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 1, 0, 74,
		1, 0, 0, 62, 0, 1, 0, 0, 0, 0, 0, 62, 0xfe, 0xfd}
	r := Random(random)
	b = append(append(b, r[:]...), 0, byte(len(cookie)))
	return append(append(b, cookie...), 0, 2, 0xc0, 0xa8, 1, 0)
}

// Random is the random of a ClientHello, 32 times the same byte.
func Random(b byte) (r [32]byte) {
	for i := range r {
		r[i] = b
	}
	return r
}

// WithCID is a record with a connection ID, number 9 of epoch 1.
func WithCID(cid [8]byte, content ...byte) []byte {
	b := append([]byte{25, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9}, cid[:]...)
	return append(append(b, 0, byte(len(content))), content...)
}
