package hello

import (
	"container/list"
	"net/netip"
	"time"

	"lwbs/bootstrap/coap/admission"
	"lwbs/bootstrap/coap/traffic"
	"lwbs/bootstrap/coap/udp"
)

// How many ClientHellos in fragments are put together at a time, and how many bytes they
// have with what is needed to keep each: those whose cookie has come back, and those whose
// later part came before that. Of each a network may have a share.
const (
	maxValidatedPartials   = 1024
	MaxValidatedBytes      = 1 << 20
	maxUnvalidatedPartials = 256
	MaxUnvalidatedBytes    = 128 << 10
	partialShare           = 8
	partialOverhead        = 512
)

const (
	// validatedPatience is how long a part waits for the next where the cookie is back: the
	// client repeats all of them after a second, or after 9 s (RFC 7925 §11).
	validatedPatience = 30 * time.Second

	// unvalidatedPatience is the same without a cookie: datagrams do not overtake each other by
	// more.
	unvalidatedPatience = 2 * time.Second
)

// A Reassembler puts second ClientHellos together that come in fragments, as a client with
// a small MTU sends them. What has a cookie that was sent is kept apart from what has none
// yet, which can be forged; at a limit the oldest is dropped. Not for concurrent use.
type Reassembler struct {
	// good reports whether a peer was sent the cookie in the beginning of its ClientHello.
	good func(peer udp.Peer, h Hello, now time.Time) bool

	validated, unvalidated *partialStore
}

// NewReassembler returns an empty Reassembler. good reports whether a peer was sent the cookie in
// the beginning of its ClientHello.
func NewReassembler(good func(udp.Peer, Hello, time.Time) bool) *Reassembler {
	return &Reassembler{
		good:        good,
		validated:   newPartialStore(validatedPatience, maxValidatedPartials, MaxValidatedBytes),
		unvalidated: newPartialStore(unvalidatedPatience, maxUnvalidatedPartials, MaxUnvalidatedBytes),
	}
}

// Take adds the parts of a ClientHello in a datagram, and returns the whole as one datagram
// once nothing of it is missing; nil where something is, and then why it is dropped if it
// is.
func (r *Reassembler) Take(peer udp.Peer, datagram []byte, now time.Time) (whole []byte, why traffic.DropReason) {
	r.validated.dropExpired(now)
	r.unvalidated.dropExpired(now)
	why = traffic.DropOutOfPlace
	for _, part := range secondHelloParts(datagram) {
		h := part.hello()
		validated := len(h.Cookie) > 0
		if validated && !r.good(peer, h, now) {
			continue
		}
		p := r.partialOf(peer, h, part.length(), now)
		if !p.put(part, validated) {
			why = traffic.DropQueueFull
			continue
		}
		why = traffic.NotDropped
		if whole = r.complete(p, now); whole != nil {
			return whole, traffic.NotDropped
		}
	}
	return nil, why
}

// partialOf returns what a part belongs to that begins with h if with anything, and how
// long that is in all; it is new where the part is the first to come.
func (r *Reassembler) partialOf(peer udp.Peer, h Hello, length int, now time.Time) *partial {
	p := r.validated.find(peer, length)
	if p != nil && (!h.Start || p.beginning().Random == h.Random) {
		r.validated.touch(p, now)
		return p
	}
	if p = r.unvalidated.find(peer, length); p == nil {
		p = &partial{peer: peer, net: admission.NetworkOf(peer.Remote.Addr()), body: make([]byte, length)}
		r.unvalidated.add(p)
	}
	r.unvalidated.touch(p, now)
	return p
}

