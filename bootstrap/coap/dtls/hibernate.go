package dtls

import (
	"time"

	"lwbs/bootstrap/coap/exchange"
)

// maxSiblings is how many associations of one peer hibernate at a time: a device that lost its own
// makes a new one, and does not use the one before.
const maxSiblings = 2

// Hibernate implements [exchange.Hibernator].
func (a *association) Hibernate(c *exchange.Conn) bool {
	m := a.mux
	var ok bool
	var after []func()
	holding(&m.mu, func() {
		if ok = c.Retire(); ok && a.conn == c {
			after = m.hibernateLocked(a)
		}
	})
	if ok {
		c.Finish()
	}
	do(after)
	return ok
}

// hibernateIfIdle hibernates an association if it is idle.
func (m *mux) hibernateIfIdle(a *association) {
	var c *exchange.Conn
	var after []func()
	holding(&m.mu, func() {
		if c = a.conn; c == nil && !a.ended && !a.hibernates {
			after = m.hibernateLocked(a)
		}
	})
	do(after)
	if c != nil {
		c.EndIdle() // or it hibernates later, when idle
	}
}

// hibernateLocked hibernates a, whose conn has ended, or ends it where no association may hibernate.
// Others are evicted where there are too many. The caller holds mu, and calls after without it.
func (m *mux) hibernateLocked(a *association) (after []func()) {
	a.leave(time.Now())
	if a.ended || m.cfg.DTLS.MaxHibernated < 0 {
		return m.end(a, true)
	}
	m.active.Remove(a.place)
	m.leavePeer(a)
	a.place = m.hibernating.PushFront(a)
	a.credential = a.credential.folded()
	a.mu.Lock()
	a.hibernates, a.flight = true, nil
	a.layer.Release()
	a.mu.Unlock()
	m.persister.persistSoon(a)

	a.sibling = m.hibernatingOf[a.name]
	m.hibernatingOf[a.name] = a
	oldest, n := a, 1
	for oldest.sibling != nil {
		oldest = oldest.sibling
		n++
	}
	if n > maxSiblings {
		after = m.evict(oldest)
	}
	if m.hibernating.Len() > m.cfg.DTLS.MaxHibernated {
		after = append(after, m.evict(m.hibernating.Back().Value.(*association))...)
	}
	return after
}

// leave takes the conn from a, and keeps what it remembers. The caller holds mu of the mux.
func (a *association) leave(now time.Time) {
	if a.conn != nil {
		a.memory = a.conn.Memory(now)
	}
	a.conn = nil
}

// evict ends a in favour of another. The peer is not told, as a sleeping device would not hear it. The
// caller holds mu, and calls after without it.
func (m *mux) evict(a *association) (after []func()) {
	m.meter.Evicted.Add(1)
	return m.end(a, false)
}

// removeSibling takes a out of the hibernating associations of its peer. The caller holds mu.
func (m *mux) removeSibling(a *association) {
	first := m.hibernatingOf[a.name]
	for at := &first; *at != nil; at = &(*at).sibling {
		if *at == a {
			*at, a.sibling = a.sibling, nil
			break
		}
	}
	if first == nil {
		delete(m.hibernatingOf, a.name)
		return
	}
	m.hibernatingOf[a.name] = first
}

// outlives reports whether the listener ends and its associations are to go on after a restart.
func (m *mux) outlives() bool { return m.persister != nil && m.tasks.Ending() }

// hibernateAll hibernates all associations as the listener ends, whatever the limits: what is on
// disk counts.
func (m *mux) hibernateAll() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for m.active.Len() > 0 {
		a := m.active.Remove(m.active.Front()).(*association)
		a.leave(time.Now())
		if a.requestTimer != nil {
			a.requestTimer.Stop()
			a.requestTimer = nil
		}
		a.place = m.hibernating.PushFront(a)
		a.mu.Lock()
		a.hibernates, a.muted = true, true
		a.mu.Unlock()
		m.persister.persistSoon(a)
	}
}
