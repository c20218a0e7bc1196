package importer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
)

// wrong returns an error about the data. Its text must not hold a key.
func wrong(format string, args ...any) error { return fmt.Errorf(format, args...) }

// fields are the members of a JSON object that have not been taken yet.
type fields map[string]json.RawMessage

// UnmarshalJSON reads an object, or null, which has no members.
func (f *fields) UnmarshalJSON(b []byte) error {
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
	if err := json.Unmarshal(raw, into); err != nil {
		// The error of the decoder may repeat a part of a key.
		return wrong("%s does not hold what belongs there", name)
	}
	return nil
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

// A member is one of a JSON object.
type member struct {
	name  string
	value json.RawMessage
}

// members returns the members of the JSON object in text, in their order, with duplicates.
func members(text []byte) ([]member, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, wrong("not a JSON object")
	}
	var out []member
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		m := member{name: name}
		if err == nil && ok {
			err = d.Decode(&m.value)
		}
		if err != nil || !ok {
			return nil, wrong("not JSON from line %d on", lineAt(text, d.InputOffset()))
		}
		out = append(out, m)
	}
	return out, ended(d, text)
}

// ended reports whether d is at the end of its one object or array.
func ended(d *json.Decoder, text []byte) error {
	if _, err := d.Token(); err == nil {
		if _, err = d.Token(); err == io.EOF {
			return nil
		}
	}
	return wrong("not JSON from line %d on", lineAt(text, d.InputOffset()))
}

// lineAt returns the number of the line at an offset, from 1.
func lineAt(text []byte, offset int64) int {
	return 1 + bytes.Count(text[:min(int(offset), len(text))], []byte("\n"))
}
