package hello

import (
	"encoding/binary"
	"slices"

	"lwbs/bootstrap/attempt"
	"lwbs/bootstrap/coap/dtls/record"
)

// VersionOnly is the version of DTLS that a client offers and the server has not; empty
// where it can do with DTLS 1.2, or where that is not clear. datagram begins with its
// ClientHello.
func VersionOnly(datagram []byte) attempt.Protocol {
	r, _, ok := record.Next(datagram)
	if !ok || len(r.Content) < record.HandshakeHeader+2 {
		return attempt.ProtocolUnreadable
	}
	if binary.BigEndian.Uint16(r.Content[record.HandshakeHeader:]) == record.Version10 {
		return attempt.ProtocolDTLS10
	}
	o, _ := ParseOffer(datagram)
	if slices.Contains(o.versions, record.Version13) && !slices.Contains(o.versions, record.Version12) {
		return attempt.ProtocolDTLS13
	}
	return attempt.ProtocolUnreadable
}

// WrongVersion is the alert for a client that offers no version of the server: fatal,
// protocol_version (RFC 5246 §7.2.2). It is smaller than any ClientHello. The version is that
// of the client's record.
func WrongVersion(datagram []byte) []byte {
	const fatal, protocolVersion = 2, 70
	return []byte{record.TypeAlert, datagram[1], datagram[2], 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, fatal, protocolVersion}
}
