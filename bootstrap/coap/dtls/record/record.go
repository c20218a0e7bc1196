package record

import (
	"encoding/binary"
)

// Sizes of DTLS 1.2 records (RFC 6347 §4.1).
const (
	HeaderSize = 13

	// maxFragment is the largest length that a record may state (RFC 5246 §6.2.3).
	maxFragment = 1<<14 + 2048

	// MaxDatagram is the largest datagram that pion takes in one piece.
	MaxDatagram = 8192
)

// CIDSize is the size of the connection IDs that a listener gives out. All have the same,
// as nothing in a record tells it.
const CIDSize = 8

// Content types of records (RFC 5246 §6.2.1).
const (
	TypeChangeCipherSpec = 20
	TypeAlert            = 21
	TypeHandshake        = 22
	TypeApplicationData  = 23
	TypeCID              = 25 // tls12_cid, RFC 9146 §3
)

// Versions that records may state. A first flight may also carry DTLS 1.0; Mbed TLS
// 2.28, when left to choose between 1.0 and 1.2, says 0xfe00 there, which no version is.
const (
	Version10   = 0xfeff
	Version12   = 0xfefd
	Version13   = 0xfefc // in supported_versions only
	VersionMbed = 0xfe00
)

// Epochs: a handshake is in the clear, and everything after it under its keys, as there
// is no renegotiation.
const (
	PlainEpoch  = 0
	SealedEpoch = 1
)

// A Record is one DTLS record; both fields alias the datagram.
type Record struct {
	Header  []byte
	Content []byte
}

// ContentType, Version and Epoch are fields of the header.
func (r Record) ContentType() byte { return r.Header[0] }
func (r Record) Version() uint16   { return binary.BigEndian.Uint16(r.Header[1:]) }
func (r Record) Epoch() uint16     { return binary.BigEndian.Uint16(r.Header[3:]) }

// Number is the sequence number within the epoch, 48 bits.
func (r Record) Number() uint64 { return binary.BigEndian.Uint64(r.Header[3:]) & MaxNumber }

// CID is the connection ID that a record of that type has in front of its length.
func (r Record) CID() []byte { return r.Header[HeaderSize-2 : len(r.Header)-2] }

// Next cuts the first record off b; ok is false where b does not begin with one
// of consistent length. A connection ID is taken for one of ours.
func Next(b []byte) (r Record, rest []byte, ok bool) {
	header := HeaderSize
	if len(b) > 0 && b[0] == TypeCID {
		header += CIDSize
	}
	if len(b) < header {
		return Record{}, nil, false
	}
	n := int(binary.BigEndian.Uint16(b[header-2:]))
	if n > maxFragment || n > len(b)-header {
		return Record{}, nil, false
	}
	end := header + n
	return Record{b[:header:header], b[header:end:end]}, b[end:], true
}