// complete takes note that p has grown. It returns the whole where nothing is missing and
// the cookie is good.
func (r *Reassembler) complete(p *partial, now time.Time) []byte {
	if r.validated.find(p.peer, len(p.body)) != p {
		h := p.beginning()
		if len(h.Cookie) == 0 || !r.good(p.peer, h, now) {
			return nil
		}
		p.trusted = max(p.trusted, p.endOf(h.Cookie))
		r.unvalidated.remove(p)
		r.validated.add(p)
	}
	whole, ok := p.whole()
	if !ok {
		return nil
	}
	if _, ok = ParseOffer(whole); !ok { // something forged is in it
		p.have = spans{{0, p.trusted}}
		return nil
	}
	r.validated.remove(p)
	return whole
}

// A partialStore keeps partials within limits. At one of them the oldest goes, of its own network
// where that has its share.
type partialStore struct {
	patience time.Duration
	most     load // in all
	share    load // of one network

	all    load
	order  list.List // of *partial, the one longest without a new part first
	byKey  map[partialKey]*list.Element
	perNet map[netip.Prefix]load // no zeros
}

// A partialKey is unique among the partials of one store.
type partialKey struct {
	peer   udp.Peer
	length int
}

// A load is how much there is of partials.
type load struct{ count, bytes int }

func (l load) plus(o load) load   { return load{l.count + o.count, l.bytes + o.bytes} }
func (l load) minus(o load) load  { return load{l.count - o.count, l.bytes - o.bytes} }
func (l load) within(o load) bool { return l.count <= o.count && l.bytes <= o.bytes }

// load is what p takes.
func (p *partial) load() load { return load{1, len(p.body) + partialOverhead} }

func (p *partial) key() partialKey { return partialKey{p.peer, len(p.body)} }

func newPartialStore(patience time.Duration, count, bytes int) *partialStore {
	return &partialStore{
		patience: patience,
		most:     load{count, bytes},
		share:    load{count / partialShare, bytes / partialShare},
		byKey:    make(map[partialKey]*list.Element),
		perNet:   make(map[netip.Prefix]load),
	}
}

// find returns the partial of a peer that is as long as this when complete; nil where there
// is none.
func (s *partialStore) find(peer udp.Peer, length int) *partial {
	if e := s.byKey[partialKey{peer, length}]; e != nil {
		return e.Value.(*partial)
	}
	return nil
}

// add keeps p, in the place of an older one of the same key.
func (s *partialStore) add(p *partial) {
	if e := s.byKey[p.key()]; e != nil {
		s.remove(e.Value.(*partial))
	}
	for !s.perNet[p.net].plus(p.load()).within(s.share) {
		s.remove(s.oldest(func(o *partial) bool { return o.net == p.net }))
	}
	for !s.all.plus(p.load()).within(s.most) {
		s.remove(s.oldest(func(*partial) bool { return true }))
	}
	s.byKey[p.key()] = s.order.PushBack(p)
	s.all = s.all.plus(p.load())
	s.perNet[p.net] = s.perNet[p.net].plus(p.load())
}

// touch notes that a part of p came.
func (s *partialStore) touch(p *partial, now time.Time) {
	p.came = now
	if e := s.byKey[p.key()]; e != nil {
		s.order.MoveToBack(e)
	}
}

// oldest returns the first that matches, of which there is one.
func (s *partialStore) oldest(match func(*partial) bool) *partial {
	for e := s.order.Front(); ; e = e.Next() {
		if p := e.Value.(*partial); match(p) {
			return p
		}
	}
}

// remove forgets p, if it is here.
func (s *partialStore) remove(p *partial) {
	e := s.byKey[p.key()]
	if e == nil || e.Value.(*partial) != p {
		return
	}
	s.order.Remove(e)
	delete(s.byKey, p.key())
	s.all = s.all.minus(p.load())
	left := s.perNet[p.net].minus(p.load())
	if left == (load{}) {
		delete(s.perNet, p.net)
		return
	}
	s.perNet[p.net] = left
}

// dropExpired removes those that have waited for too long.
func (s *partialStore) dropExpired(now time.Time) {
	for e := s.order.Front(); e != nil && now.Sub(e.Value.(*partial).came) > s.patience; e = s.order.Front() {
		s.remove(e.Value.(*partial))
	}
}
