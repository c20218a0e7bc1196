// Package message is the format of CoAP (RFC 7252 §3): a datagram becomes a [Message] and a
// Message a datagram. It also has the arithmetic of blocks (RFC 7959 §2.2) and the
// transmission parameters (RFC 7252 §4.8).
//
// [Decode] understands the options that a Bootstrap-Server or an LwM2M Client needs, and
// notes the first critical option that it does not. It never panics, and what it allocates is
// bounded by [MaxDatagram].
//
// It is the only package that imports go-coap, of which it uses the codec of options; no type
// of go-coap leaves it. It keeps no state and does no input or output.
package message

import (
	"errors"
	"slices"

	"lwbs/lwm2m"
)

// A Kind is the type of a message (RFC 7252 §3).
type Kind uint8

const (
	Confirmable Kind = iota
	NonConfirmable
	Acknowledgement
	Reset
)

// Codes that only the message layer knows.
const (
	CodeEmpty                lwm2m.Code = 0
	CodeProxyingNotSupported lwm2m.Code = 5<<5 | 5
)

// A Token pairs a response with its request, up to 8 bytes (RFC 7252 §5.3.1). Any two
// are compared bytewise; the empty one is a token like others.
type Token string

// A Message is one CoAP message with the options that this package understands.
// Absent options are zero.
type Message struct {
	Kind  Kind
	Code  lwm2m.Code
	ID    uint16
	Token Token

	Path          []string
	Queries       []string
	ContentFormat lwm2m.Format
	MaxAge        uint32 // seconds, of an answer that is sent; zero leaves it out
	Accept        lwm2m.Format
	ETag          string
	Block1        *Block
	Block2        *Block
	Size1         uint32

	// BadOption is the first critical option that is unknown, malformed or one too
	// many; the receiver must not act on the message (RFC 7252 §5.4.1). Zero: none.
	BadOption uint16

	// Proxy is whether the request is meant for a forward proxy (RFC 7252 §5.7.2).
	Proxy bool

	Payload []byte
}

// IsRequest reports whether m has a method for its code, of whatever kind it is.
func (m Message) IsRequest() bool { return m.Code.Class() == 0 && m.Code != CodeEmpty }

// IsResponse reports whether m has a response code. Class 3 is not assigned, and 1, 6
// and 7 are reserved (RFC 7252 §12.1).
func (m Message) IsResponse() bool {
	c := m.Code.Class()
	return c == 2 || c == 4 || c == 5
}

// SameResource reports whether two requests ask the same of the same resource, so
// that blocks in them belong together (RFC 7959 §2.4).
func (m Message) SameResource(other Message) bool {
	return m.Code == other.Code && m.Accept == other.Accept &&
		slices.Equal(m.Path, other.Path) && slices.Equal(m.Queries, other.Queries)
}

// EmptyReply returns the empty message of kind k in reply to the one with m's ID.
func (m Message) EmptyReply(k Kind) Message { return Message{Kind: k, ID: m.ID} }

// MayOpen reports whether m may be the first message of a peer.
func (m Message) MayOpen() bool {
	return m.IsRequest() && (m.Kind == Confirmable || m.Kind == NonConfirmable)
}

// Unexpected returns the reply to a message that is not a request and that no
// exchange waits for, and whether there is one: a Confirmable message is rejected with RST,
// a CoAP ping among them, anything else is dropped (RFC 7252 §4.2, §4.3). No reply
// calls for another one.
func (m Message) Unexpected() (Message, bool) {
	return m.EmptyReply(Reset), m.Kind == Confirmable
}

// Rejection returns the reply to a message that [Decode] gave m and err for, and
// whether there is one (RFC 7252 §4.2).
func (m Message) Rejection(err error) (Message, bool) {
	if !errors.Is(err, errFormat) {
		return Message{}, false
	}
	return m.Unexpected()
}
