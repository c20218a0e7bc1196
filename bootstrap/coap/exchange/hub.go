package exchange

import (
	"sync"
	"sync/atomic"

	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/coap/tasks"
	"lwbs/bootstrap/coap/traffic"
)

// A Hub has the conns of one socket, with what they share: configuration, counters and limits.
// They end together.
type Hub struct {
	cfg        Config
	Tasks      *tasks.Group
	Meter      *traffic.Meter
	scheduler  Scheduler
	uploads    *uploads
	inboxBytes atomic.Int64 // bytes in the inboxes of the conns

	mu     sync.Mutex
	conns  map[*Conn]struct{} // guarded by mu
	closed bool               // guarded by mu; then conns does not grow
}

// NewHub returns a hub without conns, whose goroutines are of g. Its owner calls Close. A nil
// scheduler lets every handler run at once.
func NewHub(cfg Config, g *tasks.Group, meter *traffic.Meter, s Scheduler) *Hub {
	if s == nil {
		s = immediate{g}
	}
	return &Hub{cfg: cfg, Tasks: g, Meter: meter, scheduler: s, uploads: newUploads(), conns: make(map[*Conn]struct{})}
}

// NewConn returns the conn over l to peer, which the hub closes at its own end at the
// latest. before is what is remembered of its conn before. It returns nil when the hub is closed;
// then l is closed too.
func (h *Hub) NewConn(l Link, peer auth.Peer, before Memory) *Conn {
	c := newConn(h, l, peer)
	c.remembered = before.requests()
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
	if len(c.remembered) > 0 { // a duplicate alone does not keep it for longer
		c.Linger(ReleaseDelay)
	}
	return c
}

// Count is how many conns there are.
func (h *Hub) Count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.conns)
}

// remove forgets c, which has ended.
func (h *Hub) remove(c *Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.conns, c)
}

// Close ends every conn, then calls closeSocket, and waits for every goroutine. It
// must not be called from one of them. Only the first call does anything, but each
// waits.
func (h *Hub) Close(closeSocket func() error) error {
	h.mu.Lock()
	h.closed = true
	conns := make([]*Conn, 0, len(h.conns))
	for c := range h.conns {
		conns = append(conns, c)
	}
	h.mu.Unlock()

	var err error
	if h.Tasks.Stop() {
		for _, c := range conns {
			c.Close()
		}
		err = closeSocket()
	}
	h.Tasks.Wait()
	return err
}
