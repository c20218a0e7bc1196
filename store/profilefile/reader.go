package profilefile

import (
	"fmt"
	"slices"
	"strconv"

	"lwbs/lwm2m"
	"lwbs/store"
)

// A reader walks a document and gathers problems; it never stops at the first.
type reader struct {
	file     string
	objects  *lwm2m.Registry
	problems []*Problem
	spots    map[string]spot // by place, such as "accounts[0].uri"
}

// A spot is where a place of the profile stands in the file, and how it is called
// there: "accounts[0].serverResources[2]" is written "accounts[0].defaultMinimumPeriod".
type spot struct {
	line    int
	written string
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

// mapping reads each entry of n with its field. Other keys go to rest; where that is
// nil there are no others.
func (r *reader) mapping(n node, place string, known fields, rest func(e entry, place string)) {
	if !r.want(n, orDocument(place), mapping) {
		return
	}
	for _, e := range n.entries {
		at := join(place, e.key)
		r.spots[at] = spot{e.line, at}
		read, ok := known[e.key]
		switch {
		case ok:
			read(e.value, at)
		case rest != nil:
			rest(e, at)
		default:
			r.unknown(e, sortedKeys(known))
		}
	}
}

func (r *reader) unknown(e entry, known []string) {
	r.fail(e.line, "unknown key %q%s", e.key, didYouMean(e.key, known))
}

func orDocument(place string) string {
	if place == "" {
		return "the document"
	}
	return place
}

func join(place, key string) string {
	if place == "" {
		return printable(key)
	}
	return place + "." + printable(key)
}

// each reads the items of a list.
func (r *reader) each(n node, place string, read func(n node, place string)) {
	if !r.want(n, place, list) {
		return
	}
	for i, item := range n.items {
		at := fmt.Sprintf("%s[%d]", place, i)
		r.spots[at] = spot{item.line, at}
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

// version reads the version of an Object, which YAML takes for a number.
func (r *reader) version(into *string) func(node, string) {
	return func(n node, place string) {
		v, err := lwm2m.ParseVersion(n.scalar)
		if err != nil {
			r.fail(n.line, "%s: %v", place, err)
			return
		}
		*into = v.String()
	}
}
