package coap

import (
	"bytes"
	"encoding/binary"
)

// Sizes of DTLS 1.2 records (RFC 6347 §4.1).
const (
	recordHeader = 13

	// maxFragment is the largest length that a record may state (RFC 5246 §6.2.3).
	maxFragment = 1<<14 + 2048

	// maxRecords is the largest datagram that pion takes in one piece.
	maxRecords = 8192
)

// Content types of records (RFC 5246 §6.2.1).
const (
	changeCipherSpec = 20
	alertRecord      = 21
	handshakeRecord  = 22
	applicationData  = 23
	cidRecord        = 25 // tls12_cid, RFC 9146 §3
)

// Versions that records may state. A first flight may also carry DTLS 1.0; Mbed TLS
// 2.28, when left to choose between 1.0 and 1.2, says 0xfe00 there, which no version is.
const (
	version10   = 0xfeff
	version12   = 0xfefd
	version13   = 0xfefc // in supported_versions only
	versionMbed = 0xfe00
)

// Epochs: a handshake is in the clear, and everything after it under its keys, as there
// is no renegotiation.
const (
	plainEpoch  = 0
	sealedEpoch = 1
)

// A datagramKind says to which associations of an address a datagram may go.
type datagramKind uint8

const (
	// kindSealed: all records are encrypted.
	kindSealed datagramKind = iota
	// kindHello: a ClientHello, or a part of one.
	kindHello
	// kindFlight: what else a handshake has in the clear.
	kindFlight
	// kindAlert: an alert in the clear, as before the keys are agreed upon.
	kindAlert
)

// A digest is what the multiplexer needs to know of a datagram.
type digest struct {
	kind   datagramKind
	sealed bool   // has an encrypted record, perhaps beside others
	cid    []byte // of its records; aliases the datagram; nil where they have none
	hello  hello  // where kind is kindHello
}

// A record is one DTLS record; both fields alias the datagram.
type record struct {
	header  []byte
	content []byte
}

func (r record) contentType() byte { return r.header[0] }
func (r record) version() uint16   { return binary.BigEndian.Uint16(r.header[1:]) }
func (r record) epoch() uint16     { return binary.BigEndian.Uint16(r.header[3:]) }

// number is the sequence number within the epoch, 48 bits.
func (r record) number() uint64 { return binary.BigEndian.Uint64(r.header[3:]) & maxNumber }

// cid is the connection ID that a record of that type has in front of its length.
func (r record) cid() []byte { return r.header[recordHeader-2 : len(r.header)-2] }

// nextRecord cuts the first record off b; ok is false where b does not begin with one
// of consistent length. A connection ID is taken for one of ours.
func nextRecord(b []byte) (r record, rest []byte, ok bool) {
	header := recordHeader
	if len(b) > 0 && b[0] == cidRecord {
		header += cidSize
	}
	if len(b) < header {
		return record{}, nil, false
	}
	n := int(binary.BigEndian.Uint16(b[header-2:]))
	if n > maxFragment || n > len(b)-header {
		return record{}, nil, false
	}
	end := header + n
	return record{b[:header:header], b[header:end:end]}, b[end:], true
}

// inspect reports what a datagram of a client is, and with ok whether it may be shown
// to pion at all: pion answers a record that is out of place, such as application data
// in the clear, with a fatal alert and ends the association, which one forged datagram
// must not do. Records of one datagram that have a connection ID have the same. The
// version 0xfe00 of a handshake in the clear becomes DTLS 1.0 in b.
func inspect(b []byte) (d digest, ok bool) {
	if len(b) == 0 || len(b) > maxRecords {
		return digest{}, false
	}
	for len(b) > 0 {
		var r record
		if r, b, ok = nextRecord(b); !ok {
			return digest{}, false
		}
		switch r.epoch() {
		case plainEpoch:
			ok = d.addPlain(r)
		case sealedEpoch:
			ok = d.addSealed(r)
		default:
			ok = false
		}
		if v := r.version(); !ok || v != version10 && v != version12 {
			return digest{}, false
		}
	}
	return d, true
}

// addSealed takes an encrypted record into account.
func (d *digest) addSealed(r record) bool {
	d.sealed = true
	switch r.contentType() {
	case alertRecord, handshakeRecord, applicationData:
	case cidRecord:
		if d.cid == nil {
			d.cid = r.cid()
		}
		if !bytes.Equal(d.cid, r.cid()) {
			return false
		}
	default:
		return false
	}
	return len(r.content) > 0
}

// addPlain takes a record in the clear into account: the first of them decides of what
// kind the datagram is.
func (d *digest) addPlain(r record) bool {
	kind, ok := kindFlight, false
	switch r.contentType() {
	case changeCipherSpec:
		ok = len(r.content) == 1 && r.content[0] == 1
	case alertRecord:
		kind, ok = kindAlert, len(r.content) == 2
	case handshakeRecord:
		if ok = len(r.content) >= handshakeHeader; ok && r.content[0] == clientHello {
			kind = kindHello
		}
		if r.version() == versionMbed {
			binary.BigEndian.PutUint16(r.header[1:], version10)
		}
	}
	if ok && d.kind == kindSealed {
		d.kind = kind
		if kind == kindHello {
			d.hello = parseHello(r.content)
		}
	}
	return ok
}
