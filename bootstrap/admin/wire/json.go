package wire

import (
	"bytes"
	"encoding"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"unicode/utf8"
)

// maxDepth is how deep values may lie within each other; a profile needs eight.
const maxDepth = 32

// DecodeObject reads one JSON object: no unknown members in it, none twice, and nothing behind it.
// Its error is for people.
func DecodeObject(text []byte, into any) error {
	if err := Unmarshal(text, into); err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), ErrBadRequest.Error()+": "))
	}
	return nil
}

// decodeObject reads one JSON object as body does.
func Unmarshal(text []byte, into any) error {
	if err := checkJSON(text); err != nil {
		return BadBody(text, err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return BadBody(text[:d.InputOffset()], err)
	}
	return nil
}

// checkJSON reports what package json would let pass: text that is not UTF-8, members
// that are there twice, values that lie deep within each other, and what follows.
func checkJSON(text []byte) error {
	if !utf8.Valid(text) {
		return errors.New("it is not UTF-8")
	}
	if isPlain(text) {
		return nil
	}
	return checkTokens(text)
}

// checkTokens is checkJSON for any text in UTF-8.
func checkTokens(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	first, err := d.Token()
	switch {
	case errors.Is(err, io.EOF):
		return errors.New("it is empty: want a JSON object")
	case err == nil && first != json.Delim('{'):
		return errors.New("want a JSON object")
	case err == nil:
		err = checkMembers(d, maxDepth)
	}
	if err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("something follows the JSON object, at byte %d", d.InputOffset())
	}
	return nil
}

// checkMembers reads what is left of an object.
func checkMembers(d *json.Decoder, depth int) error {
	seen := make(map[string]bool)
	for {
		token, err := d.Token()
		if err != nil || token == json.Delim('}') {
			return err
		}
		name, _ := token.(string)
		if seen[name] {
			return fmt.Errorf("the member %s is there twice, at byte %d", Quoted(name), d.InputOffset())
		}
		seen[name] = true
		if _, err := checkValue(d, depth); err != nil {
			return err
		}
	}
}

// checkValue reads one value, or the end of an array.
func checkValue(d *json.Decoder, depth int) (end bool, err error) {
	token, err := d.Token()
	switch {
	case err != nil:
		return false, err
	case token == json.Delim(']'):
		return true, nil
	case depth == 0 && (token == json.Delim('{') || token == json.Delim('[')):
		return false, fmt.Errorf("values lie more than %d deep within each other, at byte %d", maxDepth, d.InputOffset())
	case token == json.Delim('{'):
		return false, checkMembers(d, depth-1)
	case token == json.Delim('['):
		for !end && err == nil {
			end, err = checkValue(d, depth-1)
		}
		return false, err
	}
	return false, nil
}

// badBody says what is wrong with a body, in the words of JSON and not of Go. Read is
// what was read of it until then.
func BadBody(read []byte, err error) error {
	var (
		tooLong *http.MaxBytesError
		syntax  *json.SyntaxError
		typ     *json.UnmarshalTypeError
		base    base64.CorruptInputError
	)
	text := err.Error()
	switch {
	case errors.As(err, &tooLong):
		return fmt.Errorf("%w: it has more than %d bytes", ErrTooLarge, tooLong.Limit)
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		text = "it ends in the middle of the JSON"
	case errors.As(err, &syntax):
		text = fmt.Sprintf("it is not JSON: %s, at byte %d", strings.TrimPrefix(text, "json: "), syntax.Offset)
	case errors.As(err, &typ):
		text = fmt.Sprintf("%s: want %s, not %s", memberOf(typ.Field), wanted(typ.Type), found(typ.Value))
	case errors.As(err, &base):
		text = fmt.Sprintf("the value that ends at byte %d is not Base64", len(read))
	case strings.HasPrefix(text, "json: unknown field "):
		text = "there is no member " + strings.TrimPrefix(text, "json: unknown field ")
	default:
		text = strings.TrimPrefix(text, "json: ")
	}
	return fmt.Errorf("%w: %s", ErrBadRequest, text)
}

func memberOf(field string) string {
	if field == "" {
		return "the value"
	}
	return field
}

var textual = reflect.TypeFor[encoding.TextUnmarshaler]()

// wanted is a Go type in the words of JSON.
func wanted(t reflect.Type) string {
	if reflect.PointerTo(t).Implements(textual) {
		return "text"
	}
	switch k := t.Kind(); {
	case k == reflect.Bool:
		return "true or false"
	case k == reflect.String:
		return "text"
	case t.ConvertibleTo(reflect.TypeFor[uint64]()):
		return "a whole number within its range"
	case k == reflect.Slice && t.Elem().Kind() == reflect.Uint8:
		return "text in Base64"
	case k == reflect.Slice:
		return "an array"
	case k == reflect.Map || k == reflect.Struct:
		return "an object"
	}
	return "another value"
}

// found is what package json calls a value that it found.
func found(value string) string {
	switch value {
	case "string":
		return "text"
	case "bool":
		return "true or false"
	case "array", "object":
		return "an " + value
	case "number":
		return "a number"
	}
	return value // such as "number 1.5"
}
