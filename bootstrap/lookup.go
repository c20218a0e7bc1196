package bootstrap

import (
	"context"
	"sync"
	"time"

	"lwbs/bootstrap/auth"
)

// lookingUp returns the context for the look-ups of a request. They go on when its association
// ends: they are quick, the record of the attempt needs them, and a look-up that was cancelled
// would look like a failure of the store.
func lookingUp(ctx context.Context) *lookUp {
	return &lookUp{request: ctx, deadline: time.Now().Add(auth.LookUpTimeout)}
}

// A lookUp is the context that [context.WithDeadline] returns, without the timer of that until someone waits for its
// end: most look-ups are answered from a cache. Call end when it is over.
type lookUp struct {
	request  context.Context // whose values it has
	deadline time.Time

	mu     sync.Mutex
	timed  context.Context    // nil until someone waits; guarded by mu
	cancel context.CancelFunc // of timed; guarded by mu
	ended  bool               // guarded by mu
}

// Value implements [context.Context].
func (l *lookUp) Value(key any) any { return context.WithoutCancel(l.request).Value(key) }

// Deadline implements [context.Context].
func (l *lookUp) Deadline() (time.Time, bool) { return l.deadline, true }

// Done implements [context.Context].
func (l *lookUp) Done() <-chan struct{} { return l.wait().Done() }

// AfterFunc lets contexts below this one end with it, without a goroutine for each; see [context.AfterFunc].
func (l *lookUp) AfterFunc(f func()) (stop func() bool) { return context.AfterFunc(l.wait(), f) }

// wait returns the context with the timer.
func (l *lookUp) wait() context.Context {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timed == nil {
		l.timed, l.cancel = context.WithDeadline(context.WithoutCancel(l.request), l.deadline)
		if l.ended {
			l.cancel()
		}
	}
	return l.timed
}

// Err implements [context.Context].
func (l *lookUp) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.timed != nil:
		return l.timed.Err()
	case l.ended:
		return context.Canceled
	case !time.Now().Before(l.deadline):
		return context.DeadlineExceeded
	}
	return nil
}

// end gives up what the context holds.
func (l *lookUp) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	if l.cancel != nil {
		l.cancel()
	}
}
