package message

import (
	"errors"
	"fmt"

	coap "github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/udp/coder"

	"lwbs/bootstrap/coap/traffic"
	"lwbs/lwm2m"
)

const (
	// MaxDatagram is the largest message taken, in bytes: a block of 1024 with all
	// the options that belong to one, twice over (RFC 7252 §4.6 assumes 1152).
	MaxDatagram = 2048

	// maxOptions is how many options a message may have.
	maxOptions = 64

	// fewOptions is how many there is room for at first.
	fewOptions = 8

	// maxString is the most that one Uri-Path or Uri-Query option holds, in bytes
	// (RFC 7252 §5.10).
	maxString = 255

	headerSize = 4
)

var (
	// errNotCoAP is for what must be ignored without a trace: too short for a
	// header, or another version (RFC 7252 §3).
	errNotCoAP = errors.New("not a CoAP message")

	// errFormat is for what has a header and breaks the format after it. The
	// decoded message then has its Kind, Code and ID.
	errFormat = errors.New("message format error")

	// errOversize is the errFormat of what is larger than MaxDatagram.
	errOversize = fmt.Errorf("%w: more than %d bytes", errFormat, MaxDatagram)
)

// DropReason is the reason to drop what [Decode] returned err for.
func DropReason(err error) traffic.DropReason {
	if errors.Is(err, errOversize) {
		return traffic.DropOversize
	}
	return traffic.DropMalformed
}

// HasHeader reports whether b begins with a header of version 1 (RFC 7252 §3).
func HasHeader(b []byte) bool { return len(b) >= headerSize && b[0]>>6 == 1 }

// IsRequest reports whether a datagram looks like a request: its code is of class 0 and
// not 0.00 (RFC 7252 §3).
func IsRequest(b []byte) bool { return HasHeader(b) && !IsReply(b) && b[1] != 0 && b[1]>>5 == 0 }

// IsReply reports whether a datagram looks like an acknowledgement or RST.
func IsReply(b []byte) bool { return HasHeader(b) && Kind(b[0]>>4&3) >= Acknowledgement }

// Decode reads one datagram. The message shares its payload with b.
//
// go-coap reads the options, without its table of them: with it, it would leave out
// options of a wrong length, critical ones included, and let a payload marker with
// nothing after it pass.
func Decode(b []byte) (Message, error) {
	if !HasHeader(b) {
		return Message{}, errNotCoAP
	}
	m := Message{
		Kind: Kind(b[0] >> 4 & 3),
		Code: lwm2m.Code(b[1]),
		ID:   uint16(b[2])<<8 | uint16(b[3]),
	}
	tokenLength := int(b[0] & 15)
	rest := b[headerSize:]
	switch {
	case len(b) > MaxDatagram:
		return m, errOversize
	case m.Code == CodeEmpty && len(b) != headerSize:
		return m, fmt.Errorf("%w: empty message with %d bytes", errFormat, len(b))
	case tokenLength > coap.MaxTokenSize || tokenLength > len(rest):
		return m, fmt.Errorf("%w: token of %d bytes", errFormat, tokenLength)
	}
	m.Token, rest = Token(rest[:tokenLength]), rest[tokenLength:]

	options := make(coap.Options, 0, fewOptions)
	n, err := options.Unmarshal(rest, nil)
	if errors.Is(err, coap.ErrOptionsTooSmall) {
		options = make(coap.Options, 0, maxOptions)
		n, err = options.Unmarshal(rest, nil)
	}
	if err != nil {
		return m, fmt.Errorf("%w: %w", errFormat, err)
	}
	// Each option has one encoding only, so that its size tells where they end.
	if size, _ := options.Marshal(nil); n > size && n == len(rest) {
		return m, fmt.Errorf("%w: payload marker without payload", errFormat)
	}
	if n < len(rest) {
		m.Payload = rest[n:]
	}
	m.readOptions(options)
	return m, nil
}

// readOptions takes over what m has a place for, and notes what forbids acting on it.
// An elective option that is unknown, of a wrong length or one too many is ignored
// (RFC 7252 §5.4.1, §5.4.3, §5.4.5).
func (m *Message) readOptions(options coap.Options) {
	var previous coap.OptionID
	for _, o := range options {
		again := o.ID == previous
		previous = o.ID
		if again && o.ID != coap.URIPath && o.ID != coap.URIQuery ||
			!coap.VerifyOptLen(o.ID, len(o.Value)) || !m.readOption(o) {
			m.noteBad(o.ID)
		}
	}
}

