package content

import (
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"lwbs/lwm2m"
)

// The formats of this file carry the value of one single-instance Resource.

var (
	errOneValue = errors.New("the format carries the value of one single-instance Resource")
	errOpaque   = errors.New("the format carries an opaque value")
)

// onlyValue returns the value of the Resource that is the whole content.
func onlyValue(objects []lwm2m.Object) (lwm2m.Value, error) {
	if r := objects[0].Instances[0].Resources[0]; !r.Multiple {
		return r.Value, nil
	}
	return lwm2m.Value{}, errOneValue
}

// encodeOpaque writes application/octet-stream (Core 1.1.1 §7.4).
func encodeOpaque(_ lwm2m.Path, objects []lwm2m.Object) ([]byte, error) {
	v, err := onlyValue(objects)
	if err == nil && v.Type() != lwm2m.TypeOpaque {
		err = errOpaque
	}
	return v.Bytes(), err
}

func decodeOpaque(b *builder, payload []byte) error {
	if t, known := definedType(b.at); known && t != lwm2m.TypeOpaque {
		return errOpaque
	}
	return b.add(b.at, lwm2m.OpaqueValue(payload))
}

// encodeCBOR writes application/cbor, one data item (Core 1.1.1 §7.4).
func encodeCBOR(_ lwm2m.Path, objects []lwm2m.Object) ([]byte, error) {
	v, err := onlyValue(objects)
	if err != nil {
		return nil, err
	}
	return appendCBORValue(nil, v), nil
}

func decodeCBOR(b *builder, payload []byte) error {
	var item any
	if err := cborInput.Unmarshal(payload, &item); err != nil {
		return err
	}
	value, err := cborScalar(item)
	if err != nil {
		return err
	}
	return b.addScalar(b.at, value)
}

// encodeText writes text/plain (Core 1.1.1 §7.4, Appendix C).
func encodeText(_ lwm2m.Path, objects []lwm2m.Object) ([]byte, error) {
	v, err := onlyValue(objects)
	if err != nil {
		return nil, err
	}
	switch v.Type() {
	case lwm2m.TypeString, lwm2m.TypeCoreLink:
		return []byte(v.Text()), nil
	case lwm2m.TypeFloat:
		text, err := decimalFloat(v.Float())
		return []byte(text), err
	case lwm2m.TypeBoolean:
		if v.Bool() {
			return []byte("1"), nil
		}
		return []byte("0"), nil
	case lwm2m.TypeOpaque:
		return base64.StdEncoding.AppendEncode(nil, v.Bytes()), nil
	case lwm2m.TypeObjectLink:
		return []byte(v.Link().String()), nil
	}
	return []byte(wholeNumber(v)), nil
}

// decodeText reads text/plain. Text of an unknown Resource is a String.
func decodeText(b *builder, payload []byte) error {
	if !utf8.Valid(payload) {
		return errUTF8
	}
	t, known := definedType(b.at)
	if !known {
		t = lwm2m.TypeString
	}
	s, err := textScalar(t, string(payload))
	if err != nil {
		return err
	}
	return b.addScalar(b.at, s)
}

func textScalar(t lwm2m.Type, s string) (scalar, error) {
	switch t {
	case lwm2m.TypeInteger, lwm2m.TypeUnsigned, lwm2m.TypeTime, lwm2m.TypeFloat:
		if strings.Trim(s, "+-.0123456789eE") != "" {
			return nil, strconv.ErrSyntax // ParseFloat would take "0x1p4" and "1_0" too
		}
		return parseNumber(s)
	case lwm2m.TypeBoolean:
		if s == "0" || s == "1" {
			return s == "1", nil
		}
		return nil, errors.New("a boolean is 0 or 1")
	case lwm2m.TypeOpaque:
		return decodeBase64(s)
	}
	return s, nil
}
