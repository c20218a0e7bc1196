package profilefile

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"lwbs/lwm2m"
	"lwbs/store"
)

// A reader walks a document and gathers problems; it never stops at the first.
type reader struct {
	file     string
	problems []*Problem
	lines    map[string]int // by place, such as "accounts[0].uri"
}

func (r *reader) fail(line int, format string, args ...any) {
	r.problems = append(r.problems, &Problem{r.file, line, fmt.Sprintf(format, args...)})
}

// want reports whether n is of the kind, and complains where it is not.
func (r *reader) want(n node, place string, k kind) bool {
	if n.kind == k {
		return true
	}
	r.fail(n.line, "%s: want %v, not %v", place, k, n.kind)
	return false
}

// fields is what a mapping may have, by key.
type fields map[string]func(n node, place string)

// mapping reads each entry of n with its field. Other keys go to rest, which reports
// whether it knew one; nil knows none.
func (r *reader) mapping(n node, place string, known fields, rest func(e entry, place string) bool) {
	if !r.want(n, orDocument(place), mapping) {
		return
	}
	for _, e := range n.entries {
		at := join(place, e.key)
		r.lines[at] = e.line
		read, ok := known[e.key]
		switch {
		case ok:
			read(e.value, at)
		case rest == nil || !rest(e, at):
			r.unknown(e, known)
		}
	}
}

func (r *reader) unknown(e entry, known fields) {
	keys := make([]string, 0, len(known))
	for k := range known {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	if near := nearest(e.key, keys); near != "" {
		r.fail(e.line, "unknown key %q: did you mean %q?", e.key, near)
		return
	}
	r.fail(e.line, "unknown key %q", e.key)
}

func orDocument(place string) string {
	if place == "" {
		return "the document"
	}
	return place
}

func join(place, key string) string {
	if place == "" {
		return key
	}
	return place + "." + key
}

// each reads the items of a list.
func (r *reader) each(n node, place string, read func(n node, place string)) {
	if !r.want(n, place, list) {
		return
	}
	for i, item := range n.items {
		at := fmt.Sprintf("%s[%d]", place, i)
		r.lines[at] = item.line
		read(item, at)
	}
}

// str is a field of text. A number is text to those who write an identity of digits;
// it is taken as it was written.
func (r *reader) str(into *string) func(node, string) {
	return func(n node, place string) {
		if n.kind == number {
			*into = n.scalar
		} else if r.want(n, place, text) {
			*into = n.scalar
		}
	}
}

// oneOf is a field of text with few values.
func (r *reader) oneOf(into *string, values ...string) func(node, string) {
	return func(n node, place string) {
		if !r.want(n, place, text) {
			return
		}
		if !slices.Contains(values, n.scalar) {
			r.fail(n.line, "%s: %q is not one of %v", place, n.scalar, values)
			return
		}
		*into = n.scalar
	}
}

// boolean is a field of true or false.
func (r *reader) boolean(into *bool) func(node, string) {
	return func(n node, place string) {
		if r.want(n, place, boolean) {
			*into = n.scalar == "true"
		}
	}
}

// integer is a field of a whole number within a range.
func integer[T ~int | ~uint8 | ~uint16](r *reader, into *T, lowest, highest int64) func(node, string) {
	return func(n node, place string) {
		if !r.want(n, place, number) {
			return
		}
		i, err := strconv.ParseInt(n.scalar, 0, 64)
		if err != nil || i < lowest || i > highest {
			r.fail(n.line, "%s: %s is not a whole number of %d to %d", place, n.scalar, lowest, highest)
			return
		}
		*into = T(i)
	}
}

// duration is a field of a time span: "24h", or a number of seconds.
func (r *reader) duration(into *store.Duration) func(node, string) {
	return func(n node, place string) {
		if n.kind != number && !r.want(n, place, text) {
			return
		}
		d, err := store.ParseDuration(n.scalar)
		if err != nil {
			r.fail(n.line, "%s: %v", place, err)
			return
		}
		*into = d
	}
}

// path is a field of an LwM2M path.
func (r *reader) path(into *lwm2m.Path) func(node, string) {
	return func(n node, place string) {
		if !r.want(n, place, text) {
			return
		}
		p, err := lwm2m.ParsePath(n.scalar)
		if err != nil {
			r.fail(n.line, "%s: %v", place, err)
			return
		}
		*into = p
	}
}

// resources reads a mapping from Resources, by ID or name, to their values.
func (r *reader) resources(n node, place string, def lwm2m.ObjectDefinition) map[lwm2m.ResourceID]store.Literal {
	if !r.want(n, place, mapping) {
		return nil
	}
	out := make(map[lwm2m.ResourceID]store.Literal, len(n.entries))
	for _, e := range n.entries {
		id, ok := resourceID(e.key, def)
		if !ok {
			r.fail(e.line, "%s: %q is neither a Resource ID nor the name of one", place, e.key)
			continue
		}
		at := fmt.Sprintf("%s[%d]", place, id)
		if _, twice := out[id]; twice {
			r.fail(e.line, "%s: Resource %d is there twice", place, id)
			continue
		}
		r.lines[at] = e.line
		if l, ok := r.literal(e.value, at); ok {
			out[id] = l
		}
	}
	return out
}

func resourceID(key string, def lwm2m.ObjectDefinition) (lwm2m.ResourceID, bool) {
	if id, err := strconv.ParseUint(key, 10, 16); err == nil {
		return lwm2m.ResourceID(id), id != lwm2m.MaxID
	}
	d, ok := def.ResourceNamed(key)
	return d.ID, ok
}

// literal reads the value of a Resource: a scalar, a list, or a mapping by Resource
// Instance ID.
func (r *reader) literal(n node, place string) (store.Literal, bool) {
	switch n.kind {
	case text:
		return store.Literal{Text: &n.scalar}, true
	case boolean:
		return store.Literal{Boolean: new(n.scalar == "true")}, true
	case number:
		// YAML has more forms of numbers than JSON: hexadecimal, for one.
		if i, err := strconv.ParseInt(n.scalar, 0, 64); err == nil {
			return store.Literal{Number: new(json.Number(strconv.FormatInt(i, 10)))}, true
		}
		if !json.Valid([]byte(n.scalar)) {
			break
		}
		return store.Literal{Number: new(json.Number(n.scalar))}, true
	case list, mapping:
		return r.instances(n, place)
	}
	r.fail(n.line, "%s: want a value, not %v", place, n.kind)
	return store.Literal{}, false
}

func (r *reader) instances(n node, place string) (store.Literal, bool) {
	out := store.Literal{Instances: make(map[lwm2m.ResourceInstanceID]store.Literal)}
	for i, item := range n.items {
		n.entries = append(n.entries, entry{key: strconv.Itoa(i), line: item.line, value: item})
	}
	ok := true
	for _, e := range n.entries {
		id, err := strconv.ParseUint(e.key, 10, 16)
		if err != nil || id == lwm2m.MaxID || e.value.kind == list || e.value.kind == mapping {
			r.fail(e.line, "%s: want single values by Resource Instance ID, not %q", place, e.key)
			ok = false
			continue
		}
		l, good := r.literal(e.value, place)
		out.Instances[lwm2m.ResourceInstanceID(id)] = l
		ok = ok && good
	}
	return out, ok
}
