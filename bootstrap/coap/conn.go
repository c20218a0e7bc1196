package coap

import (
	"context"
	"sync"
	"time"

	"lwbs/bootstrap"
)

// A conn is one association with a peer and implements [bootstrap.Conn].
type conn struct {
	hub  *hub
	link link
	peer bootstrap.Peer

	// ctx is the life of the conn: handlers are given it, and its end is Done.
	ctx    context.Context
	cancel context.CancelFunc

	mu     sync.Mutex
	closed bool // guarded by mu
}

// newConn returns a conn that its hub does not know yet; see [hub.newConn].
func newConn(h *hub, l link, peer bootstrap.Peer) *conn {
	c := &conn{hub: h, link: l, peer: peer}
	c.ctx, c.cancel = context.WithCancel(h.ctx)
	return c
}

// deliver takes a datagram that came from the peer. It never blocks: with too many
// waiting it drops this one. It does not keep b.
func (c *conn) deliver(b []byte) {}

// hangUp tells that the peer has ended the association. What it sent before is still
// attended to, then the conn closes.
func (c *conn) hangUp() { c.Close() }

// Do implements [bootstrap.Conn].
func (c *conn) Do(ctx context.Context, r bootstrap.Request) (bootstrap.Response, error) {
	return bootstrap.Response{}, bootstrap.ErrGone
}

// Peer implements [bootstrap.Conn].
func (c *conn) Peer() bootstrap.Peer { return c.peer }

// Tune implements [bootstrap.Conn].
func (c *conn) Tune(t bootstrap.Tuning) {}

// Done implements [bootstrap.Conn].
func (c *conn) Done() <-chan struct{} { return c.ctx.Done() }

// Linger implements [bootstrap.Conn].
func (c *conn) Linger(d time.Duration) {}

// Close implements [bootstrap.Conn]. Only the first call does anything.
func (c *conn) Close() error {
	c.mu.Lock()
	first := !c.closed
	c.closed = true
	c.mu.Unlock()
	if !first {
		return nil
	}
	c.cancel()
	c.hub.remove(c)
	return c.link.close()
}
