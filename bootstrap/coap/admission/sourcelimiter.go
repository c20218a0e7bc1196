package admission

import (
	"container/list"
	"net/netip"
	"sync"
	"time"

	"lwbs/bootstrap/coap/traffic"
)

const (
	// maxNets is how many networks are remembered, of those with a validated peer and of the
	// others each: about 3 MB at the most.
	maxNets = 16_384

	// resetRate is how many RST are sent to peers without an association in a second. They help
	// peers that were restarted, and could be used to flood a forged address.
	resetRate = 1000
)

// A SourceLimiter limits the rate of new peers, of each network and of all, before anything is
// allocated for them. Its methods may be called concurrently.
//
// Networks with a validated peer are remembered apart from the others and do not draw on the
// global token bucket: however many addresses an attacker forges, the networks that devices are
// known to come from stay open.
type SourceLimiter struct {
	mu          sync.Mutex
	limits      NewPeerLimits // guarded by mu, as all that follows
	global      tokenBucket
	resets      tokenBucket
	nets        map[netip.Prefix]*list.Element // of *network, in one of the two lists
	unvalidated *list.List                     // last heard first
	validated   *list.List                     // last heard first
}

// A network is what is remembered of one.
type network struct {
	prefix    netip.Prefix
	bucket    tokenBucket
	validated bool
}

// A Reservation is the tokens that a new peer took, so that they can be refunded.
type Reservation struct {
	net    netip.Prefix
	global bool // took one from the global bucket too
}

// NewSourceLimiter returns a SourceLimiter with full token buckets.
func NewSourceLimiter(limits NewPeerLimits) *SourceLimiter {
	now := time.Now()
	return &SourceLimiter{
		limits:      limits,
		global:      newTokenBucket(limits.Global, now),
		resets:      newTokenBucket(Rate{PerSecond: resetRate, Burst: resetRate}, now),
		nets:        make(map[netip.Prefix]*list.Element),
		unvalidated: list.New(),
		validated:   list.New(),
	}
}

// SetRates changes the rates of limits, whose fields must all be set, from the next new peer on. Tokens that a
// bucket has stay in it, up to the new burst.
func (s *SourceLimiter) SetRates(limits NewPeerLimits) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limits = limits
	s.global.setRate(limits.Global)
	for _, e := range s.nets {
		e.Value.(*network).bucket.setRate(limits.PerNet)
	}
}

// Reserve takes the tokens for a new peer at from, or returns the limit that it is beyond. A
// Reservation may be canceled or validated once.
func (s *SourceLimiter) Reserve(from netip.Addr, now time.Time) (Reservation, traffic.DropReason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := Reservation{net: SubscriberOf(from)}
	e := s.nets[r.net]
	if e == nil {
		if !s.global.take(now) {
			return r, traffic.DropGlobalRate // its network is not remembered
		}
		e = s.remember(network{prefix: r.net, bucket: newTokenBucket(s.limits.PerNet, now)})
		r.global = true
	}
	n := e.Value.(*network)
	s.listOf(n).MoveToFront(e)
	if !n.bucket.take(now) {
		return r, traffic.DropSourceRate
	}
	if !n.validated && !r.global {
		if !s.global.take(now) {
			n.bucket.refund()
			return r, traffic.DropGlobalRate
		}
		r.global = true
	}
	return r, traffic.NotDropped
}

// Cancel refunds the tokens of a peer that was turned away for another reason.
func (s *SourceLimiter) Cancel(r Reservation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refund(r)
}

// Validate refunds the tokens of a peer whose address is validated, and remembers its network.
func (s *SourceLimiter) Validate(r Reservation, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refund(r)
	n := network{prefix: r.net, bucket: newTokenBucket(s.limits.PerNet, now)}
	if e := s.nets[r.net]; e != nil {
		n = *e.Value.(*network)
		if n.validated {
			return
		}
		s.unvalidated.Remove(e)
	}
	n.validated = true
	s.remember(n)
}

// refund returns the tokens of r. The caller holds mu.
func (s *SourceLimiter) refund(r Reservation) {
	if e := s.nets[r.net]; e != nil { // else its bucket would be full again
		e.Value.(*network).bucket.refund()
	}
	if r.global {
		s.global.refund()
	}
}

// AllowReset reports whether one more RST may be sent to a peer without an association.
func (s *SourceLimiter) AllowReset(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.resets.take(now)
}

// remember adds n. Where there are too many it replaces the one heard of longest ago in its
// list. The caller holds mu.
func (s *SourceLimiter) remember(n network) *list.Element {
	l := s.listOf(&n)
	if l.Len() >= maxNets {
		oldest := l.Remove(l.Back()).(*network)
		delete(s.nets, oldest.prefix)
	}
	e := l.PushFront(&n)
	s.nets[n.prefix] = e
	return e
}

// listOf is the list for n. The caller holds mu.
func (s *SourceLimiter) listOf(n *network) *list.List {
	if n.validated {
		return s.validated
	}
	return s.unvalidated
}
