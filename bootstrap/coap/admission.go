package coap

import (
	"container/list"
	"net/netip"
	"time"
)

// givesWayAfter is how long a handshake must have heard nothing of its peer before it makes
// room for another, where room is short. A client in a constrained network repeats itself
// for the first time after 9 s (RFC 7925 §11); others after a second (RFC 6347 §4.2.4.1).
const givesWayAfter = 10 * time.Second

// An admission decides which peers may start a handshake, of those that have returned
// their cookie. It bounds the handshakes under way, in all and for each network. At a limit
// the one whose peer is silent for longest makes room, if it is for long enough: whoever
// takes handshakes and lets them lie keeps others out for no longer. Not for concurrent
// use.
type admission struct {
	maxHandshakes int
	maxPerNet     int

	perNet map[netip.Prefix]int // handshakes; no zeros
	order  list.List            // of *ticket, the one silent for longest first
}

// A ticket stands for one admitted peer.
type ticket struct {
	net   netip.Prefix
	heard time.Time
	evict func()
	place *list.Element // nil once the handshake has ended
}

func newAdmission(cfg Config) *admission {
	return &admission{
		maxHandshakes: cfg.DTLS.MaxHandshakes,
		maxPerNet:     cfg.DTLS.MaxHandshakesPerNet,
		perNet:        make(map[netip.Prefix]int),
	}
}

// handshakes is how many are under way.
func (ad *admission) handshakes() int { return ad.order.Len() }

// enter admits a peer that begins a handshake now, or returns nil at a limit. To make room
// it may call the evict of another, which has then left.
func (ad *admission) enter(from netip.Addr, now time.Time, evict func()) *ticket {
	network := networkOf(from)
	room := ad.perNet[network] < ad.maxPerNet ||
		ad.makeRoom(now, func(t *ticket) bool { return t.net == network })
	room = room && (ad.handshakes() < ad.maxHandshakes ||
		ad.makeRoom(now, func(*ticket) bool { return true }))
	if !room {
		return nil
	}
	t := &ticket{net: network, heard: now, evict: evict}
	t.place = ad.order.PushBack(t)
	ad.perNet[network]++
	return t
}

// makeRoom evicts the one silent for longest of those that match.
func (ad *admission) makeRoom(now time.Time, match func(*ticket) bool) bool {
	for e := ad.order.Front(); e != nil; e = e.Next() {
		t := e.Value.(*ticket)
		if now.Sub(t.heard) < givesWayAfter {
			return false // and so it is with all that follow
		}
		if match(t) {
			ad.settle(t)
			t.evict()
			return true
		}
	}
	return false
}

// hear notes that something came from the peer.
func (ad *admission) hear(t *ticket, now time.Time) {
	t.heard = now
	if t.place != nil {
		ad.order.MoveToBack(t.place)
	}
}

// nextToGo is when the first handshake will be silent for so long that it gives way; ok is
// false where there is none.
func (ad *admission) nextToGo() (at time.Time, ok bool) {
	e := ad.order.Front()
	if e == nil {
		return time.Time{}, false
	}
	return e.Value.(*ticket).heard.Add(givesWayAfter), true
}

// settle notes that the handshake has ended, in whatever way. Only the first call for t
// does anything.
func (ad *admission) settle(t *ticket) {
	if t.place == nil {
		return
	}
	ad.order.Remove(t.place)
	t.place = nil
	if ad.perNet[t.net]--; ad.perNet[t.net] == 0 {
		delete(ad.perNet, t.net)
	}
}

// networkOf is the part of an address that is usually in one hand.
func networkOf(a netip.Addr) netip.Prefix { return prefixOf(a, 48) }

// prefixOf is the /24 of an IPv4 address, and as many bits as are given of an IPv6 one.
func prefixOf(a netip.Addr, bits int) netip.Prefix {
	a = a.Unmap().WithZone("")
	if a.Is4() {
		bits = 24
	}
	p, _ := a.Prefix(bits) // an error only for the zero Addr
	return p
}
