package content

import (
	"errors"
	"fmt"

	"lwbs/lwm2m"
)

// The labels of application/senml+cbor (RFC 8428 §6). "vlo" has no number.
const (
	cborBaseName = -2
	cborName     = 0
	cborNumber   = 2
	cborString   = 3
	cborBoolean  = 4
	cborData     = 8
	cborLink     = "vlo"
)

// senmlLabels are the numbers of CBOR by the names of JSON.
var senmlLabels = map[int64]string{
	-1: "bver", cborBaseName: "bn", -3: "bt", -4: "bu", -5: "bv", -6: "bs",
	cborName: "n", 1: "u", cborNumber: "v", cborString: "vs", cborBoolean: "vb",
	5: "s", 6: "t", 7: "ut", cborData: "vd",
}

// encodeSenMLCBOR writes application/senml+cbor with lengths up front and the fields
// in the order base name, name, value.
func encodeSenMLCBOR(at lwm2m.Path, objects []lwm2m.Object) ([]byte, error) {
	pack, err := senmlPack(at, objects)
	if err != nil {
		return nil, err
	}
	out := appendCBORHead(nil, cborMajorArray, uint64(len(pack)))
	for _, rec := range pack {
		fields := uint64(1)
		if rec.baseName != "" {
			fields++
		}
		if rec.name != "" {
			fields++
		}
		out = appendCBORHead(out, cborMajorMap, fields)
		if rec.baseName != "" {
			out = appendCBORText(appendCBORInt(out, cborBaseName), rec.baseName)
		}
		if rec.name != "" {
			out = appendCBORText(appendCBORInt(out, cborName), rec.name)
		}
		out = appendCBORValue(appendValueLabel(out, rec.value.Type()), rec.value)
	}
	return out, nil
}

func appendValueLabel(dst []byte, t lwm2m.Type) []byte {
	switch t {
	case lwm2m.TypeString, lwm2m.TypeCoreLink:
		return appendCBORInt(dst, cborString)
	case lwm2m.TypeBoolean:
		return appendCBORInt(dst, cborBoolean)
	case lwm2m.TypeOpaque:
		return appendCBORInt(dst, cborData)
	case lwm2m.TypeObjectLink:
		return appendCBORText(dst, cborLink)
	}
	return appendCBORInt(dst, cborNumber)
}

// decodeSenMLCBOR reads application/senml+cbor.
func decodeSenMLCBOR(b *builder, payload []byte) error {
	if len(payload) == 0 || payload[0]>>5 != cborMajorArray {
		return errors.New("it is no array")
	}
	var pack []map[any]any
	if err := cborInput.Unmarshal(payload, &pack); err != nil {
		return err
	}
	content := senmlReader{b: b}
	for i, fields := range pack {
		rec, err := senmlRecordOf(fields)
		if err == nil {
			err = content.add(rec)
		}
		if err != nil {
			return fmt.Errorf("record %d: %w", i, err)
		}
	}
	return nil
}

func senmlRecordOf(fields map[any]any) (rec senmlInput, err error) {
	for key, raw := range fields {
		if err := rec.field(senmlLabel(key), raw); err != nil {
			return rec, err
		}
	}
	return rec, nil
}

// senmlLabel is the name that JSON has for a key; empty for one that is unknown.
func senmlLabel(key any) string {
	switch k := key.(type) {
	case string:
		return k
	case uint64:
		return senmlLabels[int64(k)]
	case int64:
		return senmlLabels[k]
	}
	return ""
}

func (in *senmlInput) field(label string, raw any) error {
	switch label {
	case "bn", "n":
		text, ok := raw.(string)
		if !ok {
			return fmt.Errorf("the field %q is no text", label)
		}
		if label == "bn" {
			in.baseName = &text
		} else {
			in.name = &text
		}
		return nil
	case "v", "vs", "vb", "vd", "vlo":
		value, err := cborScalar(raw)
		if err != nil {
			return err
		}
		return in.set(label, value)
	}
	value, _ := cborScalar(raw)
	return in.skip(label, value)
}