// readOption takes over one option and reports whether m has a place for it.
func (m *Message) readOption(o coap.Option) bool {
	switch o.ID {
	case coap.ContentFormat:
		m.ContentFormat = lwm2m.FormatNumber(uint16(number(o)))
	case coap.ETag:
		m.ETag = string(o.Value)
	case coap.Block1:
		m.Block1 = blockFrom(number(o))
	case coap.Block2:
		m.Block2 = blockFrom(number(o))
	case coap.Size1:
		m.Size1 = number(o)
	default:
		return m.IsRequest() && m.readRequestOption(o)
	}
	return true
}

// readRequestOption is readOption for what only a request may have.
func (m *Message) readRequestOption(o coap.Option) bool {
	switch o.ID {
	case coap.URIHost, coap.URIPort: // this server is one host, whatever it is called
	case coap.URIPath:
		m.Path = append(m.Path, string(o.Value))
	case coap.URIQuery:
		m.Queries = append(m.Queries, string(o.Value))
	case coap.Accept:
		m.Accept = lwm2m.FormatNumber(uint16(number(o)))
	case coap.ProxyURI, coap.ProxyScheme:
		m.Proxy = true
	default:
		return false
	}
	return true
}

// noteBad remembers the first option that was not taken, if it is critical, which odd
// numbers are (RFC 7252 §5.4.6).
func (m *Message) noteBad(id coap.OptionID) {
	if id&1 == 1 && m.BadOption == 0 {
		m.BadOption = uint16(id)
	}
}

// number is the value of an option of format uint; leading zeros are allowed
// (RFC 7252 §3.2).
func number(o coap.Option) uint32 {
	n, _, _ := coap.DecodeUint32(o.Value) // never fails
	return n
}

// Encode returns the datagram of m.
func Encode(m Message) ([]byte, error) {
	options, err := m.options()
	if err != nil {
		return nil, err
	}
	out := coap.Message{
		Type:      coap.Type(m.Kind),
		Code:      codes.Code(m.Code),
		MessageID: int32(m.ID),
		Token:     coap.Token(m.Token),
		Options:   options,
		Payload:   m.Payload,
	}
	size, err := coder.DefaultCoder.Size(out)
	if err != nil {
		return nil, fmt.Errorf("encode message: %w", err)
	}
	if size > MaxDatagram {
		return nil, fmt.Errorf("encode message: %d bytes, at most %d are possible", size, MaxDatagram)
	}
	b := make([]byte, size)
	if _, err := coder.DefaultCoder.Encode(out, b); err != nil {
		return nil, fmt.Errorf("encode message: %w", err)
	}
	return b, nil
}

// options returns those of m in the order of their numbers, as they are encoded.
func (m Message) options() (coap.Options, error) {
	var out coap.Options
	if m.ETag != "" {
		out = append(out, coap.Option{ID: coap.ETag, Value: []byte(m.ETag)})
	}
	if err := appendStrings(&out, coap.URIPath, m.Path); err != nil {
		return nil, err
	}
	if m.ContentFormat != 0 {
		out = appendNumber(out, coap.ContentFormat, uint32(m.ContentFormat.Number()))
	}
	if m.MaxAge != 0 {
		out = appendNumber(out, coap.MaxAge, m.MaxAge)
	}
	if err := appendStrings(&out, coap.URIQuery, m.Queries); err != nil {
		return nil, err
	}
	if m.Accept != 0 {
		out = appendNumber(out, coap.Accept, uint32(m.Accept.Number()))
	}
	if m.Block2 != nil {
		out = appendNumber(out, coap.Block2, m.Block2.value())
	}
	if m.Block1 != nil {
		out = appendNumber(out, coap.Block1, m.Block1.value())
	}
	if m.Size1 != 0 {
		out = appendNumber(out, coap.Size1, m.Size1)
	}
	return out, nil
}

func appendStrings(out *coap.Options, id coap.OptionID, values []string) error {
	for _, v := range values {
		if len(v) > maxString {
			return fmt.Errorf("encode %v: %d bytes, at most %d are possible", id, len(v), maxString)
		}
		*out = append(*out, coap.Option{ID: id, Value: []byte(v)})
	}
	return nil
}

func appendNumber(out coap.Options, id coap.OptionID, n uint32) coap.Options {
	value := make([]byte, 4)
	length, _ := coap.EncodeUint32(value, n) // 4 bytes are always enough
	return append(out, coap.Option{ID: id, Value: value[:length]})
}
