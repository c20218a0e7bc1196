package output

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Invisible reports whether r is not visible by itself, or changes how others are shown: a control
// character, a direction mark, a filler, a space other than the ASCII space.
func Invisible(r rune) bool {
	const brailleBlank = '\u2800'
	return !unicode.IsPrint(r) || r == brailleBlank ||
		unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// maxMarks is the largest number of marks on one letter in any script.
const maxMarks = 3

// Escaped returns s with invisible characters in Go's escapes, and whether there were any. Marks
// without a letter, or more than maxMarks on one, are escaped too. Characters in alsoBefore get a
// backslash.
func Escaped(s string, alsoBefore string) (string, bool) {
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
		case Invisible(r) || marks > maxMarks:
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

// Text returns free text of a peer or a person for one line: as it is, or in quotes where it has
// invisible characters, or a space at its ends.
func Text(s string) string {
	quoted, odd := Escaped(s, `"\`)
	if odd || s == "" || strings.TrimSpace(s) != s || s[0] == '"' {
		return `"` + quoted + `"`
	}
	return s
}

// Name returns a name of a record or of a peer as one word: in quotes also where it has spaces.
func Name[T ~string](s T) string {
	if strings.ContainsAny(string(s), ` "\`) {
		quoted, _ := Escaped(string(s), `"\`)
		return `"` + quoted + `"`
	}
	return Text(string(s))
}

// Names returns several names with commas between them.
func Names[T ~string](all []T) string {
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = Name(s)
	}
	return strings.Join(out, ", ")
}

// A Screen is a writer that escapes invisible characters but line ends, in JSON with JSON's escapes,
// which mean the same. Its methods may be called concurrently.
type Screen struct {
	out  io.Writer
	json bool

	mu     sync.Mutex
	rest   []byte // the first bytes of an incomplete character; guarded by mu
	failed error  // the first error of a write; guarded by mu
}

// NewScreen returns a screen for out, which gets text or JSON.
func NewScreen(out io.Writer, asJSON bool) *Screen { return &Screen{out: out, json: asJSON} }

// Raw returns what a [Screen] writes to, without the escapes, for what is no text; any other writer
// as it is.
func Raw(out io.Writer) io.Writer {
	if s, ok := out.(*Screen); ok {
		return s.out
	}
	return out
}

// Terminal returns what out writes to where that is a terminal, else nil.
func Terminal(out io.Writer) io.Writer {
	if f, ok := Raw(out).(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			return f
		}
	}
	return nil
}

// Failure returns the first error of a write.
func (s *Screen) Failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// Write implements [io.Writer].
func (s *Screen) Write(b []byte) (int, error) {
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
		case r == '\n' || !Invisible(r):
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
