package coap

import (
	"container/list"
	"net/netip"
	"time"
)

// roundTrip is how long a peer may take to return the cookie before it has to make
// room for another, where room is short: a peer whose address is forged never does. It
// also bounds how much work forged datagrams can make.
const roundTrip = 2 * time.Second

// askingShare is which part of all handshakes may be asking. Hardly a device is: only
// those that send their ClientHello in fragments.
const askingShare = 8

// An admission decides which peers may start a handshake. It bounds the handshakes under
// way, in all and for each network.
//
// A peer is asking until it has proved its address, by returning a cookie; then it is
// proving its key; then it is settled. Only one that is asking ever has to make room
// for another: forged datagrams can make any number of those, and nothing else. Not
// for concurrent use.
type admission struct {
	maxHandshakes int
	maxPerNet     int
	maxAsking     int

	handshakes int
	perNet     map[netip.Prefix]int // handshakes; no zeros
	asking     list.List            // of *ticket, the oldest first
}

// A ticket stands for one admitted peer.
type ticket struct {
	net     netip.Prefix
	since   time.Time
	evict   func()
	asking  *list.Element // nil once the address is proved
	settled bool
}

// mayGo reports whether the peer had time enough to return the cookie.
func (t *ticket) mayGo(now time.Time, enough time.Duration) bool { return now.Sub(t.since) >= enough }

func newAdmission(cfg Config) *admission {
	return &admission{
		maxHandshakes: cfg.DTLS.MaxHandshakes,
		maxPerNet:     cfg.DTLS.MaxHandshakesPerNet,
		maxAsking:     max(1, cfg.DTLS.MaxHandshakes/askingShare),
		perNet:        make(map[netip.Prefix]int),
	}
}

// enter admits a peer that begins a handshake now, or returns nil at a limit. To make
// room it may call the evict of another that is asking for patience or longer, which has
// then left.
func (ad *admission) enter(from netip.Addr, now time.Time, patience time.Duration, evict func()) *ticket {
	network := networkOf(from)
	room := ad.perNet[network] < ad.maxPerNet ||
		ad.makeRoom(now, patience, func(t *ticket) bool { return t.net == network })
	room = room && (ad.handshakes < ad.maxHandshakes ||
		ad.makeRoom(now, patience, func(*ticket) bool { return true }))
	if patience > 0 && ad.asking.Len() >= ad.maxAsking {
		room = room && ad.makeRoom(now, patience, func(*ticket) bool { return true })
	}
	if !room {
		return nil
	}
	t := &ticket{net: network, since: now, evict: evict}
	t.asking = ad.asking.PushBack(t)
	ad.handshakes++
	ad.perNet[network]++
	return t
}

// makeRoom evicts the oldest of those asking that match and had time enough to answer.
func (ad *admission) makeRoom(now time.Time, enough time.Duration, match func(*ticket) bool) bool {
	for e := ad.asking.Front(); e != nil; e = e.Next() {
		t := e.Value.(*ticket)
		if !t.mayGo(now, enough) {
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

// prove notes that the peer has proved its address.
func (ad *admission) prove(t *ticket) {
	if t.asking != nil {
		ad.asking.Remove(t.asking)
		t.asking = nil
	}
}

// settle notes that the handshake has ended, in whatever way. Only the first call for t
// does anything.
func (ad *admission) settle(t *ticket) {
	ad.prove(t)
	if t.settled {
		return
	}
	t.settled = true
	ad.handshakes--
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
