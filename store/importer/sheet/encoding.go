package sheet

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"lwbs/lwm2m/filekind"
)

// peeked is how much of a file is looked at to find out what it is, in bytes.
const peeked = 64 << 10

// Text returns the text of a file in UTF-8, without a byte order mark and with line ends as they
// are here, or an error that says what the file is instead.
func Text(in io.Reader) (*bufio.Reader, error) {
	text, err := plain(in)
	if err != nil {
		return nil, err
	}
	head, err := text.Peek(peeked)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if onlyReturns(head) {
		return bufio.NewReaderSize(returns{text}, peeked), nil
	}
	return text, nil
}

// onlyReturns reports whether the first line outside of quotes ends with a carriage return alone, as
// lines did on a Macintosh, and some exports still have it.
func onlyReturns(head []byte) bool {
	quoted := false
	for i, b := range head {
		switch {
		case b == '"':
			quoted = !quoted
		case b == '\n' && !quoted:
			return false
		case b == '\r' && !quoted:
			return i+1 == len(head) || head[i+1] != '\n'
		}
	}
	return false
}

// returns reads line feeds for carriage returns.
type returns struct{ in io.Reader }

// Read implements [io.Reader].
func (r returns) Read(b []byte) (int, error) {
	n, err := r.in.Read(b)
	for i := range b[:n] {
		if b[i] == '\r' {
			b[i] = '\n'
		}
	}
	return n, err
}

// plain returns the text of a file in UTF-8 without a byte order mark, or what it is instead.
func plain(in io.Reader) (*bufio.Reader, error) {
	raw := bufio.NewReaderSize(in, peeked)
	head, err := raw.Peek(peeked)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return nil, err
	}
	if kind, known := filekind.Of(head); known {
		if kind.Table == "" {
			return nil, fmt.Errorf("it is %s", kind.Name)
		}
		return nil, fmt.Errorf("it is %s: %s", kind.Name, kind.Table)
	}
	switch {
	case len(bytes.TrimSpace(head)) == 0 && err != nil:
		return nil, errors.New("it is empty")
	case bytes.HasPrefix(head, []byte("\ufeff")):
		_, _ = raw.Discard(len("\ufeff"))
		return raw, nil
	case bytes.HasPrefix(head, []byte("\xff\xfe")), zeros(head, 1):
		return utf16(raw, unicode.LittleEndian), nil
	case bytes.HasPrefix(head, []byte("\xfe\xff")), zeros(head, 0):
		return utf16(raw, unicode.BigEndian), nil
	case slices.Contains(head, 0):
		return nil, fmt.Errorf("it is no text: byte %d is zero", slices.Index(head, 0)+1)
	}
	return raw, nil
}

// zeros reports whether most bytes at even or odd places are zero, and few others: Latin text
// in UTF-16.
func zeros(head []byte, place int) bool {
	var there, elsewhere int
	for i, b := range head {
		switch {
		case b != 0:
		case i%2 == place:
			there++
		default:
			elsewhere++
		}
	}
	return len(head) >= 4 && there > len(head)/4 && elsewhere < there/8+1
}

func utf16(in io.Reader, order unicode.Endianness) *bufio.Reader {
	return bufio.NewReaderSize(transform.NewReader(in, unicode.UTF16(order, unicode.UseBOM).NewDecoder()), peeked)
}

// separators are those that are found out.
var separators = []rune{',', ';', '\t', '|'}

var separatorLine = regexp.MustCompile(`^sep=([,;\t|])\r?\n`)

// separatorOf is the separator of a table by its first line: the one that is there most often
// outside of quotes. A table of one column has none; then it is the comma.
func separatorOf(text *bufio.Reader) (rune, error) {
	head, err := text.Peek(peeked)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	if said := separatorLine.FindSubmatch(head); said != nil { // as Excel has it
		_, _ = text.Discard(len(said[0]))
		return rune(said[1][0]), nil
	}
	counts := make(map[rune]int)
	quoted := false
	for _, r := range string(head) {
		switch {
		case r == '"':
			quoted = !quoted
		case r == '\n' && !quoted && len(counts) > 0:
			return most(counts), nil
		case !quoted && slices.Contains(separators, r):
			counts[r]++
		}
	}
	return most(counts), nil
}

func most(counts map[rune]int) rune {
	best := separators[0]
	for _, r := range separators {
		if counts[r] > counts[best] {
			best = r
		}
	}
	return best
}

// called is what a separator is called.
func called(separator rune) string {
	switch separator {
	case ',':
		return "a comma"
	case ';':
		return "a semicolon"
	case '\t':
		return "a tab"
	}
	return fmt.Sprintf("a %q", separator)
}
