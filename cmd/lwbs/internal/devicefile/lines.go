package devicefile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// maxLine is the longest line of JSON, or of a PSK file, in bytes.
const maxLine = 1 << 20

// newLines reads lines of maxLine bytes at most.
func newLines(in io.Reader) *bufio.Scanner {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	return lines
}

// lineError is why there are no more lines behind the first ones; nil where there are none.
func lineError(lines *bufio.Scanner, read int) error {
	err := lines.Err()
	switch {
	case err == nil:
		return nil
	case errors.Is(err, bufio.ErrTooLong):
		return &ReadError{fmt.Errorf("line %d has more than %d bytes, and what is behind it was not read", read+1, maxLine)}
	}
	return &ReadError{fmt.Errorf("line %d: %w", read+1, err)}
}

// A ReadError is why a file could not be read to its end.
type ReadError struct{ err error }

func (e *ReadError) Error() string { return e.err.Error() }
func (e *ReadError) Unwrap() error { return e.err }
