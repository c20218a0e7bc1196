package admission

import (
	"container/list"
	"net/netip"
	"time"
)

// EvictableAfter is how long the peer of a handshake must have been silent before the handshake
// may be evicted for another. A client in a constrained network retransmits for the first time
// after 9 s (RFC 7925 §11), others after a second (RFC 6347 §4.2.4.1).
const EvictableAfter = 10 * time.Second

// A HandshakeLimiter bounds the handshakes under way, in all and for each network. At a limit
// the handshake whose peer is silent for longest is evicted, if that is for [EvictableAfter] or
// longer: an attacker that begins handshakes and abandons them keeps others out for no longer.
// Not for concurrent use.
type HandshakeLimiter struct {
	maxHandshakes int
	maxPerNet     int

	perNet map[netip.Prefix]int // handshakes; no zeros
	order  list.List            // of *Admission, the one silent for longest first
}

// An Admission stands for one admitted handshake.
type Admission struct {
	network netip.Prefix
	heard   time.Time
	evict   func()
	element *list.Element // nil once the handshake has ended
}

// NewHandshakeLimiter returns a HandshakeLimiter that has admitted none.
func NewHandshakeLimiter(maxHandshakes, maxPerNet int) *HandshakeLimiter {
	return &HandshakeLimiter{
		maxHandshakes: maxHandshakes,
		maxPerNet:     maxPerNet,
		perNet:        make(map[netip.Prefix]int),
	}
}

// Len is how many handshakes are under way.
func (l *HandshakeLimiter) Len() int { return l.order.Len() }

// Admit admits a handshake with a peer at from, or returns nil at a limit. To make room it may
// release another handshake and call the evict of that.
func (l *HandshakeLimiter) Admit(from netip.Addr, now time.Time, evict func()) *Admission {
	network := NetworkOf(from)
	room := l.perNet[network] < l.maxPerNet ||
		l.makeRoom(now, func(a *Admission) bool { return a.network == network })
	room = room && (l.Len() < l.maxHandshakes ||
		l.makeRoom(now, func(*Admission) bool { return true }))
	if !room {
		return nil
	}
	a := &Admission{network: network, heard: now, evict: evict}
	a.element = l.order.PushBack(a)
	l.perNet[network]++
	return a
}

// makeRoom evicts the handshake silent for longest of those that match, and reports whether
// there was one to evict.
func (l *HandshakeLimiter) makeRoom(now time.Time, match func(*Admission) bool) bool {
	for e := l.order.Front(); e != nil; e = e.Next() {
		a := e.Value.(*Admission)
		if now.Sub(a.heard) < EvictableAfter {
			return false // those that follow were heard later
		}
		if match(a) {
			l.Release(a)
			a.evict()
			return true
		}
	}
	return false
}

// Heard notes that a datagram came from the peer.
func (l *HandshakeLimiter) Heard(a *Admission, now time.Time) {
	a.heard = now
	if a.element != nil {
		l.order.MoveToBack(a.element)
	}
}

// NextEviction is when the handshake silent for longest may be evicted; ok is false where there
// is no handshake.
func (l *HandshakeLimiter) NextEviction() (at time.Time, ok bool) {
	e := l.order.Front()
	if e == nil {
		return time.Time{}, false
	}
	return e.Value.(*Admission).heard.Add(EvictableAfter), true
}

// Release notes that the handshake has ended, in whatever way. Only the first call for a
// does anything.
func (l *HandshakeLimiter) Release(a *Admission) {
	if a.element == nil {
		return
	}
	l.order.Remove(a.element)
	a.element = nil
	if l.perNet[a.network]--; l.perNet[a.network] == 0 {
		delete(l.perNet, a.network)
	}
}
