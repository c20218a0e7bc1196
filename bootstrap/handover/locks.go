package handover

import (
	"context"
	"sync"
)

// Locks are mutual exclusions by name, which exist while they are used. The zero value is ready.
type locks struct {
	mu   sync.Mutex
	held map[string]*lock // guarded by mu
}

// A lock is one of locks. Its channel has a token while no one holds it.
type lock struct {
	free  chan struct{}
	users int // those that hold it or wait for it
}

// lock waits for the lock of a name until ctx ends.
func (l *locks) lock(ctx context.Context, name string) (unlock func(), err error) {
	k := l.use(name)
	select {
	case <-k.free:
		return func() { k.free <- struct{}{}; l.leave(name) }, nil
	case <-ctx.Done():
		l.leave(name)
		return nil, ctx.Err()
	}
}

// tryLock is lock without waiting; ok is false where somebody holds it.
func (l *locks) tryLock(name string) (unlock func(), ok bool) {
	k := l.use(name)
	select {
	case <-k.free:
		return func() { k.free <- struct{}{}; l.leave(name) }, true
	default:
		l.leave(name)
		return nil, false
	}
}

func (l *locks) use(name string) *lock {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.held[name]
	if k == nil {
		if l.held == nil {
			l.held = make(map[string]*lock)
		}
		k = &lock{free: make(chan struct{}, 1)}
		k.free <- struct{}{}
		l.held[name] = k
	}
	k.users++
	return k
}

func (l *locks) leave(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if k := l.held[name]; k.users > 1 {
		k.users--
	} else {
		delete(l.held, name)
	}
}
