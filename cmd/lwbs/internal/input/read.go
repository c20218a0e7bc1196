package input

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// Read reads a file, or stdin for "-", up to limit bytes. What describes the content,
// for errors; shown is the name of the file.
func Read(ctx context.Context, stdin io.Reader, what, file string, limit int) (b []byte, shown string, err error) {
	if file != "-" {
		b, err = ReadFile(ctx, what, file, limit)
		return b, file, err
	}
	const standardInput = "standard input"
	b, err = ReadStream(what, standardInput, stdin, limit)
	return b, standardInput, err
}

// ReadFile reads a file up to limit bytes. It returns when ctx ends, also from a pipe without a
// writer.
func ReadFile(ctx context.Context, what, file string, limit int) ([]byte, error) {
	f, err := Open(ctx, file)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil || !info.Mode().IsRegular():
		return ReadStream(what, file, interruptible{ctx, f}, limit)
	case info.Size() > int64(limit):
		return nil, &tooLongError{what, file, limit}
	}
	return readUpTo(what, file, f, int(info.Size()), limit)
}

// Open opens a file for reading. It returns when ctx ends: opening a pipe waits for a writer.
func Open(ctx context.Context, file string) (*os.File, error) {
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

// MaxStream is how much is read where nothing tells beforehand how much there is, in bytes.
const MaxStream = 64 << 20

// ReadStream reads a pipe or a device, which may never end.
func ReadStream(what, name string, in io.Reader, limit int) ([]byte, error) {
	b, err := readUpTo(what, name, in, 0, min(limit, MaxStream))
	if long := new(tooLongError); errors.As(err, &long) && limit > MaxStream {
		return nil, fmt.Errorf("%w, the most that is read from a pipe: give a file", err)
	}
	return b, err
}

// readUpTo reads about so many bytes as are expected, at most limit.
func readUpTo(what, file string, in io.Reader, expected, limit int) ([]byte, error) {
	b, err := readParts(io.LimitReader(in, int64(limit)+1), max(expected+1, partSize))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read %s from %s: %w", what, file, err)
	case len(b) > limit:
		return nil, &tooLongError{what, file, limit}
	}
	return b, nil
}

// partSize is how much memory is taken at a time for a text of unknown size, in bytes.
const partSize = 64 << 10

// readParts reads all of in, into parts of at least so many bytes. A buffer that grows would be
// copied again and again, and take several times the size of the text.
func readParts(in io.Reader, size int) ([]byte, error) {
	var parts [][]byte
	for {
		part := make([]byte, size)
		n, err := io.ReadFull(in, part)
		parts = append(parts, part[:n])
		switch {
		case err == nil:
			size = max(partSize, min(2*size, 1<<20))
		case !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
			return nil, err
		case len(parts) == 1:
			return parts[0], nil
		default:
			return bytes.Join(parts, nil), nil
		}
	}
}

// A tooLongError says that a file has more bytes than are read.
type tooLongError struct {
	what, file string
	limit      int
}

func (e *tooLongError) Error() string {
	return fmt.Sprintf("%s in %s has more than %d bytes", e.what, e.file, e.limit)
}

// An interruptible reader returns the error of its context when that ends, so that a command
// which waits for a terminal or a pipe can be interrupted.
type interruptible struct {
	ctx context.Context
	in  io.Reader
}

// Interruptible returns a reader of in that ends with ctx.
func Interruptible(ctx context.Context, in io.Reader) io.Reader { return interruptible{ctx, in} }

// Read abandons the read when the context ends. Its goroutine lasts until the read returns or the
// process ends.
func (r interruptible) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	type result struct {
		text []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		text := make([]byte, len(p))
		n, err := r.in.Read(text)
		done <- result{text[:n], err}
	}()
	select {
	case <-r.ctx.Done():
		return 0, r.ctx.Err()
	case got := <-done:
		return copy(p, got.text), got.err
	}
}
