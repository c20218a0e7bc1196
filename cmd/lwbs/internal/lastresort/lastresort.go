// Package lastresort ends the process when a command hangs after a signal.
package lastresort

import (
	"context"
	"sync"
	"time"
)

// How long a command may take to end after SIGTERM or an interrupt. Then the process exits,
// whatever hangs, such as a disk or a full pipe. As with kill -9, nothing that was acknowledged
// is lost.
const (
	EndTime     = 10 * time.Second // of any command
	ClosingTime = 15 * time.Second // of serve, after --drain or a second signal
)

// A Timer ends the process when a command does not end by itself after a signal. Its
// methods may be called concurrently; on nil they do nothing.
type Timer struct {
	end func()

	mu    sync.Mutex
	limit time.Duration // guarded by mu
	timer *time.Timer   // guarded by mu; nil before the signal
	over  bool          // guarded by mu; the command has ended
}

type timerKey struct{}

// With returns a context with a Timer that begins when ctx ends; end ends the process. Call done when
// the command has ended.
func With(ctx context.Context, end func()) (with context.Context, done func()) {
	r := &Timer{end: end, limit: EndTime}
	stop := context.AfterFunc(ctx, func() { r.Within(0) })
	return context.WithValue(ctx, timerKey{}, r), func() {
		stop()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.over = true
		if r.timer != nil {
			r.timer.Stop()
		}
	}
}

// Of returns the Timer of a context, or nil.
func Of(ctx context.Context) *Timer {
	r, _ := ctx.Value(timerKey{}).(*Timer)
	return r
}

// Allow sets how long the command may take to end after the signal.
func (r *Timer) Allow(d time.Duration) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.limit = d
}

// Within ends the process after d; zero stands for the time set with allow.
func (r *Timer) Within(d time.Duration) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.over:
		return
	case d == 0:
		d = r.limit
	}
	if r.timer != nil {
		r.timer.Stop()
	}
	r.timer = time.AfterFunc(d, r.end)
}
