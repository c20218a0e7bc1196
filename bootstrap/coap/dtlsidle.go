package coap

import (
	"container/list"
	"time"

	"lwbs/bootstrap"
)

// minSilence is how long an association must have been silent before it makes room for
// another: in a storm, devices that just arrived do not push each other out.
const minSilence = 2 * time.Second

// hear notes that something authentic came from the peer of a, and follows it where that is
// the newest. Only a request keeps an association from being idle: a peer that needs nothing
// can send anything else for ever.
func (m *mux) hear(a *association, from udpPeer, newest, asks bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if a.over {
		return
	}
	if asks {
		a.heard = time.Now()
		m.listOf(a).MoveToFront(a.place)
	}
	if newest {
		m.follow(a, from)
	}
}

// asked notes that the peer of a has made a request.
func (m *mux) asked(a *association) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if a.await != nil {
		a.await.Stop()
		a.await = nil
		m.keep.later(a)
	}
}

// forget ends a for good, and tells of it if its peer has never made a request. Its conn
// attends to what has come before.
func (m *mux) forget(a *association) {
	var c *conn
	var unasked bool
	holding(&m.mu, func() { c, unasked = a.conn, m.remove(a) })
	if c != nil {
		c.hangUp()
	}
	if unasked {
		a.tellNoRequest(bootstrap.UnusedClosed)
	}
}

// remove takes a out of where it is found, and reports whether its peer has never made a
// request, the first time. The caller holds mu.
func (m *mux) remove(a *association) (unasked bool) {
	if a.over {
		return false
	}
	a.over = true
	m.keep.end(a)
	m.vacate(a)
	if m.cids[a.cid].association == a {
		delete(m.cids, a.cid)
	}
	m.listOf(a).Remove(a.place)
	if !a.dormant {
		m.leavePeer(a)
	}
	m.separate(a)
	if a.await == nil {
		return false
	}
	a.await.Stop()
	a.await = nil
	return true
}

// listOf is the list that a is in. The caller holds mu.
func (m *mux) listOf(a *association) *list.List {
	if a.dormant {
		return m.dormant
	}
	return m.active
}

// tellNoRequest tells of an association without a request, unless we are about to stop.
func (a *association) tellNoRequest(end bootstrap.UnusedEnd) {
	if report := a.mux.hub.cfg.DTLS.NoRequest; report != nil && a.mux.hub.ctx.Err() == nil {
		report(a.who(), a.since, end)
	}
}

// expire tells of an association whose peer has made no request in time, and lets it
// hibernate.
func (m *mux) expire(a *association) {
	m.mu.Lock()
	due := a.await != nil
	a.await = nil
	m.mu.Unlock()
	if due {
		a.tellNoRequest(bootstrap.UnusedInTime)
		m.rest(a)
	}
}

// room reports whether one more association may be active, and which has to rest for that;
// nil for none. It is the one silent for longest of those without business. The caller holds
// mu.
func (m *mux) room(now time.Time) (idle *association, ok bool) {
	if m.active.Len() < m.hub.cfg.MaxPeers {
		return nil, true
	}
	tries := evictionTries
	for e := m.active.Back(); e != nil && tries > 0; e = e.Prev() {
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

// makeRoom sees to it that one more association may be active, and reports whether it may;
// do what it returns without mu. The caller holds mu.
func (m *mux) makeRoom(now time.Time) (after []func(), ok bool) {
	idle, ok := m.room(now)
	if !ok || idle == nil {
		return nil, ok
	}
	if c := idle.conn; c != nil {
		if !c.retire() {
			return nil, false
		}
		after = append(after, c.finish)
	}
	return append(after, m.layDown(idle)...), true
}
