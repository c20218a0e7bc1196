package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// invisible reports whether r is not visible by itself, or changes how others are shown: a control
// character, a direction mark, a filler, a space other than the ASCII space.
func invisible(r rune) bool {
	const brailleBlank = '\u2800'
	return !unicode.IsPrint(r) || r == brailleBlank ||
		unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// maxMarks is the largest number of marks on one letter in any script.
const maxMarks = 3

// escaped returns s with invisible characters in Go's escapes, and whether there were any. Marks
// without a letter, or more than maxMarks on one, are escaped too. Characters in alsoBefore get a
// backslash.
func escaped(s string, alsoBefore string) (string, bool) {
	var b strings.Builder
	any, marks := false, maxMarks
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if unicode.In(r, unicode.Mn, unicode.Me) {
			marks++
		} else {
			marks = 0
		}
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
			any = true
		case invisible(r) || marks > maxMarks:
			b.WriteString(escapedRune(r))
			any = true
		case strings.ContainsRune(alsoBefore, r):
			b.WriteByte('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
		i += size
	}
	return b.String(), any
}

func escapedRune(r rune) string {
	if i := strings.IndexRune("\t\n\r", r); i >= 0 {
		return `\` + "tnr"[i:i+1]
	}
	if r > 0xffff {
		return fmt.Sprintf(`\U%08x`, r)
	}
	return fmt.Sprintf(`\u%04x`, r)
}

// text returns free text of a peer or a person for one line: as it is, or in quotes where it has
// invisible characters, or a space at its ends.
func text(s string) string {
	quoted, odd := escaped(s, `"\`)
	if odd || s == "" || strings.TrimSpace(s) != s || s[0] == '"' {
		return `"` + quoted + `"`
	}
	return s
}

// name returns a name of a record or of a peer as one word: in quotes also where it has spaces.
func name[T ~string](s T) string {
	if strings.ContainsAny(string(s), ` "\`) {
		quoted, _ := escaped(string(s), `"\`)
		return `"` + quoted + `"`
	}
	return text(string(s))
}

// names returns several names with commas between them.
func names(all []string) string {
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = name(s)
	}
	return strings.Join(out, ", ")
}

// A screen is a writer that escapes invisible characters but line ends, in JSON with JSON's escapes,
// which mean the same. Its methods may be called concurrently.
type screen struct {
	out  io.Writer
	json bool

	mu     sync.Mutex
	rest   []byte // the first bytes of an incomplete character; guarded by mu
	failed error  // the first error of a write; guarded by mu
}

// Write implements [io.Writer].
func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	in := append(s.rest, b...)
	s.rest = nil
	out := make([]byte, 0, len(in))
	for len(in) > 0 {
		r, size := utf8.DecodeRune(in)
		switch {
		case r == utf8.RuneError && size == 1 && !utf8.FullRune(in):
			s.rest, size = append(s.rest, in...), len(in)
		case r == utf8.RuneError && size == 1:
			out = fmt.Appendf(out, `\x%02x`, in[0])
		case r == '\n' || !invisible(r):
			out = append(out, in[:size]...)
		case s.json && r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = append(out, escapedRune(r)...)
		}
		in = in[size:]
	}
	if _, err := s.out.Write(out); err != nil {
		s.failed = cmp.Or(s.failed, err)
		return 0, err
	}
	return len(b), nil
}
