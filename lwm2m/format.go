package lwm2m

import (
	"fmt"
	"strconv"
)

// A Format is a CoAP Content-Format. The zero Format is "none", which differs from text/plain, number
// 0; hence the offset.
//
// A Format's text form, used in JSON and on the command line, is its short name
// such as "tlv", or its number where it has none.
type Format uint32

const formatOffset = 1 << 16

// The formats of the bootstrap interface (protocol numbers of the IANA registry).
const (
	FormatText      Format = formatOffset         // text/plain
	FormatLink      Format = formatOffset | 40    // application/link-format
	FormatOpaque    Format = formatOffset | 42    // application/octet-stream
	FormatCBOR      Format = formatOffset | 60    // application/cbor
	FormatSenMLJSON Format = formatOffset | 110   // application/senml+json
	FormatSenMLCBOR Format = formatOffset | 112   // application/senml+cbor
	FormatTLV       Format = formatOffset | 11542 // application/vnd.oma.lwm2m+tlv
	FormatLwM2MCBOR Format = formatOffset | 11544 // application/vnd.oma.lwm2m+cbor
)

var formatNames = []struct {
	format Format
	name   string
}{
	{FormatText, "text"},
	{FormatLink, "link-format"},
	{FormatOpaque, "opaque"},
	{FormatCBOR, "cbor"},
	{FormatSenMLJSON, "senml-json"},
	{FormatSenMLCBOR, "senml-cbor"},
	{FormatTLV, "tlv"},
	{FormatLwM2MCBOR, "lwm2m-cbor"},
}

// FormatNumber returns the Format with the number n of the IANA registry.
func FormatNumber(n uint16) Format { return formatOffset | Format(n) }

// Number is the number on the wire. It is meaningless for the zero Format.
func (f Format) Number() uint16 { return uint16(f) }

// String is the short name, the number where there is none, "none" for zero.
func (f Format) String() string {
	if f == 0 {
		return "none"
	}
	for _, n := range formatNames {
		if n.format == f {
			return n.name
		}
	}
	return strconv.Itoa(int(f.Number()))
}

// MarshalText writes [Format.String].
func (f Format) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (f *Format) UnmarshalText(b []byte) error {
	s := string(b)
	if s == "none" || s == "" {
		*f = 0
		return nil
	}
	for _, n := range formatNames {
		if n.name == s {
			*f = n.format
			return nil
		}
	}
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return fmt.Errorf("%q is not a content format", s)
	}
	*f = FormatNumber(uint16(n))
	return nil
}
