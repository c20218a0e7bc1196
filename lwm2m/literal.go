package lwm2m

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ParseValue returns the value of a type that text stands for. An Opaque is "hex:…" or "base64:…", a
// Time RFC 3339 or seconds since 1970, an Objlnk "21:0", a Boolean "true" or "false", an Unsigned
// Integer decimal or "0x…", a Float decimal. A number that cannot be stored exactly is refused, and so
// are NaN and infinity: SenML JSON and text have no form for them, and the format that a client reads
// is not known before it comes.
func ParseValue(t Type, text string) (Value, error) {
	switch t {
	case TypeString:
		return StringValue(text), nil
	case TypeCoreLink:
		return CoreLinkValue(text), nil
	case TypeInteger:
		i, err := parseInteger(text)
		return IntegerValue(i), err
	case TypeUnsigned:
		u, err := parseUnsigned(text)
		return UnsignedValue(u), err
	case TypeFloat:
		f, err := parseFloat(text)
		return FloatValue(f), err
	case TypeBoolean:
		b, err := strconv.ParseBool(text)
		return BooleanValue(b), wanted(err, "true or false", text)
	case TypeTime:
		return parseTime(text)
	case TypeObjectLink:
		return parseLink(text)
	case TypeOpaque:
		b, err := ParseOpaque(text)
		return OpaqueValue(b), err
	}
	return Value{}, fmt.Errorf("it has no value")
}

func wanted(err error, what, text string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("want %s, not %q", what, text)
}

func parseTime(text string) (Value, error) {
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
		return TimeValue(time.Unix(seconds, 0)), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err == nil && t.Nanosecond() != 0 {
		return Value{}, fmt.Errorf("want a time in whole seconds, not %q", text)
	}
	return TimeValue(t), wanted(err, "a time such as 2026-01-01T00:00:00Z", text)
}

func parseLink(text string) (Value, error) {
	object, instance, ok := strings.Cut(text, ":")
	o, err1 := strconv.ParseUint(object, 10, 16)
	i, err2 := strconv.ParseUint(instance, 10, 16)
	if !ok || err1 != nil || err2 != nil {
		return Value{}, fmt.Errorf("want a link such as 21:0, not %q", text)
	}
	return LinkValue(ObjectLink{ObjectID(o), InstanceID(i)}), nil
}

// The prefixes of text that stands for bytes, in any letter case.
const (
	OpaqueHex    = "hex:"
	OpaqueBase64 = "base64:"
)

// IsOpaque reports whether text has a prefix of bytes, whether or not they are valid.
func IsOpaque(text string) bool {
	_, hex := opaqueDigits(text, OpaqueHex)
	_, base64 := opaqueDigits(text, OpaqueBase64)
	return hex || base64
}

// opaqueDigits returns what follows a prefix, without white space, if text has that prefix.
func opaqueDigits(text, prefix string) (digits string, ok bool) {
	if len(text) < len(prefix) || !strings.EqualFold(text[:len(prefix)], prefix) {
		return "", false
	}
	return strings.Join(strings.Fields(text[len(prefix):]), ""), true
}

// ParseOpaque returns the bytes that "hex:…" or "base64:…" stands for. White space is ignored. Its
// errors do not repeat the text, as it may be a key.
func ParseOpaque(text string) ([]byte, error) {
	if digits, ok := opaqueDigits(text, OpaqueHex); ok {
		b, err := hex.DecodeString(digits)
		switch {
		case errors.Is(err, hex.ErrLength):
			return nil, fmt.Errorf("what follows hex: has an odd number of digits, %d", len(digits))
		case err != nil:
			return nil, fmt.Errorf("what follows hex: is not hexadecimal")
		}
		return b, nil
	}
	if digits, ok := opaqueDigits(text, OpaqueBase64); ok {
		b, err := base64.StdEncoding.DecodeString(digits)
		if err != nil {
			return nil, fmt.Errorf("what follows base64: is not Base64")
		}
		return b, nil
	}
	return nil, fmt.Errorf("bytes are written as hex:… or base64:…")
}
