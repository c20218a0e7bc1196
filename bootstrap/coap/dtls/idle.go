package dtls

import (
	"container/list"
	"slices"
	"time"

	"lwbs/bootstrap/attempt"
	"lwbs/bootstrap/coap/exchange"
	"lwbs/bootstrap/coap/udp"
)

// maxTries is how many of the associations silent for longest are looked at for one that is idle.
const maxTries = 8

// minSilence is how long an association must have been silent before it makes room for another: in
// a storm, devices that just arrived do not evict each other.
const minSilence = 2 * time.Second

// noteRecord notes an authentic record of the peer of a, and follows the peer to its address if the
// record is the newest. Only a request keeps an association from being idle: a peer can send
// anything else for ever.
func (m *mux) noteRecord(a *association, from udp.Peer, newest, asks bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if a.ended {
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

// noteRequest notes that the peer of a has made a request.
func (m *mux) noteRequest(a *association) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if a.requestTimer != nil {
		a.requestTimer.Stop()
		a.requestTimer = nil
		m.persister.persistLater(a)
	}
}

// closed ends a for good, and reports it if its peer has never made a request. Its conn handles what
// has come before.
func (m *mux) closed(a *association) {
	var c *exchange.Conn
	var unasked bool
	holding(&m.mu, func() { c, unasked = a.conn, m.remove(a) })
	if c != nil {
		c.HangUp()
	}
	if unasked {
		a.reportNoRequest(attempt.UnusedClosed)
	}
}

// remove takes a out of where it is found, and reports whether its peer has never made a
// request, the first time. The caller holds mu.
func (m *mux) remove(a *association) (unasked bool) {
	if a.ended {
		return false
	}
	a.ended = true
	m.persister.forget(a)
	m.vacate(a)
	if m.cids[a.cid].association == a {
		delete(m.cids, a.cid)
	}
	m.listOf(a).Remove(a.place)
	if !a.hibernates {
		m.leavePeer(a)
	}
	m.removeSibling(a)
	if a.requestTimer == nil {
		return false
	}
	a.requestTimer.Stop()
	a.requestTimer = nil
	return true
}

// listOf is the list that a is in. The caller holds mu.
func (m *mux) listOf(a *association) *list.List {
	if a.hibernates {
		return m.hibernating
	}
	return m.active
}

// reportNoRequest reports an association without a request, unless the listener ends.
func (a *association) reportNoRequest(end attempt.UnusedEnd) {
	if report := a.mux.cfg.DTLS.NoRequest; report != nil && !a.mux.tasks.Ending() {
		report(a.peerInfo(), a.since, end)
	}
}

// requestTimedOut reports an association whose peer has made no request in time, and hibernates it.
func (m *mux) requestTimedOut(a *association) {
	m.mu.Lock()
	due := a.requestTimer != nil
	a.requestTimer = nil
	m.mu.Unlock()
	if due {
		a.reportNoRequest(attempt.UnusedInTime)
		m.hibernateIfIdle(a)
	}
}

// room reports whether one more association may be active, and which one has to hibernate for that;
// nil for none. It is the idle one silent for longest. The caller holds mu.
func (m *mux) room(now time.Time) (idle *association, ok bool) {
	if m.active.Len() < m.cfg.MaxPeers {
		return nil, true
	}
	tries := maxTries
	for e := m.active.Back(); e != nil && tries > 0; e = e.Prev() {
		a := e.Value.(*association)
		if now.Sub(a.heard) < minSilence {
			break // those that follow were heard later
		}
		if a.conn == nil || a.conn.Idle() {
			return a, true
		}
		tries--
	}
	return nil, false
}

// makeRoom makes room for one more active association, and reports whether there is room. The caller
// holds mu, and calls after without it.
func (m *mux) makeRoom(now time.Time) (after []func(), ok bool) {
	idle, ok := m.room(now)
	if !ok || idle == nil {
		return nil, ok
	}
	if c := idle.conn; c != nil {
		if !c.Retire() {
			return nil, false
		}
		after = append(after, c.Finish)
	}
	return append(after, m.hibernateLocked(idle)...), true
}

// maxPerPeer is the default of [Options.MaxPerPeer].
const maxPerPeer = 8

// joinPeer enters a, which is active, beside those of the same peer. The caller holds mu.
func (m *mux) joinPeer(a *association) { m.peers[a.name] = append(m.peers[a.name], a) }

// leavePeer takes a, which is not active any more, out of those of its peer. The caller holds mu.
// An association is a DTLS association of a listener whose handshake is complete. It is
func (m *mux) leavePeer(a *association) {
	left := slices.DeleteFunc(m.peers[a.name], func(other *association) bool { return other == a })
	if len(left) == 0 {
		delete(m.peers, a.name)
		return
	}
	m.peers[a.name] = left
}

// makeRoomOf makes room for one more active association of the peer of a, so that one key, also a
// stolen one, cannot take the places of all others. The one that made no request for longest
// hibernates, or ends where none is idle. The caller holds mu, and calls after without it.
func (m *mux) makeRoomOf(a *association) (after []func()) {
	for len(m.peers[a.name]) >= m.cfg.DTLS.MaxPerPeer {
		m.meter.Crowded.Add(1)
		all := slices.SortedFunc(slices.Values(m.peers[a.name]), func(a, b *association) int { return a.heard.Compare(b.heard) })
		i := slices.IndexFunc(all, func(o *association) bool { return o.conn == nil || o.conn.Retire() })
		if i < 0 {
			after = append(after, m.end(all[0], true)...)
			continue
		}
		if c := all[i].conn; c != nil {
			after = append(after, c.Finish)
		}
		after = append(after, m.hibernateLocked(all[i])...)
	}
	return after
}
