package coap

import (
	"errors"
	"fmt"

	coap "github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/udp/coder"

	"lwbs/lwm2m"
)

const (
	// maxDatagram is the largest message taken, in bytes: a block of 1024 with all
	// the options that belong to one, twice over (RFC 7252 §4.6 assumes 1152).
	maxDatagram = 2048

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
	// decoded message then has its kind, code and mid.
	errFormat = errors.New("message format error")

	// errOversize is the errFormat of what is larger than maxDatagram.
	errOversize = fmt.Errorf("%w: more than %d bytes", errFormat, maxDatagram)
)

// hasHeader reports whether b begins with a header of version 1 (RFC 7252 §3).
func hasHeader(b []byte) bool { return len(b) >= headerSize && b[0]>>6 == 1 }

// isRequest reports whether a datagram looks like a request: its code is of class 0 and
// not 0.00 (RFC 7252 §3).
func isRequest(b []byte) bool { return hasHeader(b) && !isReply(b) && b[1] != 0 && b[1]>>5 == 0 }

// isReply reports whether a datagram looks like an acknowledgement or RST.
func isReply(b []byte) bool { return hasHeader(b) && kind(b[0]>>4&3) >= acknowledgement }

// decode reads one datagram. The message shares its payload with b.
//
// go-coap reads the options, without its table of them: with it, it would leave out
// options of a wrong length, critical ones included, and let a payload marker with
// nothing after it pass.
func decode(b []byte) (message, error) {
	if !hasHeader(b) {
		return message{}, errNotCoAP
	}
	m := message{
		kind: kind(b[0] >> 4 & 3),
		code: lwm2m.Code(b[1]),
		mid:  uint16(b[2])<<8 | uint16(b[3]),
	}
	tokenLength := int(b[0] & 15)
	rest := b[headerSize:]
	switch {
	case len(b) > maxDatagram:
		return m, errOversize
	case m.code == codeEmpty && len(b) != headerSize:
		return m, fmt.Errorf("%w: empty message with %d bytes", errFormat, len(b))
	case tokenLength > coap.MaxTokenSize || tokenLength > len(rest):
		return m, fmt.Errorf("%w: token of %d bytes", errFormat, tokenLength)
	}
	m.token, rest = token(rest[:tokenLength]), rest[tokenLength:]

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
		m.payload = rest[n:]
	}
	m.readOptions(options)
	return m, nil
}

// readOptions takes over what m has a place for, and notes what forbids acting on it.
// An elective option that is unknown, of a wrong length or one too many is ignored
// (RFC 7252 §5.4.1, §5.4.3, §5.4.5).
func (m *message) readOptions(options coap.Options) {
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
func (m *message) readOption(o coap.Option) bool {
	switch o.ID {
	case coap.ContentFormat:
		m.contentFormat = lwm2m.FormatNumber(uint16(number(o)))
	case coap.ETag:
		m.etag = string(o.Value)
	case coap.Block1:
		m.block1 = blockFrom(number(o))
	case coap.Block2:
		m.block2 = blockFrom(number(o))
	case coap.Size1:
		m.size1 = number(o)
	default:
		return m.isRequest() && m.readRequestOption(o)
	}
	return true
}

// readRequestOption is readOption for what only a request may have.
func (m *message) readRequestOption(o coap.Option) bool {
	switch o.ID {
	case coap.URIHost, coap.URIPort: // this server is one host, whatever it is called
	case coap.URIPath:
		m.path = append(m.path, string(o.Value))
	case coap.URIQuery:
		m.queries = append(m.queries, string(o.Value))
	case coap.Accept:
		m.accept = lwm2m.FormatNumber(uint16(number(o)))
	case coap.ProxyURI, coap.ProxyScheme:
		m.proxy = true
	default:
		return false
	}
	return true
}

// noteBad remembers the first option that was not taken, if it is critical, which odd
// numbers are (RFC 7252 §5.4.6).
func (m *message) noteBad(id coap.OptionID) {
	if id&1 == 1 && m.badOption == 0 {
		m.badOption = uint16(id)
	}
}

// number is the value of an option of format uint; leading zeros are allowed
// (RFC 7252 §3.2).
func number(o coap.Option) uint32 {
	n, _, _ := coap.DecodeUint32(o.Value) // never fails
	return n
}

// encode returns the datagram of m.
func encode(m message) ([]byte, error) {
	options, err := m.options()
	if err != nil {
		return nil, err
	}
	out := coap.Message{
		Type:      coap.Type(m.kind),
		Code:      codes.Code(m.code),
		MessageID: int32(m.mid),
		Token:     coap.Token(m.token),
		Options:   options,
		Payload:   m.payload,
	}
	size, err := coder.DefaultCoder.Size(out)
	if err != nil {
		return nil, fmt.Errorf("encode message: %w", err)
	}
	if size > maxDatagram {
		return nil, fmt.Errorf("encode message: %d bytes, at most %d are possible", size, maxDatagram)
	}
	b := make([]byte, size)
	if _, err := coder.DefaultCoder.Encode(out, b); err != nil {
		return nil, fmt.Errorf("encode message: %w", err)
	}
	return b, nil
}

// options returns those of m in the order of their numbers, as they are encoded.
func (m message) options() (coap.Options, error) {
	var out coap.Options
	if m.etag != "" {
		out = append(out, coap.Option{ID: coap.ETag, Value: []byte(m.etag)})
	}
	if err := appendStrings(&out, coap.URIPath, m.path); err != nil {
		return nil, err
	}
	if m.contentFormat != 0 {
		out = appendNumber(out, coap.ContentFormat, uint32(m.contentFormat.Number()))
	}
	if err := appendStrings(&out, coap.URIQuery, m.queries); err != nil {
		return nil, err
	}
	if m.accept != 0 {
		out = appendNumber(out, coap.Accept, uint32(m.accept.Number()))
	}
	if m.block2 != nil {
		out = appendNumber(out, coap.Block2, m.block2.value())
	}
	if m.block1 != nil {
		out = appendNumber(out, coap.Block1, m.block1.value())
	}
	if m.size1 != 0 {
		out = appendNumber(out, coap.Size1, m.size1)
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
