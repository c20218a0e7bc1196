package devicefile

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// maxLine is the longest line of JSON, or of a PSK file, in bytes.
const maxLine = 1 << 20

// maxSkipped is how much of a longer line is gone over, in bytes, to come to the next.
const maxSkipped = 64 << 20

var errEndless = fmt.Errorf("it has more than %d bytes, and what is behind it was not read", maxSkipped)

// nextLine reads a line of any length, without its end. Of one of more than maxLine bytes it returns
// the beginning, and that it is too long. The error is io.EOF where there is none.
func nextLine(in *bufio.Reader) (line []byte, long bool, err error) {
	for n := 0; n < maxSkipped; {
		part, err := in.ReadSlice('\n')
		n += len(part)
		if room := maxLine + 1 - len(line); len(part) > room {
			line, long = append(line, part[:room]...), true
		} else {
			line = append(line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case err != nil && (!errors.Is(err, io.EOF) || len(line) == 0):
			return nil, false, err
		default:
			line = bytes.TrimSuffix(line, []byte("\n"))
			return line[:min(len(line), maxLine)], long || len(line) > maxLine, nil
		}
	}
	return nil, false, errEndless
}

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
