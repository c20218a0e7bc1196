package exchange

import (
	"sync/atomic"

	"lwbs/bootstrap/auth"
)

// A Watch shows the CoAP datagrams of the conns of a hub to one watcher: over DTLS before they are
// encrypted, and after they are decrypted. Without a watcher it costs one atomic load for each. The
// zero Watch has none. It may be shared by hubs.
type Watch struct{ watcher atomic.Pointer[Watcher] }

// A Watcher is shown a datagram of a peer, which was sent to it where out is set. It must be quick
// and must not keep b.
type Watcher = func(peer auth.Peer, out bool, b []byte)

// Set makes w the watcher; nil ends the watching.
func (s *Watch) Set(w Watcher) {
	if w == nil {
		s.watcher.Store(nil)
		return
	}
	s.watcher.Store(&w)
}

// show shows a datagram to the watcher, if there is one.
func (c *Conn) show(out bool, b []byte) {
	if c.hub.cfg.Watch == nil {
		return
	}
	if w := c.hub.cfg.Watch.watcher.Load(); w != nil {
		c.mu.Lock()
		peer := c.peer
		c.mu.Unlock()
		(*w)(peer, out, b)
	}
}
