// Package tasks has the goroutines and timers of one listener: they begin through a [Group],
// their panics end in it, and they end together.
//
// A panic ends the goroutine or timer that it came from and is counted and logged by
// [panics.Guard]; the process goes on.
package tasks

import (
	"context"
	"sync"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/panics"
)

// A Group is the goroutines and timers of one listener, or of one dialled association. Its
// methods may be called concurrently.
type Group struct {
	// Panics contains the panics of the group. It must not be changed.
	Panics *panics.Guard

	ctx    context.Context
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup

	mu      sync.Mutex
	stopped bool // guarded by mu; then wg does not grow
}

// NewGroup returns a Group in which nothing runs. Its owner calls Stop and Wait.
func NewGroup(guard *panics.Guard) *Group {
	ctx, cancel := context.WithCancelCause(context.Background())
	return &Group{Panics: guard, ctx: ctx, cancel: cancel}
}

// Context ends with the group, with [bootstrap.ErrStopping] as its cause.
func (g *Group) Context() context.Context { return g.ctx }

// Ending reports whether the context has ended.
func (g *Group) Ending() bool { return g.ctx.Err() != nil }

// Cancel ends the context. Goroutines may still begin.
func (g *Group) Cancel() { g.cancel(bootstrap.ErrStopping) }

// Go runs f in a goroutine that Wait waits for, and reports whether it does: no longer after
// Stop.
func (g *Group) Go(f func()) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.stopped {
		return false
	}
	g.wg.Go(func() {
		defer g.Panics.Contain(panics.Transport) // deferred calls of f have run by then
		f()
	})
	return true
}

// AfterFunc is [time.AfterFunc] for an f that may panic. Wait does not wait for f.
func (g *Group) AfterFunc(d time.Duration, f func()) *time.Timer {
	return time.AfterFunc(d, func() {
		defer g.Panics.Contain(panics.Transport)
		f()
	})
}

// Run calls f and contains a panic in it, and reports whether there was none.
func (g *Group) Run(f func()) bool { return g.Panics.Run(panics.Transport, f) }

// Pause waits for d, or for the end of the context.
func (g *Group) Pause(d time.Duration) {
	select {
	case <-time.After(d):
	case <-g.ctx.Done():
	}
}

// Stop lets no goroutine begin any more and ends the context. It reports whether this is the
// first call.
func (g *Group) Stop() (first bool) {
	g.mu.Lock()
	first = !g.stopped
	g.stopped = true
	g.mu.Unlock()
	g.Cancel()
	return first
}

// Wait waits for every goroutine. It must come after Stop, and not from a goroutine of the
// group.
func (g *Group) Wait() { g.wg.Wait() }
