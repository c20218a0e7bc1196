package coap

import (
	"net/netip"
	"sync"
	"time"

	"lwbs/bootstrap"
)

const (
	// unknownPause is how often is told of records that no association opens.
	unknownPause = 2 * time.Second

	// unknownSpan is how far apart two records must be for that. A client that has lost
	// nothing may be heard for a moment after the end of its association, as datagrams
	// overtake each other; one whose association is gone repeats its request, after 2 s at
	// first (RFC 7252 §4.2).
	unknownSpan = time.Second

	// unknownSilence is when an address is forgotten that nothing more came from: longer than
	// the longest pause between two transmissions of a request, 48 s, with the usual times.
	unknownSilence = time.Minute

	// maxUnknown is how many addresses are watched at a time, and maxUnknownPerNet those of
	// one network.
	maxUnknown       = 4096
	maxUnknownPerNet = 1024
)

// unknowns gathers records that no association opens, by the addresses that devices are
// known to have had: the client goes on with an association that the server does not have any
// more. Nothing of it is proved, and what is kept is bounded. Its methods may be called
// concurrently.
type unknowns struct {
	hub *hub

	mu   sync.Mutex
	seen map[netip.AddrPort]*unknown // guarded by mu
	nets map[netip.Prefix]int        // guarded by mu; how many of seen
}

// An unknown is what came from one address.
type unknown struct {
	first, last time.Time
	count       int // since it was last told of
	foreign     bool
}

func newUnknowns(h *hub) *unknowns {
	return &unknowns{hub: h, seen: make(map[netip.AddrPort]*unknown), nets: make(map[netip.Prefix]int)}
}

// note gathers a datagram for which there is no association. What is visibly no application
// data, such as close_notify said once more, means nothing.
func (u *unknowns) note(peer udpPeer, d digest, b []byte) {
	cfg := u.hub.cfg.DTLS
	if cfg.UnknownAssociation == nil || b[0] != applicationData && b[0] != cidRecord {
		return
	}
	from, now := peer.remote, time.Now()
	u.mu.Lock()
	defer u.mu.Unlock()
	s := u.seen[from]
	if s == nil {
		network := networkOf(from.Addr())
		if len(u.seen) >= maxUnknown || u.nets[network] >= maxUnknownPerNet || !cfg.KnownAddress(from) {
			return // the drop is counted
		}
		if len(u.seen) == 0 {
			u.schedule()
		}
		u.nets[network]++
		s = &unknown{first: now}
		u.seen[from] = s
	}
	s.last = now
	s.count++
	s.foreign = d.cid != nil && d.cid[0] != cfg.ReplicaID
}

// schedule lets be told of what was gathered in a while.
func (u *unknowns) schedule() {
	time.AfterFunc(unknownPause, func() { u.hub.spawn(u.tell) })
}

// tell tells of what was gathered, and forgets addresses that have become silent.
func (u *unknowns) tell() {
	for _, one := range u.gathered(time.Now()) {
		u.hub.cfg.DTLS.UnknownAssociation(one)
	}
}

// gathered returns what is to be told now.
func (u *unknowns) gathered(now time.Time) (out []bootstrap.UnknownAssociation) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for from, s := range u.seen {
		if s.count > 0 && s.last.Sub(s.first) >= unknownSpan {
			out = append(out, bootstrap.UnknownAssociation{Remote: from.String(), Started: s.first, Count: s.count, OtherReplica: s.foreign})
			s.count = 0
		}
		if now.Sub(s.last) >= unknownSilence {
			u.forget(from)
		}
	}
	if len(u.seen) > 0 {
		u.schedule()
	}
	return out
}

// forget forgets an address. The caller holds mu.
func (u *unknowns) forget(from netip.AddrPort) {
	delete(u.seen, from)
	network := networkOf(from.Addr())
	if u.nets[network]--; u.nets[network] == 0 {
		delete(u.nets, network)
	}
}
