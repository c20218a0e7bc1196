package otherprotocol

import (
	"bytes"
	"encoding/binary"
	"slices"

	"lwbs/bootstrap"
	"lwbs/bootstrap/attempt"
	"lwbs/bootstrap/coap/dtls/record"
	"lwbs/bootstrap/coap/message"
)

// recognise returns the protocol of a datagram that is not of the one its port is for, where that is
// certain.
func recognise(b []byte, plain bool) (p attempt.Protocol, asked attempt.Asked) {
	switch {
	case plain && isDTLS(b):
		return attempt.ProtocolDTLS, asked
	case isTLS(b):
		return attempt.ProtocolTLS, asked
	case IsHTTP(b):
		return attempt.ProtocolHTTP, asked
	case IsCoAPOverTCP(b):
		return attempt.ProtocolCoAPTCP, asked
	case plain:
		return attempt.ProtocolUnreadable, asked
	}
	if m, err := message.Decode(b); err == nil && m.MayOpen() && m.BadOption == 0 && len(m.Path)+len(m.Queries) > 0 {
		return attempt.ProtocolCoAP, attempt.Asked{Method: bootstrap.Method(m.Code).String(), Path: m.Path, Queries: m.Queries}
	}
	return attempt.ProtocolUnreadable, asked
}

// isDTLS reports whether b begins with a record of DTLS 1.0 to 1.3 (RFC 6347 §4.1).
func isDTLS(b []byte) bool {
	r, _, ok := record.Next(b)
	if !ok || len(r.Content) == 0 {
		return false
	}
	v := r.Version()
	return r.ContentType() >= record.TypeChangeCipherSpec && r.ContentType() <= record.TypeCID &&
		(v == record.Version10 || v == record.Version12 || v == record.VersionMbed)
}

// isTLS reports whether b begins with a ClientHello of TLS (RFC 5246 §6.2.1, §7.4.1.2; in
// RFC 8446 the same). In DTLS the second byte is 0xfe.
func isTLS(b []byte) bool {
	const (
		header      = 5
		handshake   = 22
		clientHello = 1
		maxFragment = 1<<14 + 2048 // RFC 5246 §6.2.3
	)
	if len(b) < header+4 || b[0] != handshake || b[1] != 3 || b[2] > 4 || b[header] != clientHello {
		return false
	}
	n := int(binary.BigEndian.Uint16(b[3:]))
	return n <= maxFragment && int(b[header+1])<<16|int(b[header+2])<<8|int(b[header+3]) == n-4
}

// IsHTTP reports whether the first line of b is that of a request or a response of HTTP.
func IsHTTP(b []byte) bool {
	if len(b) < 4 || !isUpper(b[:3]) { // which no request of CoAP begins with
		return false
	}
	line, _, ok := bytes.Cut(b, []byte("\r\n"))
	if !ok {
		return false
	}
	words := bytes.Split(line, []byte(" "))
	version := words[len(words)-1] // of a request
	if bytes.HasPrefix(line, []byte("HTTP/")) {
		version = words[0]
	} else if len(words) != 3 || len(words[0]) < 3 || !isUpper(words[0]) {
		return false
	}
	return slices.ContainsFunc([]string{"HTTP/1.0", "HTTP/1.1", "HTTP/2.0"}, func(v string) bool { return string(version) == v })
}

func isUpper(b []byte) bool {
	return !bytes.ContainsFunc(b, func(r rune) bool { return r < 'A' || r > 'Z' })
}

// IsCoAPOverTCP reports whether b begins as every connection of CoAP over TCP does, with a
// Capabilities and Settings Message (RFC 8323 §3.2, §5.3). No message over UDP has its code.
func IsCoAPOverTCP(b []byte) bool {
	const csm = 7<<5 | 1
	if len(b) < 2 {
		return false
	}
	length, token := int(b[0]>>4), int(b[0]&15)
	rest := b[1:]
	if length == 13 {
		length, rest = 13+int(rest[0]), rest[1:]
	}
	return length <= 13+255 && int(b[0]>>4) <= 13 && token <= 8 && len(rest) > 0 && rest[0] == csm && len(rest)-1 >= token+length
}
