package pskhandshake

import (
	"encoding/binary"

	"lwbs/bootstrap/coap/dtls/hello"
	"lwbs/bootstrap/coap/dtls/record"
)

// Types of handshake messages beside those of package record (RFC 5246 §7.4).
const (
	helloDone         = 14
	clientKeyExchange = 16
	finished          = 20
)

// Numbers of the messages of either side. Each has sent one before: a ClientHello without a cookie,
// and HelloVerifyRequest.
const (
	clientHelloNumber    = 1
	keyExchangeNumber    = 2
	clientFinishedNumber = 3

	serverHelloNumber    = 1
	helloDoneNumber      = 2
	serverFinishedNumber = 3
)

// verifyDataSize is that of the body of a Finished (RFC 5246 §7.4.9).
const verifyDataSize = 12

// serverHelloDone never differs.
var serverHelloDone = message(helloDone, helloDoneNumber, nil)

// serverHello is the ServerHello of h (RFC 5246 §7.4.1.3), with what the client has asked for.
func serverHello(h *Handshake, renegotiation bool) []byte {
	body := binary.BigEndian.AppendUint16(make([]byte, 0, 80), record.Version12)
	body = append(body, h.serverRandom[:]...)
	body = append(body, 0) // no session to resume
	body = binary.BigEndian.AppendUint16(body, uint16(h.suite))
	body = append(body, 0) // no compression
	var extensions []byte
	add := func(kind uint16, content ...byte) {
		extensions = binary.BigEndian.AppendUint16(extensions, kind)
		extensions = binary.BigEndian.AppendUint16(extensions, uint16(len(content)))
		extensions = append(extensions, content...)
	}
	if h.extended {
		add(hello.ExtensionExtendedMaster)
	}
	if renegotiation {
		add(hello.ExtensionRenegotiation, 0)
	}
	if h.ownCID != nil {
		add(hello.ExtensionCID, append([]byte{byte(len(h.ownCID))}, h.ownCID...)...)
	}
	if len(extensions) > 0 {
		body = binary.BigEndian.AppendUint16(body, uint16(len(extensions)))
		body = append(body, extensions...)
	}
	return message(record.ServerHello, serverHelloNumber, body)
}

// message is a handshake message in one piece (RFC 6347 §4.2.2).
func message(kind byte, number uint16, body []byte) []byte {
	n := len(body)
	b := make([]byte, 0, record.HandshakeHeader+n)
	b = append(b, kind, byte(n>>16), byte(n>>8), byte(n), byte(number>>8), byte(number), 0, 0, 0, byte(n>>16), byte(n>>8), byte(n))
	return append(b, body...)
}

// appendPlain appends a record in the clear.
func (h *Handshake) appendPlain(b []byte, contentType byte, content []byte) []byte {
	b = append(b, contentType, record.Version12>>8, record.Version12&0xff)
	b = binary.BigEndian.AppendUint64(b, h.nextPlain) // epoch 0 in front
	h.nextPlain++
	b = binary.BigEndian.AppendUint16(b, uint16(len(content)))
	return append(b, content...)
}

// A fragment is a part of a handshake message, or all of it (RFC 6347 §4.2.3).
type fragment struct {
	kind   byte
	number uint16
	length int // of the whole message
	offset int
	whole  []byte // header and data
}

func (f fragment) data() []byte { return f.whole[record.HandshakeHeader:] }

// cutFragment cuts a fragment off b; ok is false where b does not begin with one that is
// consistent. Of a message without a body one fragment is all there is.
func cutFragment(b []byte) (f fragment, rest []byte, ok bool) {
	if len(b) < record.HandshakeHeader {
		return f, nil, false
	}
	f = fragment{kind: b[0], length: record.Uint24(b[1:]), number: binary.BigEndian.Uint16(b[4:]), offset: record.Uint24(b[6:])}
	n := record.Uint24(b[9:])
	if n > len(b)-record.HandshakeHeader || f.offset+n > f.length || n == 0 && f.length > 0 {
		return f, nil, false
	}
	end := record.HandshakeHeader + n
	f.whole = b[:end:end]
	return f, b[end:], true
}

// An assembly puts the fragments of one message together, in whatever order they come. The zero one
// has none. It takes messages of a limited length only, which is the caller's business.
type assembly struct {
	body    []byte // as long as that of the message
	have    []bool // of each byte
	missing int
}

// add takes one more fragment, and returns the message as if it had come in one piece, once it is
// there. Of what contradicts itself, as it is forged, the newest counts, so that a client that repeats
// itself gets through.
func (a *assembly) add(f fragment) []byte {
	if f.length == len(f.data()) {
		*a = assembly{}
		return message(f.kind, f.number, f.data())
	}
	if len(a.body) != f.length {
		*a = assembly{make([]byte, f.length), make([]bool, f.length), f.length}
	}
	copy(a.body[f.offset:], f.data())
	for i := range f.data() {
		if !a.have[f.offset+i] {
			a.have[f.offset+i] = true
			a.missing--
		}
	}
	if a.missing > 0 {
		return nil
	}
	b := message(f.kind, f.number, a.body)
	*a = assembly{}
	return b
}
