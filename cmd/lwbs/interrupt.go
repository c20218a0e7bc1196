package main

import (
	"context"
	"io"
)

// An interruptible reader ends with the error of its context when that ends: a command
// that waits for a terminal or a pipe can be interrupted.
type interruptible struct {
	ctx context.Context
	in  io.Reader
}

// Read leaves a read that nobody waits for any more to the end of the process.
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
