package hello

import (
	"bytes"
	"encoding/binary"

	"lwbs/bootstrap/coap/dtls/record"
)

// A Kind says to which associations of an address a datagram may go.
type Kind uint8

const (
	// KindSealed: all records are encrypted.
	KindSealed Kind = iota
	// KindHello: a ClientHello, or a part of one.
	KindHello
	// KindFlight: what else a handshake has in the clear.
	KindFlight
	// KindAlert: an alert in the clear, as before the keys are agreed upon.
	KindAlert
)

// A Digest is what the multiplexer needs to know of a datagram.
type Digest struct {
	Kind   Kind
	Sealed bool   // has an encrypted record, perhaps beside others
	CID    []byte // of its records; aliases the datagram; nil where they have none
	Hello  Hello  // where kind is KindHello
}

// Inspect reports what a datagram of a client is, and with ok whether pion may see it at all. pion answers a
// record that is out of place, such as application data in the clear, with a fatal alert, and ends the
// association. One forged datagram must not do that. Records of one datagram that have a connection ID have
// the same. The version 0xfe00 of a handshake in the clear becomes DTLS 1.0 in b.
func Inspect(b []byte) (d Digest, ok bool) {
	if len(b) == 0 || len(b) > record.MaxDatagram {
		return Digest{}, false
	}
	for len(b) > 0 {
		var r record.Record
		if r, b, ok = record.Next(b); !ok {
			return Digest{}, false
		}
		switch r.Epoch() {
		case record.PlainEpoch:
			ok = d.addPlain(r)
		case record.SealedEpoch:
			ok = d.addSealed(r)
		default:
			ok = false
		}
		if v := r.Version(); !ok || v != record.Version10 && v != record.Version12 {
			return Digest{}, false
		}
	}
	return d, true
}

// addSealed takes an encrypted record into account.
func (d *Digest) addSealed(r record.Record) bool {
	d.Sealed = true
	switch r.ContentType() {
	case record.TypeAlert, record.TypeHandshake, record.TypeApplicationData:
	case record.TypeCID:
		if d.CID == nil {
			d.CID = r.CID()
		}
		if !bytes.Equal(d.CID, r.CID()) {
			return false
		}
	default:
		return false
	}
	return len(r.Content) > 0
}

// addPlain takes a record in the clear into account: the first of them decides of what
// kind the datagram is.
func (d *Digest) addPlain(r record.Record) bool {
	kind, ok := KindFlight, false
	switch r.ContentType() {
	case record.TypeChangeCipherSpec:
		ok = len(r.Content) == 1 && r.Content[0] == 1
	case record.TypeAlert:
		kind, ok = KindAlert, len(r.Content) == 2
	case record.TypeHandshake:
		if ok = len(r.Content) >= record.HandshakeHeader; ok && r.Content[0] == record.ClientHello {
			kind = KindHello
		}
		if r.Version() == record.VersionMbed {
			binary.BigEndian.PutUint16(r.Header[1:], record.Version10)
		}
	}
	if ok && d.Kind == KindSealed {
		d.Kind = kind
		if kind == KindHello {
			d.Hello = Parse(r.Content)
		}
	}
	return ok
}
