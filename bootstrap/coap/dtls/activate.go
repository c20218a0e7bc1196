package dtls

import (
	"time"

	"lwbs/bootstrap/attempt"
	"lwbs/bootstrap/coap/dtls/pion"
	"lwbs/bootstrap/coap/udp"
)

// activate replaces h, which is complete, by a, and ends the association that the address had
// before. It returns the datagrams that came for h after that; a is nil where there is no room
// for it.
func (m *mux) activate(h *handshake, a *association) (_ *association, waiting []pion.Packet) {
	var after []func()
	var ok bool
	holding(&m.mu, func() {
		if after, ok = m.activateLocked(h, a); ok {
			waiting = h.engine.drain()
		}
	})
	do(after)
	if !ok {
		return nil, nil
	}
	return a, waiting
}

// activateLocked makes a active, if there is room, and reports whether there is. The caller holds mu,
// and calls after without it.
func (m *mux) activateLocked(h *handshake, a *association) (after []func(), ok bool) {
	if h.ended {
		return nil, false
	}
	now := time.Now()
	m.sources.Validate(h.reservation, now)
	after = m.replace(m.slots[h.peer].association, a)
	after = append(after, m.makeRoomOf(a)...)
	more, ok := m.makeRoom(now)
	if after = append(after, more...); !ok {
		return after, false
	}
	delete(m.cids, h.cid) // it is a's now
	h.cid = connectionID{}
	m.dropHandshake(h, nil)
	m.index(a)
	a.place = m.active.PushFront(a)
	m.joinPeer(a)
	a.requestTimer = m.tasks.AfterFunc(m.cfg.DTLS.RequestTimeout, func() { m.requestTimedOut(a) })
	m.admitNext()
	return after, true
}

// do calls what could not be called under the lock.
func do(after []func()) {
	for _, f := range after {
		f()
	}
}

// index enters a into the tables, by its address unless another association has that. The caller
// holds mu.
func (m *mux) index(a *association) {
	if s := m.slots[a.peer]; s.association == nil {
		s.association = a
		m.slots[a.peer] = s
	}
	if a.cid != (connectionID{}) {
		m.cids[a.cid] = slot{association: a}
	}
}

// replace ends old, the association that the address of a had before; nil for none. An association
// of another device goes on if it is found by its connection ID. The caller holds mu.
func (m *mux) replace(old, a *association) (after []func()) {
	switch {
	case old == nil:
		return nil
	case old.cid != (connectionID{}) && old.name != a.name:
		m.vacate(old)
		return nil
	}
	return m.end(old, false)
}

// end ends a, and tells its peer or not. The caller holds mu, and calls after without it.
func (m *mux) end(a *association, tell bool) (after []func()) {
	c, unasked := a.conn, m.remove(a)
	return []func(){func() {
		if tell {
			_ = a.closeNotifyLast() // an error has the effect of a lost datagram
		}
		a.stopSending()
		if c != nil {
			c.HangUp()
		}
		if unasked {
			a.reportNoRequest(attempt.UnusedReplaced)
		}
	}}
}

// vacate takes a out of the slot of its address, if it is there. The caller holds mu.
func (m *mux) vacate(a *association) {
	if s := m.slots[a.peer]; s.association == a {
		s.association = nil
		m.set(a.peer, s)
	}
}

// set puts s at an address. The caller holds mu.
func (m *mux) set(peer udp.Peer, s slot) {
	if s == (slot{}) {
		delete(m.slots, peer)
		return
	}
	m.slots[peer] = s
}

// endHandshake removes h, and reports whether its peer sent an encrypted record.
func (m *mux) endHandshake(h *handshake) (sealed bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dropHandshake(h, nil)
	m.admitNext()
	return h.sealed
}

// dropHandshake removes h and ends it because of cause. The caller holds mu.
func (m *mux) dropHandshake(h *handshake, cause error) {
	if !h.ended {
		h.ended = true
		s := m.slots[h.peer]
		s.handshake = nil
		m.set(h.peer, s)
		m.unassign(h)
	}
	m.limiter.Release(h.admission)
	h.timer.Stop()
	h.engine.cancel(cause)
}
