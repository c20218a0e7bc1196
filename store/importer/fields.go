package importer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"
)

// wrong returns an error about the data. Its text must not hold a key.
func wrong(format string, args ...any) error { return fmt.Errorf(format, args...) }

// fields are the members of a JSON object that have not been taken yet.
type fields map[string]json.RawMessage

// UnmarshalJSON reads an object, or null, which has no members.
func (f *fields) UnmarshalJSON(b []byte) error {
	if members, ok := split(b); ok {
		*f = members
		return nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(b, &members); err != nil {
		return wrong("not an object")
	}
	*f = members
	return nil
}

// take removes the member of that name and stores its value in into. A member that is missing, null
// or an empty text leaves into unchanged.
func (f fields) take(name string, into any) error {
	raw, ok := f[name]
	delete(f, name)
	if !ok || string(raw) == "null" || string(raw) == `""` {
		return nil
	}
	if err := unmarshal(raw, into); err != nil {
		// The error of the decoder may repeat a part of a key.
		return wrong("%s does not hold what belongs there", name)
	}
	return nil
}

// unmarshal reads a value of JSON that is known to be valid, which package json would find out again at each
// level.
func unmarshal(raw json.RawMessage, into any) error {
	if own, ok := into.(json.Unmarshaler); ok {
		return own.UnmarshalJSON(raw)
	}
	return json.Unmarshal(raw, into)
}

// split returns the members of an object of valid JSON. It reports false for what it leaves to package json:
// names with escapes, and what is no object.
func split(b []byte) (fields, bool) {
	members := make(fields)
	open, start, name := 0, -1, "" // how many arrays and objects are; where the value of a member begins
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			end := textEnd(b, i+1)
			if end < 0 || open == 0 {
				return nil, false
			}
			if open == 1 && start < 0 {
				text := b[i+1 : end]
				if bytes.IndexByte(text, '\\') >= 0 || !utf8.Valid(text) {
					return nil, false
				}
				name = string(text)
			}
			i = end
		case c == ':' && open == 1 && start < 0:
			start = i + 1
		case c == '{' || c == '[':
			if open == 0 && c == '[' {
				return nil, false
			}
			open++
		case (c == ',' || c == '}') && open == 1:
			if start >= 0 {
				members[name] = bytes.TrimSpace(b[start:i])
				start = -1
			}
			if c == '}' {
				return members, true
			}
		case c == '}' || c == ']':
			open--
		case open == 0 && c > ' ':
			return nil, false
		}
	}
	return nil, false
}

// textEnd is where the quote is that ends the text which begins at i; negative for none.
func textEnd(b []byte, i int) int {
	for ; i < len(b); i++ {
		switch b[i] {
		case '"':
			return i
		case '\\':
			i++
		}
	}
	return -1
}

// takeAll takes several members, and returns the first error.
func (f fields) takeAll(into map[string]any) error {
	for _, name := range slices.Sorted(maps.Keys(into)) {
		if err := f.take(name, into[name]); err != nil {
			return err
		}
	}
	return nil
}

// left returns the names of members that were not taken.
func (f fields) left() []string { return slices.Sorted(maps.Keys(f)) }
