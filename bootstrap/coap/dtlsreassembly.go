package coap

import (
	"container/list"
	"net/netip"
	"time"
)

// How many ClientHellos in fragments are put together at a time, and how many bytes they
// have with what is needed to keep each: those whose cookie has come back, and those whose
// later part came before that. Of each a network may have a share.
const (
	maxProvedPartials = 1024
	maxProvedBytes    = 1 << 20
	maxEarlyPartials  = 256
	maxEarlyBytes     = 128 << 10
	partialShare      = 8
	partialOverhead   = 512
)

const (
	// provedPatience is how long a part waits for the next where the cookie is back: the
	// client repeats all of them after a second, or after 9 s (RFC 7925 §11).
	provedPatience = 30 * time.Second

	// earlyPatience is the same without a cookie: datagrams do not overtake each other by
	// more.
	earlyPatience = 2 * time.Second
)

// A reassembler puts second ClientHellos together that come in fragments, as a client with
// a small MTU sends them. What has a cookie that was sent is kept apart from what has none
// yet, which anybody can forge; at a limit the oldest goes. Not for concurrent use.
type reassembler struct {
	// good reports whether a peer was sent the cookie in the beginning of its ClientHello.
	good func(peer udpPeer, h hello, now time.Time) bool

	proved, early *shelf
}

func newReassembler(good func(udpPeer, hello, time.Time) bool) *reassembler {
	return &reassembler{
		good:   good,
		proved: newShelf(provedPatience, maxProvedPartials, maxProvedBytes),
		early:  newShelf(earlyPatience, maxEarlyPartials, maxEarlyBytes),
	}
}

// take adds the parts of a ClientHello in a datagram, and returns the whole as one datagram
// once nothing of it is missing; nil where something is, and then why it is dropped if it
// is.
func (r *reassembler) take(peer udpPeer, datagram []byte, now time.Time) (whole []byte, why DropReason) {
	r.proved.forget(now)
	r.early.forget(now)
	why = DropOutOfPlace
	for _, part := range secondHelloParts(datagram) {
		h := part.hello()
		proved := len(h.cookie) > 0
		if proved && !r.good(peer, h, now) {
			continue
		}
		p := r.partialOf(peer, h, part.length(), now)
		if !p.put(part, proved) {
			why = DropQueueFull
			continue
		}
		why = notDropped
		if whole = r.complete(p, now); whole != nil {
			return whole, notDropped
		}
	}
	return nil, why
}

// partialOf returns what a part belongs to that begins with h if with anything, and how
// long that is in all; it is new where the part is the first to come.
func (r *reassembler) partialOf(peer udpPeer, h hello, length int, now time.Time) *partial {
	p := r.proved.find(peer, length)
	if p != nil && (!h.start || p.beginning().random == h.random) {
		r.proved.touch(p, now)
		return p
	}
	if p = r.early.find(peer, length); p == nil {
		p = &partial{peer: peer, net: networkOf(peer.remote.Addr()), body: make([]byte, length)}
		r.early.add(p)
	}
	r.early.touch(p, now)
	return p
}

// complete takes note that p has grown. It returns the whole where nothing is missing and
// the cookie is good.
func (r *reassembler) complete(p *partial, now time.Time) []byte {
	if r.proved.find(p.peer, len(p.body)) != p {
		h := p.beginning()
		if len(h.cookie) == 0 || !r.good(p.peer, h, now) {
			return nil
		}
		p.firm = max(p.firm, p.endOf(h.cookie))
		r.early.remove(p)
		r.proved.add(p)
	}
	whole, ok := p.whole()
	if !ok {
		return nil
	}
	if _, ok = parseOffer(whole); !ok { // something forged is in it
		p.have = spans{{0, p.firm}}
		return nil
	}
	r.proved.remove(p)
	return whole
}

// A shelf keeps partials within limits. At one of them the oldest goes, of its own network
// where that has its share.
type shelf struct {
	patience time.Duration
	most     load // in all
	share    load // of one network

	all    load
	order  list.List // of *partial, the one longest without a new part first
	byKey  map[partialKey]*list.Element
	perNet map[netip.Prefix]load // no zeros
}

// A partialKey tells partials of one shelf apart.
type partialKey struct {
	peer   udpPeer
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

func newShelf(patience time.Duration, count, bytes int) *shelf {
	return &shelf{
		patience: patience,
		most:     load{count, bytes},
		share:    load{count / partialShare, bytes / partialShare},
		byKey:    make(map[partialKey]*list.Element),
		perNet:   make(map[netip.Prefix]load),
	}
}

// find returns the partial of a peer that is as long as this when complete; nil where there
// is none.
func (s *shelf) find(peer udpPeer, length int) *partial {
	if e := s.byKey[partialKey{peer, length}]; e != nil {
		return e.Value.(*partial)
	}
	return nil
}

// add keeps p, in the place of an older one of the same key.
func (s *shelf) add(p *partial) {
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
func (s *shelf) touch(p *partial, now time.Time) {
	p.came = now
	if e := s.byKey[p.key()]; e != nil {
		s.order.MoveToBack(e)
	}
}

// oldest returns the first that matches, of which there is one.
func (s *shelf) oldest(match func(*partial) bool) *partial {
	for e := s.order.Front(); ; e = e.Next() {
		if p := e.Value.(*partial); match(p) {
			return p
		}
	}
}

// remove forgets p, if it is here.
func (s *shelf) remove(p *partial) {
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

// forget removes those that have waited for too long.
func (s *shelf) forget(now time.Time) {
	for e := s.order.Front(); e != nil && now.Sub(e.Value.(*partial).came) > s.patience; e = s.order.Front() {
		s.remove(e.Value.(*partial))
	}
}
