package coap

import "time"

// minSilence is how long an association must have been silent before it makes room for
// another: in a storm, devices that just arrived do not push each other out.
const minSilence = 2 * time.Second

// heard notes that something authentic came from the peer of a, and follows it where it
// has moved to.
func (m *mux) heard(a *association) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a.heard = time.Now()
	if a.place != nil {
		m.order.MoveToFront(a.place)
	}
	m.follow(a)
}

// opened notes the conn of a, which is what tells whether it has business.
func (m *mux) opened(a *association, c *conn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a.conn = c
}

// enlist counts a among those established. The caller holds mu.
func (m *mux) enlist(a *association) {
	a.heard = time.Now()
	a.place = m.order.PushFront(a)
}

// strike takes a out of those established, if it is one. The caller holds mu.
func (m *mux) strike(a *association) {
	if a.place != nil {
		m.order.Remove(a.place)
		a.place = nil
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
		if a.conn != nil && a.conn.resting() {
			return a, true
		}
		tries--
	}
	return nil, false
}
