// Package glance keeps what pages show of all devices at a glance, which takes long to find out: it is
// computed in the background, and shown with its age.
package glance

import (
	"context"
	"sync"
	"time"
)

// A Cached is a value that is computed anew when it is asked for and has grown old. Make one with [New].
type Cached[T any] struct {
	compute func(ctx context.Context) (T, error)
	ctx     context.Context

	mu      sync.Mutex
	last    Value[T]      // guarded by mu
	took    time.Duration // that last took; guarded by mu
	running chan struct{} // closed when the computation that is under way ends; nil for none; guarded by mu
	done    sync.WaitGroup
}

// A Value is what was computed, and when that began. At is zero where nothing was computed yet.
type Value[T any] struct {
	Of  T
	At  time.Time
	Err error // why the newest computation failed; then Of is of the last that did not
}

// Bounds of what a Cached spends.
const (
	// minAge is how old a value is at least before it is computed anew.
	minAge = 2 * time.Second

	// rest is how many times longer than its computation took a value is kept, so that
	// computations take at most 5 % of a processor.
	rest = 20
)

// New returns a Cached that computes until ctx ends. [Cached.Wait] returns when it does no more.
func New[T any](ctx context.Context, compute func(ctx context.Context) (T, error)) *Cached[T] {
	return &Cached[T]{compute: compute, ctx: ctx}
}

// Get returns the value. Where it has grown old it is computed in the background, which Get awaits for as
// long as patience, and returns the last one then; it does not wait where there is one that took longer than that.
func (c *Cached[T]) Get(ctx context.Context, patience time.Duration) Value[T] {
	c.mu.Lock()
	last, running, hopeless := c.last, c.running, !c.last.At.IsZero() && c.took > patience
	if running == nil && c.ctx.Err() == nil && (last.At.IsZero() || time.Since(last.At) > max(minAge, rest*c.took)) {
		running = make(chan struct{})
		c.running = running
		c.done.Go(func() { c.renew(running) })
	}
	c.mu.Unlock()
	if running == nil || hopeless {
		return last
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-running:
	case <-timer.C:
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}

// renew computes the value.
func (c *Cached[T]) renew(ended chan struct{}) {
	at := time.Now()
	v, err := c.compute(c.ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running, c.took = nil, time.Since(at)
	if c.last.Err = err; err == nil {
		c.last.Of = v
	}
	if err == nil || c.last.At.IsZero() {
		c.last.At = at
	}
	close(ended)
}

// Wait returns when nothing is computed any more, after the context has ended.
func (c *Cached[T]) Wait() { c.done.Wait() }
