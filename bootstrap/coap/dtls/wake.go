package dtls

import (
	"time"

	"lwbs/bootstrap/coap/exchange"
	"lwbs/bootstrap/coap/traffic"
)

// attach makes c the conn of a, which is active from then on, and returns it; or another conn that
// was begun in the meantime, or why there is none.
func (m *mux) attach(a *association, c *exchange.Conn) (*exchange.Conn, traffic.DropReason) {
	var after []func()
	var use *exchange.Conn
	why := traffic.NotDropped
	holding(&m.mu, func() {
		if use = a.conn; use != nil {
			return
		}
		if after, why = m.wake(a, time.Now()); why == traffic.NotDropped {
			a.conn, use = c, c
		}
	})
	do(after)
	if use != c {
		c.Abandon()
	}
	return use, why
}

// wake makes a active, if it hibernates, or returns why it cannot be. The caller holds mu, and calls
// after without it.
func (m *mux) wake(a *association, now time.Time) (after []func(), why traffic.DropReason) {
	switch {
	case a.ended:
		return nil, traffic.DropEnding
	case !a.hibernates:
		return nil, traffic.NotDropped
	}
	m.hibernating.Remove(a.place) // first: an association that hibernates in its place must not evict it
	m.removeSibling(a)
	after = m.makeRoomOf(a)
	more, ok := m.makeRoom(now)
	if after = append(after, more...); !ok {
		a.place = m.hibernating.PushFront(a)
		a.sibling, m.hibernatingOf[a.name] = m.hibernatingOf[a.name], a
		return after, traffic.DropTableFull
	}
	a.place = m.active.PushFront(a)
	m.joinPeer(a)
	a.recheckDue = true
	a.mu.Lock()
	a.hibernates = false
	a.mu.Unlock()
	m.meter.Woken.Add(1)
	return after, traffic.NotDropped
}
