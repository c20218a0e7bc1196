package coap

import (
	"errors"
	"slices"

	"lwbs/lwm2m"
)

// A kind is the type of a message (RFC 7252 §3).
type kind uint8

const (
	confirmable kind = iota
	nonConfirmable
	acknowledgement
	reset
)

// Codes that only the message layer knows.
const (
	codeEmpty                lwm2m.Code = 0
	codeProxyingNotSupported lwm2m.Code = 5<<5 | 5
)

// A token pairs a response with its request, up to 8 bytes (RFC 7252 §5.3.1). Any two
// are compared bytewise; the empty one is a token like others.
type token string

// A message is one CoAP message with what this package understands of its options.
// Absent options are zero.
type message struct {
	kind  kind
	code  lwm2m.Code
	mid   uint16
	token token

	path          []string
	queries       []string
	contentFormat lwm2m.Format
	accept        lwm2m.Format
	etag          string
	block1        *block
	block2        *block
	size1         uint32

	// badOption is the first critical option that is unknown, malformed or one too
	// many; the receiver must not act on the message (RFC 7252 §5.4.1). Zero: none.
	badOption uint16

	// proxy is whether the request is meant for a forward proxy (RFC 7252 §5.7.2).
	proxy bool

	payload []byte
}

// isRequest reports whether m has a method for its code, of whatever kind it is.
func (m message) isRequest() bool { return m.code.Class() == 0 && m.code != codeEmpty }

// isResponse reports whether m has a response code. Class 3 is not assigned, and 1, 6
// and 7 are reserved (RFC 7252 §12.1).
func (m message) isResponse() bool {
	c := m.code.Class()
	return c == 2 || c == 4 || c == 5
}

// sameResource reports whether two requests ask the same of the same resource, so
// that blocks in them belong together (RFC 7959 §2.4).
func (m message) sameResource(other message) bool {
	return m.code == other.code && m.accept == other.accept &&
		slices.Equal(m.path, other.path) && slices.Equal(m.queries, other.queries)
}

// emptyReply returns the empty message of kind k in reply to the one with m's ID.
func (m message) emptyReply(k kind) message { return message{kind: k, mid: m.mid} }

// opens reports whether m may be the first of a peer.
func (m message) opens() bool {
	return m.isRequest() && (m.kind == confirmable || m.kind == nonConfirmable)
}

// unexpected returns the reply to a message that is not a request and that nobody
// waits for, and whether there is one: a Confirmable message is rejected with RST,
// a CoAP ping among them, anything else is dropped (RFC 7252 §4.2, §4.3). No reply
// calls for another one.
func (m message) unexpected() (message, bool) {
	return m.emptyReply(reset), m.kind == confirmable
}

// rejection returns the reply to a message that [decode] gave m and err for, and
// whether there is one (RFC 7252 §4.2).
func (m message) rejection(err error) (message, bool) {
	if !errors.Is(err, errFormat) {
		return message{}, false
	}
	return m.unexpected()
}
