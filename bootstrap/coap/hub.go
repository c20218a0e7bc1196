package coap

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"lwbs/bootstrap"
)

// A hub is what the conns of one socket have in common: their configuration, their
// counters, and one end. It outlives every goroutine of theirs.
type hub struct {
	cfg      Config // with its defaults
	counters counters
	uploads  *uploads
	waiting  atomic.Int64 // bytes in the inboxes of the conns

	// ctx is the parent of every context that a handler sees; it ends with close.
	ctx    context.Context
	cancel context.CancelFunc

	wg sync.WaitGroup // every goroutine of the hub and its conns

	// attend is spawn for the handler of a request, unless the owner of the hub puts
	// something else here before it has conns: a request may have to wait.
	attend func(f func()) bool

	// lend is called when such a handler begins to wait for a peer that may never answer, and
	// what it returns afterwards; nothing, unless the owner puts something else here.
	lend func() (end func())

	// late reports whether there is more to do than power: never, unless the owner puts
	// something else here.
	late func() bool

	mu     sync.Mutex
	conns  map[*conn]struct{} // guarded by mu
	closed bool               // guarded by mu; then conns and wg do not grow
}

// newHub returns a hub without conns. Its owner calls close.
func newHub(cfg Config) *hub {
	ctx, cancel := context.WithCancelCause(context.Background())
	h := &hub{cfg: cfg, ctx: ctx, cancel: func() { cancel(bootstrap.ErrStopping) }, uploads: newUploads(), conns: make(map[*conn]struct{})}
	h.attend, h.late = h.spawn, func() bool { return false }
	h.lend = func() func() { return func() {} }
	return h
}

// newConn returns the conn over l to peer, which the hub closes at its own end at the
// latest. It returns nil when the hub is closed; then l is closed too.
func (h *hub) newConn(l link, peer bootstrap.Peer) *conn {
	c := newConn(h, l, peer)
	h.mu.Lock()
	closed := h.closed
	if !closed {
		h.conns[c] = struct{}{}
	}
	h.mu.Unlock()
	if closed {
		c.Close()
		return nil
	}
	return c
}

// remove forgets c, which has ended.
func (h *hub) remove(c *conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.conns, c)
}

// spawn runs f in a goroutine that close waits for, and reports whether it does: no
// longer when the hub is closed.
func (h *hub) spawn(f func()) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	h.wg.Go(func() {
		defer h.cfg.Panics.Contain(bootstrap.PartTransport) // what has to be put in order then does so itself
		f()
	})
	return true
}

// afterFunc is time.AfterFunc for an f that may panic.
func (h *hub) afterFunc(d time.Duration, f func()) *time.Timer {
	return time.AfterFunc(d, func() {
		defer h.cfg.Panics.Contain(bootstrap.PartTransport)
		f()
	})
}

// holding runs f under mu, and lets go of that even where f panics.
func holding(mu sync.Locker, f func()) {
	mu.Lock()
	defer mu.Unlock()
	f()
}

// pause waits for d, or for close.
func (h *hub) pause(d time.Duration) {
	select {
	case <-time.After(d):
	case <-h.ctx.Done():
	}
}

// close ends every conn, then calls closeSocket, and waits for every goroutine. It
// must not be called from one of them. Only the first call does anything, but each
// waits.
func (h *hub) close(closeSocket func() error) error {
	h.mu.Lock()
	first := !h.closed
	h.closed = true
	conns := make([]*conn, 0, len(h.conns))
	for c := range h.conns {
		conns = append(conns, c)
	}
	h.mu.Unlock()

	var err error
	if first {
		h.cancel()
		for _, c := range conns {
			c.Close()
		}
		err = closeSocket()
	}
	h.wg.Wait()
	return err
}
