package main

import (
	"bytes"
	"context"
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

// A writer that takes nothing holds up nobody: what finds no room is dropped, and counted where
// it is missing when the rest is taken.
func TestQueuedWhileNobodyReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &pipeEnd{let: make(chan struct{})}
		q := newQueued(out, droppedText)
		line := strings.Repeat("x", 1023) + "\n"
		const all = 3 * maxQueued / 1024
		for range all {
			if n, err := q.Write([]byte(line)); n != len(line) || err != nil {
				t.Fatalf("wrote %d, %v", n, err)
			}
		}
		synctest.Wait()
		dropped, now := q.lost()
		if dropped < all-maxQueued/1024-1 || !now {
			t.Errorf("%d dropped, %v", dropped, now)
		}
		close(out.let)
		synctest.Wait()
		_, _ = q.Write([]byte("after it\n"))
		q.close(time.Minute)
		text := out.text()
		if kept := strings.Count(text, "x\n"); uint64(kept)+dropped != all {
			t.Errorf("%d kept and %d dropped of %d", kept, dropped, all)
		}
		if !strings.HasSuffix(text, fmt.Sprintf("x\ndropped %d\nafter it\n", dropped)) {
			t.Errorf("it ends with %q", text[max(0, len(text)-60):])
		}
		if after, now := q.lost(); after != dropped || now {
			t.Errorf("in the end %d dropped, %v", after, now)
		}
	})
}

// What the writer refuses is dropped, and told of when it takes something again.
func TestQueuedWhileWritesFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &pipeEnd{let: make(chan struct{}), err: syscall.EPIPE}
		close(out.let)
		q := newQueued(out, droppedText)
		for range 3 {
			_, _ = q.Write([]byte("lost\n"))
			synctest.Wait()
		}
		if dropped, now := q.lost(); dropped != 3 || !now {
			t.Errorf("%d dropped, %v", dropped, now)
		}
		out.set(nil)
		_, _ = q.Write([]byte("kept\n"))
		q.close(time.Minute)
		if got := out.text(); got != "dropped 3\nkept\n" {
			t.Errorf("taken is %q", got)
		}
	})
}

// The end waits for what is queued, and not for ever.
func TestQueuedClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &pipeEnd{let: make(chan struct{})}
		q := newQueued(out, droppedText)
		_, _ = q.Write([]byte("last\n"))
		began := time.Now()
		q.close(time.Second)
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

// The process is ended when the command does not end in time after the signal, and not before.
func TestLastResort(t *testing.T) {
	tests := []struct {
		name   string
		act    func(r *lastResort)
		signal bool
		ends   time.Duration // after the signal; 0 for never
	}{
		{"no signal", func(*lastResort) {}, false, 0},
		{"hangs", func(*lastResort) {}, true, endTime},
		{"may take longer", func(r *lastResort) { r.allow(time.Hour) }, true, time.Hour},
		{"has come to its last part", func(r *lastResort) {
			r.allow(time.Hour)
			time.AfterFunc(time.Minute+time.Second, func() { r.within(closingTime) })
		}, true, time.Second + closingTime},
	}
	for _, tt := range tests {
		for _, ends := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, ends %v", tt.name, ends), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := context.WithCancel(t.Context())
					var ended time.Time
					defer cancel()
					with, done := withLastResort(ctx, func() { ended = time.Now() })
					tt.act(lastResortOf(with))
					time.Sleep(time.Minute)
					signalled := time.Now()
					if tt.signal {
						cancel()
					}
					if ends {
						time.Sleep(5 * time.Second)
						done()
					}
					time.Sleep(3 * time.Hour)
					synctest.Wait()
					switch {
					case ends || tt.ends == 0:
						if !ended.IsZero() {
							t.Errorf("the process was ended after %v", ended.Sub(signalled))
						}
					case ended.Sub(signalled) != tt.ends:
						t.Errorf("the process was ended after %v, want %v", ended.Sub(signalled), tt.ends)
					}
					done()
				})
			})
		}
	}
	var none *lastResort
	none.allow(1)
	none.within(1)
}
