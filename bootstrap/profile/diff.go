package profile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"lwbs/store"
)

// A Difference is a value that two revisions of a profile do not share.
type Difference struct {
	Place  string `json:"place"`            // such as accounts[main].uri
	Before string `json:"before,omitempty"` // empty for none; an empty text is ""
	After  string `json:"after,omitempty"`
}

// Diff returns what differs between two revisions of a profile, in the order of the places. Accounts are told
// by their name, and Object Instances by their path, wherever they stand in their lists. Profiles have no
// secrets, so that there is none in it.
func Diff(before, after store.Profile) (all []Difference) {
	was, is := valuesOf(before), valuesOf(after)
	for _, place := range slices.Sorted(maps.Keys(union(was, is))) {
		if was[place] != is[place] {
			all = append(all, Difference{place, was[place], is[place]})
		}
	}
	return all
}

func union(a, b map[string]string) map[string]string {
	out := maps.Clone(a)
	maps.Copy(out, b)
	return out
}

// valuesOf are the values in a profile by their places.
func valuesOf(p store.Profile) map[string]string {
	p.Revision, p.Created, p.Updated = 0, time.Time{}, time.Time{}
	out := make(map[string]string)
	text, err := json.Marshal(p)
	if err != nil { // of a profile that could not be stored either
		return out
	}
	var tree any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if d.Decode(&tree) == nil {
		addValues(out, "", tree)
	}
	return out
}

// addValues adds the values below a place.
func addValues(out map[string]string, place string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			at := key
			if place != "" {
				at = place + "." + key
			}
			addValues(out, at, value)
		}
	case []any:
		seen := make(map[string]int)
		for i, element := range v {
			name := nameOf(element, i)
			if seen[name]++; seen[name] > 1 {
				name = fmt.Sprintf("%s, %d", name, seen[name])
			}
			addValues(out, fmt.Sprintf("%s[%s]", place, name), element)
		}
	case nil:
	case string:
		if out[place] = v; v == "" {
			out[place] = `""`
		}
	default:
		out[place] = fmt.Sprint(v)
	}
}

// nameOf is what tells an element of a list from others: its name, its path, or what it is for; else its
// place.
func nameOf(element any, i int) string {
	members, _ := element.(map[string]any)
	for _, key := range []string{"name", "path"} {
		if text, is := members[key].(string); is {
			return text
		}
	}
	if object, has := members["object"]; has {
		return fmt.Sprintf("/%v/%v", object, members["instance"])
	}
	return fmt.Sprint(i)
}
