package cluster

import (
	"context"
	"math/rand/v2"
	"time"
)

// tries are those of one call. They wait longer and longer, and each a little differently.
type tries struct {
	until time.Time // when the patience with a database that cannot be reached ends
	wait  time.Duration
	n     int // how often another edit came between
}

const (
	firstWait = 10 * time.Millisecond
	lastWait  = 500 * time.Millisecond

	// maxBetween is how often an edit is tried again as another came between.
	maxBetween = 50
)

func (db *DB) newTries() *tries {
	return &tries{until: time.Now().Add(db.patience), wait: firstWait}
}

// again waits before the next try of what could not reach the database, and reports whether there is one.
func (t *tries) again(ctx context.Context) bool {
	if !time.Now().Add(t.wait).Before(t.until) {
		return false
	}
	wait := t.wait/2 + rand.N(t.wait)
	t.wait = min(2*t.wait, lastWait)
	return pause(ctx, wait)
}

// between waits before the next try of an edit, as another came between, and reports whether there is one.
func (t *tries) between(ctx context.Context) bool {
	if t.n++; t.n > maxBetween {
		return false
	}
	return pause(ctx, rand.N(time.Duration(min(t.n, 20))*time.Millisecond))
}

// pause waits, and reports whether ctx goes on.
func pause(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
