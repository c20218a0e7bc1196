package coap

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"lwbs/bootstrap"
)

// Limits of one conn.
const (
	maxInbox    = 32 // datagrams that wait to be looked at
	maxUnderWay = 8  // requests of the peer being handled, what runs after them included
	maxDoubted  = 2  // the same while its address may be forged
)

// maxInboxBytes is how many bytes wait in the inboxes of all conns of a socket.
const maxInboxBytes = 16 << 20

// A conn is one association with a peer and implements [bootstrap.Conn].
//
// It has no goroutine while nothing happens: what the peer replies is taken where it is
// delivered, deliver starts a goroutine that empties the inbox of all else, each request
// of the peer gets one for its handler, and a request to the peer runs in that of its
// caller.
type conn struct {
	hub  *hub
	link link
	peer bootstrap.Peer

	network netip.Prefix // that the peer is in; zero where that is not known

	// ctx is the life of the conn: handlers are given it, and its end is Done.
	ctx    context.Context
	cancel context.CancelCauseFunc

	// turn holds one element while a request to the peer is under way: NSTART is 1
	// (RFC 7252 §4.7).
	turn chan struct{}

	// What follows is guarded by mu. No datagram is sent and nothing outside of the
	// conn is called with mu held, but for hub.spawn.
	mu       sync.Mutex
	closed   bool
	hungUp   bool     // the peer ended the association; closes when inbox is empty
	inbox    [][]byte // delivered, not yet looked at
	draining bool     // a goroutine is at the inbox

	doubted doubtful // the link, until the peer has proved its address; nil without doubt
	budget  int      // bytes that may be sent while doubted is set

	tuning bootstrap.Tuning
	mid    uint16 // of our last message

	latest   *exchange // our last request; nil before the first
	quirk    string    // a deviation of the peer that no response has told yet
	settled  settled   // what was answered before
	requests requests  // of the peer, with their answers
	assembly *assembly // a request of the peer that comes in blocks
	serving  *served   // an answer that the peer fetches in blocks

	stale      error     // why the peer would not be let in any more; nil where it would
	underWay   int       // requests of the peer being handled
	calls      int       // of Do
	asked      time.Time // when a peer that had not proved its address was asked something
	lastActive time.Time
	idle       *time.Timer
	linger     *time.Timer // nil unless lingering
	lingers    int         // changes whenever linger does
}

// newConn returns a conn that its hub does not know yet; see [hub.newConn].
func newConn(h *hub, l link, peer bootstrap.Peer) *conn {
	c := &conn{
		hub:        h,
		link:       l,
		peer:       peer,
		turn:       make(chan struct{}, 1),
		mid:        uint16(rand.Uint32()),
		lastActive: time.Now(),
	}
	if at, err := netip.ParseAddrPort(peer.Remote); err == nil {
		c.network = networkOf(at.Addr())
	}
	c.doubted, _ = l.(doubtful)
	c.ctx, c.cancel = context.WithCancelCause(h.ctx)
	c.mu.Lock() // expire may run before idle is set
	defer c.mu.Unlock()
	c.idle = h.afterFunc(h.cfg.IdleTimeout, c.expire)
	return c
}

// Peer implements [bootstrap.Conn].
func (c *conn) Peer() bootstrap.Peer {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.peer
	p.Stale = c.stale
	return p
}

// Tune implements [bootstrap.Conn].
func (c *conn) Tune(t bootstrap.Tuning) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tuning = t
}

// Done implements [bootstrap.Conn].
func (c *conn) Done() <-chan struct{} { return c.ctx.Done() }

// Close implements [bootstrap.Conn]. Only the first call does anything.
func (c *conn) Close() error { return c.closeFor(nil) }

// closeFor is Close for a reason of ours, which the context of what goes on ends with; nil for
// none.
func (c *conn) closeFor(why error) error {
	if why != nil {
		c.cancel(why)
	}
	if !c.abandon() {
		return nil
	}
	return c.link.close()
}

// abandon ends the conn and leaves its link as it is. It reports false where it had ended
// before.
func (c *conn) abandon() bool {
	c.mu.Lock()
	first := !c.closed
	c.end()
	c.mu.Unlock()
	if first {
		c.finish()
	}
	return first
}

// retire ends the conn where it has no business, and reports whether it did; the caller
// then calls finish.
func (c *conn) retire() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.hungUp || c.busy() {
		return false
	}
	c.end()
	return true
}

// end lets nothing begin any more. The caller holds mu.
func (c *conn) end() {
	c.closed = true
	c.idle.Stop()
	c.disassemble()
	c.stopLinger()
}

// finish tells those who wait that the conn has ended.
func (c *conn) finish() {
	c.cancel(nil)
	c.hub.remove(c)
}

