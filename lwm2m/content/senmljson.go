package content

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"lwbs/lwm2m"
)

// A jsonRecord is a senmlRecord in the order of fields that we write.
type jsonRecord struct {
	BaseName string      `json:"bn,omitempty"`
	Name     string      `json:"n,omitempty"`
	Number   json.Number `json:"v,omitempty"`
	String   *string     `json:"vs,omitempty"`
	Boolean  *bool       `json:"vb,omitempty"`
	Data     *string     `json:"vd,omitempty"`
	Link     string      `json:"vlo,omitempty"`
}

// encodeSenMLJSON writes application/senml+json: no white space, nothing escaped that
// need not be, data in Base64url without padding.
func encodeSenMLJSON(at lwm2m.Path, objects []lwm2m.Object) ([]byte, error) {
	pack, err := senmlPack(at, objects)
	if err != nil {
		return nil, err
	}
	records := make([]jsonRecord, len(pack))
	for i, rec := range pack {
		if records[i], err = newJSONRecord(rec); err != nil {
			return nil, fmt.Errorf("%s%s: %w", rec.baseName, rec.name, err)
		}
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(records); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

func newJSONRecord(rec senmlRecord) (jsonRecord, error) {
	out := jsonRecord{BaseName: rec.baseName, Name: rec.name}
	switch v := rec.value; v.Type() {
	case lwm2m.TypeString, lwm2m.TypeCoreLink:
		text := v.Text()
		out.String = &text
	case lwm2m.TypeBoolean:
		is := v.Bool()
		out.Boolean = &is
	case lwm2m.TypeOpaque:
		data := base64.RawURLEncoding.EncodeToString(v.Bytes())
		out.Data = &data
	case lwm2m.TypeObjectLink:
		out.Link = v.Link().String()
	case lwm2m.TypeFloat:
		number, err := decimalFloat(v.Float())
		out.Number = json.Number(number)
		return out, err
	default:
		out.Number = json.Number(wholeNumber(v))
	}
	return out, nil
}

// wholeNumber is an Integer, an Unsigned Integer or a Time in decimal.
func wholeNumber(v lwm2m.Value) string {
	switch v.Type() {
	case lwm2m.TypeUnsigned:
		return strconv.FormatUint(v.Uint(), 10)
	case lwm2m.TypeTime:
		return strconv.FormatInt(v.Time().Unix(), 10)
	}
	return strconv.FormatInt(v.Int(), 10)
}

// decimalFloat is f in decimal digits, with a point so that a reader without the
// Object definition takes it for a float as well; with an exponent, which small
// readers lack, only where it would have very many digits.
func decimalFloat(f float64) (string, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return "", errors.New("decimal digits cannot express the number")
	}
	if size := math.Abs(f); size != 0 && (size < 1e-6 || size >= 1e21) {
		return strconv.FormatFloat(f, 'e', -1, 64), nil
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s, nil
}

// decodeSenMLJSON reads application/senml+json.
func decodeSenMLJSON(b *builder, payload []byte) error {
	if !utf8.Valid(payload) { // which encoding/json would mend in silence
		return errUTF8
	}
	r := jsonReader{json.NewDecoder(bytes.NewReader(payload))}
	r.dec.UseNumber()
	if err := r.delim('['); err != nil {
		return err
	}
	content := senmlReader{b: b}
	for r.dec.More() {
		rec, err := r.record()
		if err != nil {
			return err
		}
		if err := content.add(rec); err != nil {
			return err
		}
	}
	if err := r.delim(']'); err != nil {
		return err
	}
	if _, err := r.dec.Token(); err != io.EOF {
		return errors.New("something follows the pack")
	}
	return nil
}

// A jsonReader reads records field by field: package json would take "BN" for "bn" and
// the last of two equal fields.
type jsonReader struct{ dec *json.Decoder }

func (r jsonReader) delim(want json.Delim) error {
	got, err := r.dec.Token()
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("byte %d: %q is missing", r.dec.InputOffset(), want.String())
	}
	return nil
}

func (r jsonReader) record() (rec senmlInput, err error) {
	if err := r.delim('{'); err != nil {
		return rec, err
	}
	seen := make(map[string]bool, 4)
	for r.dec.More() {
		token, err := r.dec.Token()
		if err != nil {
			return rec, err
		}
		label, _ := token.(string) // More and the decoder's own rules: it is a key
		if seen[label] {
			return rec, fmt.Errorf("byte %d: a field of the record: %w", r.dec.InputOffset(), errTwice)
		}
		seen[label] = true
		if err := r.field(&rec, label); err != nil {
			return rec, fmt.Errorf("byte %d: %w", r.dec.InputOffset(), err)
		}
	}
	return rec, r.delim('}')
}

func (r jsonReader) field(rec *senmlInput, label string) error {
	var raw json.RawMessage
	if err := r.dec.Decode(&raw); err != nil {
		return err
	}
	switch label {
	case "bn":
		return json.Unmarshal(raw, &rec.baseName)
	case "n":
		return json.Unmarshal(raw, &rec.name)
	case "v", "vs", "vb", "vd", "vlo":
		value, err := jsonScalar(label, raw)
		if err != nil {
			return err
		}
		return rec.set(label, value)
	}
	value, _ := jsonScalar(label, raw)
	return rec.skip(label, value)
}

// jsonScalar is a JSON value other than an object, an array or null.
func jsonScalar(label string, raw json.RawMessage) (scalar, error) {
	var value any
	if len(raw) > 0 && (raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9') {
		return parseNumber(string(raw))
	}
	if err := json.Unmarshal(raw, &value); err != nil {
		return nil, err
	}
	if text, ok := value.(string); ok && label == "vd" {
		return decodeBase64(text)
	}
	return value, nil
}

var base64Alphabet = strings.NewReplacer("-", "+", "_", "/")

// decodeBase64 reads both alphabets of RFC 4648, with and without padding.
func decodeBase64(s string) ([]byte, error) {
	b, err := base64.RawStdEncoding.DecodeString(base64Alphabet.Replace(strings.TrimRight(s, "=")))
	if err != nil {
		return nil, errors.New("the data is not Base64")
	}
	return b, nil
}
