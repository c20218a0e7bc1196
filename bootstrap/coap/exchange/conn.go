package exchange

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/coap/admission"
	"lwbs/bootstrap/coap/message"
	"lwbs/bootstrap/coap/traffic"
)

// Limits of one conn.
const (
	maxInbox       = 32 // datagrams that wait to be decoded
	maxHandling    = 8  // requests of the peer being handled, what runs after them included
	maxUnvalidated = 2  // the same while its address is not validated
)

// maxInboxBytes is how many bytes wait in the inboxes of all conns of a socket.
const maxInboxBytes = 16 << 20

// A Conn is one association with a peer and implements [bootstrap.Conn].
//
// It has no goroutine while nothing happens. Deliver handles acknowledgements and RST at once,
// and starts a goroutine that drains the inbox of all else. Each request of the peer gets a
// goroutine for its handler, and a request to the peer runs in that of its caller.
type Conn struct {
	hub  *Hub
	link Link
	peer auth.Peer

	network netip.Prefix // that the peer is in; zero where that is not known

	// ctx is the life of the conn: handlers are given it, and its end is Done.
	ctx    context.Context
	cancel context.CancelCauseFunc

	// turn holds one element while a request to the peer is under way: NSTART is 1
	// (RFC 7252 §4.7).
	turn chan struct{}

	// What follows is guarded by mu. No datagram is sent and nothing outside of the
	// conn is called with mu held, but for the start of a goroutine.
	mu       sync.Mutex
	closed   bool
	hungUp   bool     // the peer ended the association; the conn closes when inbox is empty
	inbox    [][]byte // delivered, not yet decoded
	draining bool     // a goroutine drains the inbox

	unvalidated UnvalidatedLink // the link, until the address of the peer is validated; nil after that
	sendBudget  int             // bytes that may be sent while unvalidated is set

	tuning bootstrap.Tuning
	mid    uint16 // of our last message

	latest     *exchange          // our last request; nil before the first
	quirk      string             // a deviation of the peer that no response has told yet
	responses  responseCache      // to requests before the latest
	remembered rememberedRequests // of the peer, with their answers
	assembly   *assembly          // a request of the peer that comes in blocks
	blockwise  *blockResponse     // an answer that the peer fetches in blocks

	stale      error     // why the peer would not be admitted any more; nil where it would
	handling   int       // requests of the peer being handled
	calls      int       // of Do
	asked      time.Time // when the peer was sent a request while unvalidated
	lastActive time.Time
	idle       *time.Timer
	linger     *time.Timer // nil unless lingering
	lingerTurn int         // changes whenever linger does
}

// newConn returns a conn that is not in its hub yet; see [Hub.NewConn].
func newConn(h *Hub, l Link, peer auth.Peer) *Conn {
	c := &Conn{
		hub:        h,
		link:       l,
		peer:       peer,
		turn:       make(chan struct{}, 1),
		mid:        uint16(rand.Uint32()),
		lastActive: time.Now(),
	}
	if at, err := netip.ParseAddrPort(peer.Remote); err == nil {
		c.network = admission.NetworkOf(at.Addr())
	}
	c.unvalidated, _ = l.(UnvalidatedLink)
	c.ctx, c.cancel = context.WithCancelCause(h.Tasks.Context())
	c.mu.Lock() // expire may run before idle is set
	defer c.mu.Unlock()
	c.idle = h.Tasks.AfterFunc(h.cfg.IdleTimeout, c.expire)
	return c
}

// Peer implements [bootstrap.Conn].
func (c *Conn) Peer() auth.Peer {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.peer
	p.Stale = c.stale
	return p
}

// Tune implements [bootstrap.Conn].
func (c *Conn) Tune(t bootstrap.Tuning) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tuning = t
}

// Done implements [bootstrap.Conn].
func (c *Conn) Done() <-chan struct{} { return c.ctx.Done() }

// Close implements [bootstrap.Conn]. Only the first call does anything.
func (c *Conn) Close() error { return c.CloseFor(nil) }

// CloseFor is Close for a reason of ours, which the context of what goes on ends with; nil for
// none.
func (c *Conn) CloseFor(why error) error {
	if why != nil {
		c.cancel(why)
	}
	if !c.Abandon() {
		return nil
	}
	return c.link.Close()
}

// Abandon ends the conn without closing its link. It reports false where it had ended before.
func (c *Conn) Abandon() bool {
	c.mu.Lock()
	first := !c.closed
	c.end()
	c.mu.Unlock()
	if first {
		c.Finish()
	}
	return first
}

// Retire ends the conn if it is idle, and reports whether it did; the caller then calls
// [Conn.Finish].
func (c *Conn) Retire() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.hungUp || c.busy() {
		return false
	}
	c.end()
	return true
}

// end lets nothing begin any more. The caller holds mu.
func (c *Conn) end() {
	c.closed = true
	c.idle.Stop()
	c.disassemble()
	c.stopLinger()
}

