package main

import (
	"context"
	"sync"
	"time"
)

// How long a command may take to end after SIGTERM or an interrupt. Then the process exits,
// whatever hangs, such as a disk or a full pipe. As with kill -9, nothing that was acknowledged
// is lost.
const (
	endTime     = 10 * time.Second // of any command
	closingTime = 15 * time.Second // of serve, after --drain or a second signal
)

// A lastResort ends the process when a command does not end by itself after a signal. Its
// methods may be called concurrently; on nil they do nothing.
type lastResort struct {
	end func()

	mu    sync.Mutex
	limit time.Duration // guarded by mu
	timer *time.Timer   // guarded by mu; nil before the signal
	over  bool          // guarded by mu; the command has ended
}

type lastResortKey struct{}

// withLastResort returns a context with a lastResort whose time begins when ctx ends. Call done
// when the command has ended.
func withLastResort(ctx context.Context, end func()) (with context.Context, done func()) {
	r := &lastResort{end: end, limit: endTime}
	stop := context.AfterFunc(ctx, func() { r.within(0) })
	return context.WithValue(ctx, lastResortKey{}, r), func() {
		stop()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.over = true
		if r.timer != nil {
			r.timer.Stop()
		}
	}
}

// lastResortOf returns the lastResort of a context, or nil.
func lastResortOf(ctx context.Context) *lastResort {
	r, _ := ctx.Value(lastResortKey{}).(*lastResort)
	return r
}

// allow sets how long the command may take to end after the signal.
func (r *lastResort) allow(d time.Duration) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.limit = d
}

// within ends the process after d; zero stands for the time set with allow.
func (r *lastResort) within(d time.Duration) {
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