// deliver takes a datagram that came from the peer, and returns why not. It never blocks: a
// reply, which is most of what comes and sends nothing in its turn, is attended to at once;
// for anything else there is the inbox, and with too many waiting in it this one is dropped.
// It does not keep b.
func (c *conn) deliver(b []byte) DropReason {
	atOnce, why := c.enqueue(b)
	if atOnce {
		c.receive(b)
	}
	return why
}

// enqueue puts b into the inbox, unless it can be attended to at once. It returns why
// neither is possible.
func (c *conn) enqueue(b []byte) (atOnce bool, why DropReason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.credit(b)
	switch {
	case c.closed, c.hungUp:
		return false, DropEnding
	case !c.draining && isReply(b):
		return true, notDropped
	case len(c.inbox) == maxInbox, c.hub.waiting.Load() > maxInboxBytes:
		return false, DropQueueFull
	}
	b = bytes.Clone(b[:min(len(b), maxDatagram+1)]) // enough to see that the limit is passed
	c.hub.waiting.Add(int64(len(b)))
	c.inbox = append(c.inbox, b)
	if !c.draining {
		c.draining = c.hub.spawn(c.drain)
	}
	return false, notDropped
}

// hangUp tells that the peer has ended the association. What it sent before is still
// attended to, then the conn closes.
func (c *conn) hangUp() {
	c.mu.Lock()
	c.hungUp = true
	draining := c.draining
	c.mu.Unlock()
	if !draining {
		c.Close()
	}
}

// drain attends to the inbox until it is empty.
func (c *conn) drain() {
	for {
		b, ok := c.next()
		if !ok {
			return
		}
		c.hub.cfg.Panics.Run(bootstrap.PartTransport, func() { c.receive(b) })
	}
}

// next takes a datagram from the inbox. Where there is none it ends the draining, and
// the conn where the peer has hung up.
func (c *conn) next() (b []byte, ok bool) {
	c.mu.Lock()
	if len(c.inbox) == 0 {
		c.inbox = nil // its array has been read through
		c.draining = false
		hungUp := c.hungUp
		c.mu.Unlock()
		if hungUp {
			c.Close()
		}
		return nil, false
	}
	defer c.mu.Unlock()
	b = c.inbox[0]
	c.inbox[0] = nil // its array lives on
	c.inbox = c.inbox[1:]
	c.hub.waiting.Add(-int64(len(b)))
	return b, true
}

// receive decodes one datagram and passes it to whom it concerns. It may keep b, unless
// that is a reply.
func (c *conn) receive(b []byte) {
	m, err := decode(b)
	if err != nil {
		c.reject(m, err)
		return
	}
	switch {
	case m.kind == acknowledgement || m.kind == reset:
		c.receiveReply(m)
	case m.isRequest():
		c.touch()
		c.receiveRequest(m)
	case m.isResponse():
		c.receiveResponse(m)
	default:
		c.refuse(m)
	}
}

// reject drops what decode could not make sense of, with RST where that is due.
func (c *conn) reject(m message, err error) {
	c.hub.counters.dropped.add(malformation(err))
	c.hub.cfg.Logger.Debug("dropped a malformed datagram", "remote", c.peer.Remote, "err", err)
	if reply, ok := m.rejection(err); ok {
		c.sendMessage(reply)
	}
}

// refuse drops a message that nobody waits for.
func (c *conn) refuse(m message) {
	c.hub.counters.dropped.add(DropStray)
	if reply, ok := m.unexpected(); ok {
		c.sendMessage(reply)
	}
}

// touch notes that the association is in use: a request came. Nothing else counts, such as
// pings, which a peer can send for ever; what answers a request of ours is business.
func (c *conn) touch() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lastActive = time.Now()
}

// nextID returns a message ID that has not been used for long (RFC 7252 §4.4). The
// caller holds mu.
func (c *conn) nextID() uint16 {
	c.mid++
	return c.mid
}

// sendMessage encodes and sends m. What cannot be encoded is a mistake of ours and is
// logged.
func (c *conn) sendMessage(m message) {
	b, err := encode(m)
	if err != nil {
		c.hub.cfg.Logger.Error("cannot encode a message", "remote", c.peer.Remote, "err", err)
		return
	}
	c.transmit(b)
}

// transmit sends one datagram, and reports whether it may be sent at all: too much for a
// peer whose address is in doubt may not. That, or an error, is as good as a lost datagram.
func (c *conn) transmit(b []byte) bool {
	if !c.afford(len(b)) {
		c.hub.counters.withheld.Add(1)
		return false
	}
	c.hub.counters.sent.Add(1)
	if err := c.link.send(b); err != nil {
		c.hub.cfg.Logger.Debug("datagram not sent", "remote", c.peer.Remote, "err", err)
	}
	return true
}