// Finish ends the context of a conn that was retired, and takes it out of its hub.
func (c *Conn) Finish() {
	c.cancel(nil)
	c.hub.remove(c)
}

// Deliver takes a datagram of the peer, and returns why it is dropped. It never blocks. An
// acknowledgement or RST, which most datagrams are and which call for no reply, is handled at
// once; anything else goes to the inbox, or is dropped where that is full. It does not keep b.
func (c *Conn) Deliver(b []byte) traffic.DropReason {
	c.show(false, b)
	atOnce, why := c.enqueue(b)
	if atOnce {
		c.receive(b)
	}
	return why
}

// enqueue puts b into the inbox, unless it can be handled at once. It returns why neither is
// possible.
func (c *Conn) enqueue(b []byte) (atOnce bool, why traffic.DropReason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.addBudget(b)
	switch {
	case c.closed, c.hungUp:
		return false, traffic.DropEnding
	case !c.draining && message.IsReply(b):
		return true, traffic.NotDropped
	case len(c.inbox) == maxInbox:
		return false, traffic.DropQueueFull
	}
	b = b[:min(len(b), message.MaxDatagram+1)] // enough to see that it is too large
	if c.hub.inboxBytes.Load()+int64(len(b)) > maxInboxBytes {
		return false, traffic.DropQueueFull
	}
	b = bytes.Clone(b)
	c.hub.inboxBytes.Add(int64(len(b)))
	c.inbox = append(c.inbox, b)
	if !c.draining {
		c.draining = c.hub.Tasks.Go(c.drain)
	}
	return false, traffic.NotDropped
}

// HangUp notes that the peer has ended the association. The conn closes when its inbox is
// empty.
func (c *Conn) HangUp() {
	c.mu.Lock()
	c.hungUp = true
	draining := c.draining
	c.mu.Unlock()
	if !draining {
		c.Close()
	}
}

// drain handles the inbox until that is empty.
func (c *Conn) drain() {
	for {
		b, ok := c.next()
		if !ok {
			return
		}
		c.hub.Tasks.Run(func() { c.receive(b) })
	}
}

// next takes a datagram from the inbox. Where there is none it ends the draining, and
// the conn where the peer has hung up.
func (c *Conn) next() (b []byte, ok bool) {
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
	c.hub.inboxBytes.Add(-int64(len(b)))
	return b, true
}

// receive decodes one datagram and handles it. It may keep b, unless that is an acknowledgement
// or RST.
func (c *Conn) receive(b []byte) {
	m, err := message.Decode(b)
	if err != nil {
		c.rejectMalformed(m, err)
		return
	}
	switch {
	case m.Kind == message.Acknowledgement || m.Kind == message.Reset:
		c.receiveReply(m)
	case m.IsRequest():
		c.touch()
		c.receiveRequest(m)
	case m.IsResponse():
		c.receiveResponse(m)
	default:
		c.reject(m)
	}
}

// rejectMalformed drops what could not be decoded, with RST where that is due.
func (c *Conn) rejectMalformed(m message.Message, err error) {
	c.hub.Meter.Dropped.Add(message.DropReason(err))
	c.hub.cfg.Logger.Debug("dropped a malformed datagram", "remote", c.peer.Remote, "err", err)
	if reply, ok := m.Rejection(err); ok {
		c.sendMessage(reply)
	}
}

// reject drops a message that no exchange waits for, with RST where that is due.
func (c *Conn) reject(m message.Message) {
	c.hub.Meter.Dropped.Add(traffic.DropStray)
	if reply, ok := m.Unexpected(); ok {
		c.sendMessage(reply)
	}
}

// touch notes that a request came, which keeps the association from being idle. Nothing else
// does, such as pings, which a peer can send for ever.
func (c *Conn) touch() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lastActive = time.Now()
}

// nextID returns a message ID that has not been used for long (RFC 7252 §4.4). The
// caller holds mu.
func (c *Conn) nextID() uint16 {
	c.mid++
	return c.mid
}

// sendMessage encodes and sends m. What cannot be encoded is a mistake of ours and is
// logged.
func (c *Conn) sendMessage(m message.Message) {
	b, err := message.Encode(m)
	if err != nil {
		c.hub.cfg.Logger.Error("cannot encode a message", "remote", c.peer.Remote, "err", err)
		return
	}
	c.transmit(b)
}

// transmit sends one datagram, and reports whether it was sent: not beyond the amplification
// limit of an unvalidated address. That, or an error, has the effect of a lost datagram.
func (c *Conn) transmit(b []byte) bool {
	if !c.spendBudget(len(b)) {
		c.hub.Meter.Withheld.Add(1)
		return false
	}
	c.hub.Meter.Sent.Add(1)
	c.show(true, b)
	if err := c.link.Send(b); err != nil {
		c.hub.cfg.Logger.Debug("datagram not sent", "remote", c.peer.Remote, "err", err)
	}
	return true
}
