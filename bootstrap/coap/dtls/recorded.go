package dtls

import (
	"context"
	"errors"
)

// errNotRecorded: it cannot be recorded that a request came.
var errNotRecorded = errors.New("associations cannot be kept up to date")

// AwaitRecorded implements [exchange.Hibernator].
func (a *association) AwaitRecorded(ctx context.Context) error {
	k := a.mux.persister
	if k == nil {
		return nil
	}
	a.mu.Lock()
	era, taken := a.era, a.layer.Taken.Next
	a.mu.Unlock()
	for {
		recorded, wait := k.recorded(a, era, taken)
		switch {
		case recorded:
			return nil
		case wait == nil:
			return errNotRecorded
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// recorded reports whether it is on disk that the records of a with numbers before taken have come,
// or whether a is not on disk at all. If not, it returns what to wait for; nil where it cannot be
// written.
func (k *persister) recorded(a *association, era, taken uint64) (ok bool, wait <-chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case era == 0 || era != k.era.Load() || a.persisted.over:
		return true, nil
	case a.persisted.era == era && a.persisted.recorded >= taken:
		return true, nil
	case k.stuck:
		return false, nil
	}
	k.persistNow(a)
	done := make(chan struct{})
	a.persisted.waiting = append(a.persisted.waiting, done)
	return false, done
}

// answer wakes those who wait for a. The caller holds mu.
func (k *persister) answer(a *association) {
	for _, done := range a.persisted.waiting {
		close(done)
	}
	a.persisted.waiting = nil
}
