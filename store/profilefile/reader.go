package profilefile

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"lwbs/lwm2m"
	"lwbs/lwm2m/object"
	"lwbs/store"
)

// A reader walks a document and collects all problems.
type reader struct {
	file     string
	objects  *object.Registry
	problems []*Problem
	spots    map[string]spot // by place, such as "accounts[0].uri"
}

// A spot is the line of a place of the profile in the file, and its spelling there:
// "accounts[0].serverResources[2]" is written "accounts[0].defaultMinimumPeriod".
type spot struct {
	line    int
	written string
}

func (r *reader) fail(line int, format string, args ...any) {
	r.problems = append(r.problems, &Problem{r.file, line, fmt.Sprintf(format, args...)})
}

// want reports whether n is of the kind, and notes a problem where it is not.
func (r *reader) want(n node, place string, k kind) bool {
	if n.kind == k {
		return true
	}
	r.fail(n.line, "%s: want %v, not %v", place, k, n.kind)
	return false
}

// fields are the possible entries of a mapping, by key.
type fields map[string]func(n node, place string)

// mapping reads each entry of n with its field. Other keys go to rest; with a nil rest they are
// problems.
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
	r.fail(e.line, "unknown key %q%s", e.key, DidYouMean(e.key, known))
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

// wantText reports whether n is text, and notes a problem where it is not. A number is accepted as it
// was written: an identity may consist of digits.
func (r *reader) wantText(n node, place string) bool {
	switch {
	case n.kind == number || n.kind == text:
		return true
	case n.scalar != "": // a boolean or null
		r.fail(n.line, "%s: want text, not %v: "+quoteIt, place, n.kind, n.scalar)
	default:
		r.want(n, place, text)
	}
	return false
}

// str is a field of text.
func (r *reader) str(into *string) func(node, string) {
	return func(n node, place string) {
		if r.wantText(n, place) {
			*into = n.scalar
		}
	}
}

// texts is a field of a list of texts, or of one text.
func (r *reader) texts(n node, place string) (out []string) {
	one := func(n node, place string) {
		var text string
		if r.str(&text)(n, place); text != "" {
			out = append(out, text)
		}
	}
	if n.kind == list {
		r.each(n, place, one)
	} else {
		one(n, place)
	}
	return out
}

// words is a field of text with a default; an empty text is a problem.
func (r *reader) words(into *string, byDefault string) func(node, string) {
	return func(n node, place string) {
		if r.str(into)(n, place); n.kind == text && n.scalar == "" {
			r.fail(n.line, "%s is empty: leave it out for %s", place, byDefault)
		}
	}
}

// number returns the exact number that n is.
func (r *reader) number(n node, place string) (json.Number, bool) {
	if !r.want(n, place, number) {
		return "", false
	}
	exact, err := exactNumber(n.scalar)
	if err != nil {
		r.fail(n.line, "%s: %v", place, err)
	}
	return exact, err == nil
}

// oneOf is a field of one of a few words.
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
			*into = isTrue(n)
		}
	}
}

// isTrue returns the value of a boolean, which may be written "True" or "TRUE" too.
func isTrue(n node) bool { return strings.EqualFold(n.scalar, "true") }

// integer returns the whole number that n is, within a range.
func (r *reader) integer(n node, place string, lowest, highest int64) (i int64, ok bool) {
	if !r.want(n, place, number) {
		return 0, false
	}
	exact, err := exactNumber(n.scalar)
	if err != nil && leadingZero.MatchString(n.scalar) {
		r.fail(n.line, "%s: %v", place, err)
		return 0, false
	}
	i, err = strconv.ParseInt(exact.String(), 10, 64)
	if err != nil || i < lowest || i > highest {
		r.fail(n.line, "%s: %s is not a whole number of %d to %d", place, n.scalar, lowest, highest)
		return 0, false
	}
	return i, true
}

// optional is a field whose absence differs from zero.
func optional[T any](into **T, read func(*T) func(node, string)) func(node, string) {
	return func(n node, place string) {
		*into = new(T)
		read(*into)(n, place)
	}
}

// duration is a field of a duration: "24h", or a number of seconds.
func (r *reader) duration(into *store.Duration) func(node, string) {
	return func(n node, place string) {
		written := n.scalar
		switch {
		case n.kind == number:
			exact, ok := r.number(n, place)
			if !ok {
				return
			}
			written = exact.String()
		case !r.want(n, place, text):
			return
		}
		d, err := store.ParseDuration(written)
		if err != nil {
			r.fail(n.line, "%s: %v", place, err)
			return
		}
		*into = d
	}
}

// octets is a field of bytes: "hex:…", "base64:…", or a template.
func (r *reader) octets(into *store.Octets) func(node, string) {
	return func(n node, place string) {
		if !r.want(n, place, text) {
			return
		}
		if !strings.Contains(n.scalar, "{{") {
			switch b, err := lwm2m.ParseOpaque(n.scalar); {
			case err != nil:
				r.fail(n.line, "%s: %v", place, err)
				return
			case len(b) == 0:
				r.fail(n.line, "%s: there are no bytes in it: leave it out", place)
				return
			}
		}
		*into = store.Octets(n.scalar)
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

// version reads the version of an Object, which YAML reads as a number.
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
