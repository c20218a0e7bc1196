package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/urfave/cli/v2"
)

// readInput reads a file, or standard input for "-", up to limit bytes. What describes the content,
// for errors; shown is the name of the file.
func readInput(c *cli.Context, what, file string, limit int) (b []byte, shown string, err error) {
	if file != "-" {
		b, err = readFile(c.Context, what, file, limit)
		return b, file, err
	}
	const standardInput = "standard input"
	b, err = readStream(what, standardInput, c.App.Reader, limit)
	return b, standardInput, err
}

// readFile reads a file up to limit bytes. It returns when ctx ends, also from a pipe without a
// writer.
func readFile(ctx context.Context, what, file string, limit int) ([]byte, error) {
	f, err := openFile(ctx, file)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil || !info.Mode().IsRegular():
		return readStream(what, file, interruptible{ctx, f}, limit)
	case info.Size() > int64(limit):
		return nil, &tooLongError{what, file, limit}
	}
	return readUpTo(what, file, f, int(info.Size()), limit)
}

// openFile opens a file for reading. It returns when ctx ends: opening a pipe waits for a writer.
func openFile(ctx context.Context, file string) (*os.File, error) {
	type opened struct {
		f   *os.File
		err error
	}
	done := make(chan opened, 1)
	go func() {
		f, err := os.Open(file)
		done <- opened{f, err}
	}()
	select {
	case o := <-done:
		return o.f, o.err
	case <-ctx.Done():
		return nil, ctx.Err() // the goroutine lasts until os.Open returns or the process ends
	}
}

// maxStream is how much is read where nothing tells beforehand how much there is, in bytes.
const maxStream = 64 << 20

// readStream reads a pipe or a device, which may never end.
func readStream(what, name string, in io.Reader, limit int) ([]byte, error) {
	b, err := readUpTo(what, name, in, 0, min(limit, maxStream))
	if long := new(tooLongError); errors.As(err, &long) && limit > maxStream {
		return nil, fmt.Errorf("%w, the most that is read from a pipe: give a file", err)
	}
	return b, err
}

// readUpTo reads about so many bytes as are expected, at most limit.
func readUpTo(what, file string, in io.Reader, expected, limit int) ([]byte, error) {
	var text bytes.Buffer
	text.Grow(expected + bytes.MinRead) // else it would be copied again and again
	_, err := text.ReadFrom(io.LimitReader(in, int64(limit)+1))
	b := text.Bytes()
	switch {
	case err != nil:
		return nil, fmt.Errorf("read %s from %s: %w", what, file, err)
	case len(b) > limit:
		return nil, &tooLongError{what, file, limit}
	}
	return b, nil
}

// A tooLongError says that a file has more bytes than are read.
type tooLongError struct {
	what, file string
	limit      int
}

func (e *tooLongError) Error() string {
	return fmt.Sprintf("%s in %s has more than %d bytes", e.what, e.file, e.limit)
}

// How the text of a file was encoded.
const (
	encodedPlain   = ""
	encodedMark    = "begins with a byte order mark"
	encodedUTF16   = "is in UTF-16"
	encodedNoMark  = "is in UTF-16 without a byte order mark"
	utf8Mark       = "\ufeff"
	utf16LittleEnd = "\xff\xfe"
	utf16BigEnd    = "\xfe\xff"
)

// textOf returns the text of a file in UTF-8, without a byte order mark, and how it was encoded:
// editors and shells of Windows write marks, and UTF-16.
func textOf(b []byte) (text []byte, how string, err error) {
	switch {
	case bytes.HasPrefix(b, []byte(utf8Mark)):
		return b[len(utf8Mark):], encodedMark, nil
	case bytes.HasPrefix(b, []byte(utf16LittleEnd)):
		text, err = fromUTF16(b[2:], binary.LittleEndian)
		return text, encodedUTF16, err
	case bytes.HasPrefix(b, []byte(utf16BigEnd)):
		text, err = fromUTF16(b[2:], binary.BigEndian)
		return text, encodedUTF16, err
	case everyOther(b, 1):
		text, err = fromUTF16(b, binary.LittleEndian)
		return text, encodedNoMark, err
	case everyOther(b, 0):
		text, err = fromUTF16(b, binary.BigEndian)
		return text, encodedNoMark, err
	}
	return b, encodedPlain, nil
}

// everyOther reports whether b consists of pairs in which the byte at place (0 or 1) is always zero
// and the other never.
func everyOther(b []byte, place int) bool {
	for i, v := range b {
		if (v == 0) != (i%2 == place) {
			return false
		}
	}
	return len(b) >= 4 && len(b)%2 == 0
}

func fromUTF16(b []byte, order binary.ByteOrder) ([]byte, error) {
	if len(b)%2 != 0 {
		return nil, errors.New("it is UTF-16, and ends in the middle of a character")
	}
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = order.Uint16(b[2*i:])
	}
	var out []byte
	for _, r := range utf16.Decode(units) {
		out = utf8.AppendRune(out, r)
	}
	return out, nil
}
