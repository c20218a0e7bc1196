package logqueue

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// A pipeEnd is a writer that takes what it is given when it is let, or fails.
type pipeEnd struct {
	let chan struct{}

	mu    sync.Mutex
	err   error        // guarded by mu
	taken bytes.Buffer // guarded by mu
}

func (p *pipeEnd) Write(b []byte) (int, error) {
	<-p.let
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return 0, p.err
	}
	return p.taken.Write(b)
}

func (p *pipeEnd) set(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
}

func (p *pipeEnd) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.taken.String()
}

func droppedText(n uint64) []byte { return fmt.Appendf(nil, "dropped %d\n", n) }

// A writer that takes nothing holds no one up: what finds no room is dropped, and counted where
// it is missing when the rest is taken.
func TestWhileNothingIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &pipeEnd{let: make(chan struct{})}
		q := New(out, droppedText)
		line := strings.Repeat("x", 1023) + "\n"
		const all = 3 * maxWaiting / 1024
		for range all {
			if n, err := q.Write([]byte(line)); n != len(line) || err != nil {
				t.Fatalf("wrote %d, %v", n, err)
			}
		}
		synctest.Wait()
		dropped, now := q.Lost()
		if dropped < all-maxWaiting/1024-1 || !now {
			t.Errorf("%d dropped, %v", dropped, now)
		}
		close(out.let)
		synctest.Wait()
		_, _ = q.Write([]byte("after it\n"))
		q.Close(time.Minute)
		text := out.text()
		if kept := strings.Count(text, "x\n"); uint64(kept)+dropped != all {
			t.Errorf("%d kept and %d dropped of %d", kept, dropped, all)
		}
		if !strings.HasSuffix(text, fmt.Sprintf("x\ndropped %d\nafter it\n", dropped)) {
			t.Errorf("it ends with %q", text[max(0, len(text)-60):])
		}
		if after, now := q.Lost(); after != dropped || now {
			t.Errorf("in the end %d dropped, %v", after, now)
		}
	})
}

// What the writer refuses is dropped, and told of when it takes something again.
func TestWhileWritesFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &pipeEnd{let: make(chan struct{}), err: syscall.EPIPE}
		close(out.let)
		q := New(out, droppedText)
		for range 3 {
			_, _ = q.Write([]byte("lost\n"))
			synctest.Wait()
		}
		if dropped, now := q.Lost(); dropped != 3 || !now {
			t.Errorf("%d dropped, %v", dropped, now)
		}
		out.set(nil)
		_, _ = q.Write([]byte("kept\n"))
		q.Close(time.Minute)
		if got := out.text(); got != "dropped 3\nkept\n" {
			t.Errorf("taken is %q", got)
		}
	})
}

// Close waits for what is queued, within its patience.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &pipeEnd{let: make(chan struct{})}
		q := New(out, droppedText)
		_, _ = q.Write([]byte("last\n"))
		began := time.Now()
		q.Close(time.Second)
		if took := time.Since(began); took != time.Second {
			t.Errorf("it took %v", took)
		}
		close(out.let)
		synctest.Wait()
		if got := out.text(); got != "last\n" {
			t.Errorf("taken is %q", got)
		}
		if _, err := q.Write([]byte("too late\n")); err != nil {
			t.Error(err)
		}
	})
}
