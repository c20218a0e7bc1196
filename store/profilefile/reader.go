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
	"lwbs/store/yamltree"
)

// The values of a file, and what is wrong with it.
type (
	node  = yamltree.Node
	entry = yamltree.Entry
	kind  = yamltree.Kind

	// A Problem is a mistake in a file.
	Problem = yamltree.Problem
)

// MaxSize is the largest file that is read, in bytes.
const MaxSize = yamltree.MaxSize

const (
	null    = yamltree.Null
	text    = yamltree.Text
	number  = yamltree.Number
	boolean = yamltree.Boolean
	list    = yamltree.List
	mapping = yamltree.Mapping
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
	r.problems = append(r.problems, &Problem{File: r.file, Line: line, Message: fmt.Sprintf(format, args...)})
}

// want reports whether n is of the kind, and notes a problem where it is not.
func (r *reader) want(n node, place string, k kind) bool {
	if n.Kind == k {
		return true
	}
	r.fail(n.Line, "%s: want %v, not %v", place, k, n.Kind)
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
	for _, e := range n.Entries {
		at := join(place, e.Key)
		r.spots[at] = spot{e.Line, at}
		read, ok := known[e.Key]
		switch {
		case ok:
			read(e.Value, at)
		case rest != nil:
			rest(e, at)
		default:
			r.unknown(e, sortedKeys(known))
		}
	}
}

func (r *reader) unknown(e entry, known []string) {
	r.fail(e.Line, "unknown key %q%s", e.Key, DidYouMean(e.Key, known))
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
	for i, item := range n.Items {
		at := fmt.Sprintf("%s[%d]", place, i)
		r.spots[at] = spot{item.Line, at}
		read(item, at)
	}
}

// wantText reports whether n is text, and notes a problem where it is not. A number is accepted as it
// was written: an identity may consist of digits.
func (r *reader) wantText(n node, place string) bool {
	switch {
	case n.Kind == number || n.Kind == text:
		return true
	case n.Scalar != "": // a boolean or null
		r.fail(n.Line, "%s: want text, not %v: "+yamltree.QuoteIt, place, n.Kind, n.Scalar)
	default:
		r.want(n, place, text)
	}
	return false
}

// str is a field of text.
func (r *reader) str(into *string) func(node, string) {
	return func(n node, place string) {
		if r.wantText(n, place) {
			*into = n.Scalar
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
	if n.Kind == list {
		r.each(n, place, one)
	} else {
		one(n, place)
	}
	return out
}

// words is a field of text with a default; an empty text is a problem.
func (r *reader) words(into *string, byDefault string) func(node, string) {
	return func(n node, place string) {
		if r.str(into)(n, place); n.Kind == text && n.Scalar == "" {
			r.fail(n.Line, "%s is empty: leave it out for %s", place, byDefault)
		}
	}
}

// number returns the exact number that n is.
func (r *reader) number(n node, place string) (json.Number, bool) {
	if !r.want(n, place, number) {
		return "", false
	}
	exact, err := yamltree.ExactNumber(n.Scalar)
	if err != nil {
		r.fail(n.Line, "%s: %v", place, err)
	}
	return exact, err == nil
}

// oneOf is a field of one of a few words.
func (r *reader) oneOf(into *string, values ...string) func(node, string) {
	return func(n node, place string) {
		if !r.want(n, place, text) {
			return
		}
		if !slices.Contains(values, n.Scalar) {
			r.fail(n.Line, "%s: %q is not one of %v", place, n.Scalar, values)
			return
		}
		*into = n.Scalar
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
func isTrue(n node) bool { return strings.EqualFold(n.Scalar, "true") }

// integer returns the whole number that n is, within a range.
func (r *reader) integer(n node, place string, lowest, highest int64) (i int64, ok bool) {
	if !r.want(n, place, number) {
		return 0, false
	}
	exact, err := yamltree.ExactNumber(n.Scalar)
	if err != nil && yamltree.BeginsWithZero(n.Scalar) {
		r.fail(n.Line, "%s: %v", place, err)
		return 0, false
	}
	i, err = strconv.ParseInt(exact.String(), 10, 64)
	if err != nil || i < lowest || i > highest {
		r.fail(n.Line, "%s: %s is not a whole number of %d to %d", place, n.Scalar, lowest, highest)
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
		written := n.Scalar
		switch {
		case n.Kind == number:
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
			r.fail(n.Line, "%s: %v", place, err)
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
		if !strings.Contains(n.Scalar, "{{") {
			switch b, err := lwm2m.ParseOpaque(n.Scalar); {
			case err != nil:
				r.fail(n.Line, "%s: %v", place, err)
				return
			case len(b) == 0:
				r.fail(n.Line, "%s: there are no bytes in it: leave it out", place)
				return
			}
		}
		*into = store.Octets(n.Scalar)
	}
}

// path is a field of an LwM2M path.
func (r *reader) path(into *lwm2m.Path) func(node, string) {
	return func(n node, place string) {
		if !r.want(n, place, text) {
			return
		}
		p, err := lwm2m.ParsePath(n.Scalar)
		if err != nil {
			r.fail(n.Line, "%s: %v", place, err)
			return
		}
		*into = p
	}
}

// version reads the version of an Object, which YAML reads as a number.
func (r *reader) version(into *string) func(node, string) {
	return func(n node, place string) {
		v, err := lwm2m.ParseVersion(n.Scalar)
		if err != nil {
			r.fail(n.Line, "%s: %v", place, err)
			return
		}
		*into = v.String()
	}
}
