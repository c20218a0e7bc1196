package content

import (
	"errors"
	"fmt"

	"lwbs/lwm2m"
)

// Errors of [Encode] and [Decode], found with [errors.Is].
var (
	// ErrFormat: the Format is unknown, or cannot carry a payload for the path. A Client answers it
	// with 4.15.
	ErrFormat = errors.New("content format does not serve here")

	// ErrPayload: the payload violates the rules of its Format, or does not belong to the path. A
	// Client answers it with 4.00.
	ErrPayload = errors.New("malformed payload")

	// ErrContent: the objects do not fit the path, or the Format cannot express them.
	ErrContent = errors.New("content cannot be encoded")
)

// Limits on what [Decode] reads.
const (
	// MaxPayload is the longest payload, in bytes.
	MaxPayload = 64 << 10

	// MaxValues is how many values one payload may have, an empty Instance or
	// Resource counting as one.
	MaxValues = 4096
)

// Encode writes objects as the payload of a request or an answer for the path at:
// "/", "/o", "/o/i" or "/o/i/r". They hold just what lies at or below it: below the
// root any Objects, below "/o" that one Object, below "/o/i" that one Instance, and
// so on. The output for the same input is always the same.
//
// TLV has no place for Object identifiers and cannot serve the root; text, opaque and
// CBOR carry one value of one Resource. SenML cannot express a multiple-instance
// Resource without instances, nor an Instance without Resources. Strings are written
// only if they are UTF-8. An error wraps [ErrFormat] or [ErrContent] and never tells
// a value.
//
// Spec: Core 1.1.1 §7.4, and Core 1.2.1 for LwM2M CBOR.
func Encode(f lwm2m.Format, at lwm2m.Path, objects []lwm2m.Object) ([]byte, error) {
	c := codecOf(f)
	if !c.serves(at) {
		return nil, fmt.Errorf("encode %v as %v: %w", at, f, ErrFormat)
	}
	if err := checkContent(at, objects); err != nil {
		return nil, fmt.Errorf("encode %v as %v: %w: %w", at, f, ErrContent, err)
	}
	payload, err := c.encode(at, objects)
	if err != nil {
		return nil, fmt.Errorf("encode %v as %v: %w: %w", at, f, ErrContent, err)
	}
	return payload, nil
}

// Decode reads the payload of a request or an answer for the path at, as Encode
// writes it and in the other forms that the specifications allow. Whatever the
// payload, Decode returns the Object, the Instance and the Resource that at names.
//
// The Object definitions tell the type of a Resource. Where they do not know one, the
// payload does; TLV, which cannot, gives an Opaque. Whether a Resource is multiple is
// what the payload says.
//
// Nothing may occur twice, lie outside of at, or use the reserved identifier 65535.
// An error wraps [ErrFormat] or [ErrPayload] and never tells a value.
func Decode(f lwm2m.Format, at lwm2m.Path, payload []byte) ([]lwm2m.Object, error) {
	c := codecOf(f)
	if !c.serves(at) {
		return nil, fmt.Errorf("decode %v as %v: %w", at, f, ErrFormat)
	}
	if len(payload) > MaxPayload {
		return nil, fmt.Errorf("decode %v as %v: %w: %d bytes, at most %d are read", at, f, ErrPayload, len(payload), MaxPayload)
	}
	b := newBuilder(at)
	if err := c.decode(b, payload); err != nil {
		return nil, fmt.Errorf("decode %v as %v: %w: %w", at, f, ErrPayload, err)
	}
	if at.Depth() == 3 && len(b.objects[0].Instances[0].Resources) == 0 {
		return nil, fmt.Errorf("decode %v as %v: %w: the Resource is missing", at, f, ErrPayload)
	}
	return b.objects, nil
}

// Writable reports whether f can carry whole Instances in a Bootstrap-Write.
func Writable(f lwm2m.Format) bool { return codecOf(f).serves(lwm2m.InstancePath(0, 0)) }

// A codec has the functions of one Format.
type codec struct {
	shallowest, deepest int // depth of the paths it serves
	encode              func(at lwm2m.Path, objects []lwm2m.Object) ([]byte, error)
	decode              func(b *builder, payload []byte) error
}

func (c codec) serves(at lwm2m.Path) bool {
	return c.encode != nil && at.Depth() >= c.shallowest && at.Depth() <= c.deepest
}

// Numbers of drafts before LwM2M 1.0, still in the field: accepted, never chosen.
const (
	draftText uint16 = 1541
	draftTLV  uint16 = 1542
)

// codecOf returns the codec of f; the zero codec serves no path.
func codecOf(f lwm2m.Format) codec {
	switch f {
	case lwm2m.FormatTLV, lwm2m.FormatNumber(draftTLV):
		return codec{1, 3, encodeTLV, decodeTLV}
	case lwm2m.FormatSenMLJSON:
		return codec{0, 3, encodeSenMLJSON, decodeSenMLJSON}
	case lwm2m.FormatSenMLCBOR:
		return codec{0, 3, encodeSenMLCBOR, decodeSenMLCBOR}
	case lwm2m.FormatLwM2MCBOR:
		return codec{0, 3, encodeLwM2MCBOR, decodeLwM2MCBOR}
	case lwm2m.FormatText, lwm2m.FormatNumber(draftText):
		return codec{3, 3, encodeText, decodeText}
	case lwm2m.FormatOpaque:
		return codec{3, 3, encodeOpaque, decodeOpaque}
	case lwm2m.FormatCBOR:
		return codec{3, 3, encodeCBOR, decodeCBOR}
	}
	return codec{}
}
