package main

import (
	"context"
	"io"
)

// An interruptible reader returns the error of its context when that ends, so that a command
// which waits for a terminal or a pipe can be interrupted.
type interruptible struct {
	ctx context.Context
	in  io.Reader
}

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
