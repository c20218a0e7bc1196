package admin

import (
	"bytes"
	"encoding"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"lwbs/lwm2m"
	"lwbs/store"
)

// Limits of requests.
const (
	maxBody     = 1 << 20 // bytes
	maxProfiles = 8 << 20 // bytes, of several profiles
	maxDepth    = 32      // values within each other; a profile needs eight
	maxPage     = 10_000  // entries
)

// A request is one of the API, with its query.
type request struct {
	*http.Request
	query url.Values // each parameter once, and not empty
}

// parse reads the query, in which only the named parameters may be.
func parse(r *http.Request, known []string) (request, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return request{}, fmt.Errorf("%w: the query is not well-formed: %v", errBadRequest, err)
	}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		switch values := query[name]; {
		case !slices.Contains(known, name) && len(known) == 0:
			return request{}, fmt.Errorf("%w: query parameter %q: there are none here", errBadRequest, name)
		case !slices.Contains(known, name):
			return request{}, fmt.Errorf("%w: query parameter %q does not exist here, only %s", errBadRequest, name, strings.Join(known, ", "))
		case len(values) > 1:
			return request{}, fmt.Errorf("%w: query parameter %s is there %d times", errBadRequest, name, len(values))
		case values[0] == "":
			return request{}, fmt.Errorf("%w: query parameter %s is empty: leave it out, or give it a value", errBadRequest, name)
		}
	}
	return request{r, query}, nil
}

// boolean is a parameter of true or false; false where it is absent.
func (r request) boolean(name string) (bool, error) {
	switch text := r.query.Get(name); text {
	case "true":
		return true, nil
	case "", "false":
		return false, nil
	default:
		return false, fmt.Errorf("%w: %s=%s: want true or false", errBadRequest, name, quoted(text))
	}
}

// limit is how many entries a list has at most.
func (r request) limit() (int, error) {
	text := r.query.Get("limit")
	if text == "" {
		return defaultPage, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxPage {
		return 0, fmt.Errorf("%w: limit=%s is not a number of 1 to %d", errBadRequest, quoted(text), maxPage)
	}
	return n, nil
}

// applyOptions reads the parameters of [ApplyOptions].
func (r request) applyOptions() (o ApplyOptions, err error) {
	var errs [3]error
	o.ReplaceKeys, errs[0] = r.boolean("replaceKeys")
	o.AllowFailing, errs[1] = r.boolean("allowFailing")
	o.DryRun, errs[2] = r.boolean("dryRun")
	if text := r.query.Get("examine"); text != "" {
		if o.Examine, err = strconv.Atoi(text); err != nil || o.Examine < 1 {
			return o, fmt.Errorf("%w: examine=%s is not a number from 1", errBadRequest, quoted(text))
		}
	}
	return o, errors.Join(errs[:]...)
}

// defaultPage is how many entries a list has where nothing else is said.
const defaultPage = 100

// quoted is a word of the peer as it may stand in a line: quoted where it is odd, and cut
// where it is long.
func quoted(text string) string {
	const longest = 80
	if len(text) > longest {
		text = text[:longest] + "…"
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return strconv.Quote(text)
	}
	return text
}

// revision is that of If-Match, zero where there is none.
func (r request) revision() (store.Revision, error) {
	match := r.Header.Get("If-Match")
	if match == "" || match == "*" {
		return 0, nil
	}
	digits := match
	if len(match) > 2 && match[0] == '"' && match[len(match)-1] == '"' {
		digits = match[1 : len(match)-1]
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || n == 0 || len(r.Header.Values("If-Match")) > 1 {
		return 0, fmt.Errorf("%w: If-Match %s is no revision, such as %s", errBadRequest, quoted(match), etag(1))
	}
	return store.Revision(n), nil
}

func (r request) endpoint() lwm2m.EndpointName { return lwm2m.EndpointName(r.PathValue("endpoint")) }

// body reads the JSON object of a request, no unknown members in it, none twice, and
// nothing behind it.
func (r request) body(into any) error {
	text, err := io.ReadAll(r.Body)
	if err == nil {
		err = checkJSON(text)
	}
	if err != nil {
		return badBody(text, err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return badBody(text[:d.InputOffset()], err)
	}
	return nil
}

// noBody reports a body where none is wanted.
func (r request) noBody() error {
	if n, err := io.ReadFull(r.Body, make([]byte, 1)); n > 0 || !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: this request takes no body", errBadRequest)
	}
	return nil
}

// checkJSON reports what package json would let pass: text that is not UTF-8, members
// that are there twice, values that lie deep within each other, and what follows.
func checkJSON(text []byte) error {
	if !utf8.Valid(text) {
		return errors.New("it is not UTF-8")
	}
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
			return fmt.Errorf("the member %s is there twice, at byte %d", quoted(name), d.InputOffset())
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
func badBody(read []byte, err error) error {
	var (
		tooLong *http.MaxBytesError
		syntax  *json.SyntaxError
		typ     *json.UnmarshalTypeError
		base    base64.CorruptInputError
	)
	text := err.Error()
	switch {
	case errors.As(err, &tooLong):
		return fmt.Errorf("%w: it has more than %d bytes", errTooLarge, tooLong.Limit)
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
	return fmt.Errorf("%w: %s", errBadRequest, text)
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
