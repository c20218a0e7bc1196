package coap

import (
	"time"

	"lwbs/bootstrap"
)

// minSilence is how long an association must have been silent before it makes room for
// another: in a storm, devices that just arrived do not push each other out.
const minSilence = 2 * time.Second

// hear notes that something authentic came from the peer of a, and follows it where that is
// the newest.
func (m *mux) hear(a *association, from udpPeer, newest bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if a.over {
		return
	}
	a.heard = time.Now()
	m.order.MoveToFront(a.place)
	if newest {
		m.follow(a, from)
	}
}

// opened notes the conn of a, which is what tells whether it has business, and returns it,
// or another that was begun in the meantime; nil at the end of a.
func (m *mux) opened(a *association, c *conn) *conn {
	m.mu.Lock()
	have, over := a.conn, a.over
	if have == nil && !over {
		a.conn = c
	}
	m.mu.Unlock()
	switch {
	case over:
		c.Close()
		return nil
	case have != nil:
		c.abandon()
		return have
	}
	return c
}

// asked notes that the peer of a has made a request.
func (m *mux) asked(a *association) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if a.await != nil {
		a.await.Stop()
		a.await = nil
	}
}

// forget ends a for good, and tells of it if its peer has never made a request. Its conn
// attends to what has come before.
func (m *mux) forget(a *association) {
	m.mu.Lock()
	c, unasked := a.conn, m.remove(a)
	m.mu.Unlock()
	if c != nil {
		c.hangUp()
	}
	if unasked {
		a.tellNoRequest()
	}
}

// remove takes a out of where it is found, and reports whether its peer has never made a
// request, the first time. The caller holds mu.
func (m *mux) remove(a *association) (unasked bool) {
	if a.over {
		return false
	}
	a.over = true
	m.vacate(a)
	if m.cids[a.cid].association == a {
		delete(m.cids, a.cid)
	}
	m.order.Remove(a.place)
	if a.await == nil {
		return false
	}
	a.await.Stop()
	a.await = nil
	return true
}

// tellNoRequest tells of an association without a request, unless we are about to stop.
func (a *association) tellNoRequest() {
	report := a.mux.hub.cfg.DTLS.NoRequest
	if report == nil || a.mux.hub.ctx.Err() != nil {
		return
	}
	a.mu.Lock()
	remote := a.peer.remote.String()
	a.mu.Unlock()
	report(bootstrap.Peer{Remote: remote, Transport: "coaps", Identity: a.identity, Chain: a.chain}, a.since)
}

// expire closes an association whose peer has made no request in time.
func (m *mux) expire(a *association) {
	m.mu.Lock()
	c, due := a.conn, a.await != nil
	m.mu.Unlock()
	switch {
	case !due:
	case c != nil:
		c.Close()
	default:
		_ = a.close() // an error is as good as a lost datagram
	}
}

// room reports whether one more association may be established, and which has to end for
// that; nil for none. It is the one silent for longest of those without business. The
// caller holds mu.
func (m *mux) room(now time.Time) (idle *association, ok bool) {
	if m.order.Len() < m.hub.cfg.MaxPeers {
		return nil, true
	}
	tries := evictionTries
	for e := m.order.Back(); e != nil && tries > 0; e = e.Prev() {
		a := e.Value.(*association)
		if now.Sub(a.heard) < minSilence {
			break // and so it is with all that follow
		}
		if a.conn == nil || a.conn.resting() {
			return a, true
		}
		tries--
	}
	return nil, false
}
