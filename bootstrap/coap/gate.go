package coap

import (
	"container/list"
	"net/netip"
	"sync"
	"time"
)

const (
	// maxNets is how many networks a gate remembers, of those with a proved peer and of
	// the others each: about 3 MB at the most.
	maxNets = 16_384

	// rejectionRate bounds how many RST are sent to strangers in a second: a courtesy
	// to peers that were restarted, and of no use against a forger.
	rejectionRate = 1000
)

// A gate decides which strangers are attended to, before anything is allocated for
// them. Its methods may be called concurrently.
//
// Networks from which a peer has proved to be real are remembered apart from the others
// and do not draw on the global bucket: however many addresses somebody forges, those
// that devices are known to come from stay open.
type gate struct {
	limits StrangerLimits

	mu         sync.Mutex
	global     bucket
	rejections bucket
	nets       map[netip.Prefix]*list.Element // of *network, in one of the lists
	unproved   *list.List                     // last heard first
	proved     *list.List                     // last heard first
}

// A network is what a gate knows of one.
type network struct {
	prefix netip.Prefix
	bucket bucket
	proved bool
}

// A toll is what a stranger took to enter, so that it can be given back.
type toll struct {
	net    netip.Prefix
	global bool // from the global bucket too
}

func newGate(limits StrangerLimits) *gate {
	now := time.Now()
	return &gate{
		limits:     limits,
		global:     fullBucket(limits.Global, now),
		rejections: fullBucket(Rate{PerSecond: rejectionRate, Burst: rejectionRate}, now),
		nets:       make(map[netip.Prefix]*list.Element),
		unproved:   list.New(),
		proved:     list.New(),
	}
}

// enter decides whether something may be allocated for a stranger at from, and returns
// why not. A stranger who entered leaves or proves to be real at most once.
func (g *gate) enter(from netip.Addr, now time.Time) (toll, DropReason) {
	g.mu.Lock()
	defer g.mu.Unlock()
	t := toll{net: sourceNet(from)}
	e := g.nets[t.net]
	if e == nil {
		if !g.global.take(now) {
			return t, DropGlobalRate // nothing is remembered of it
		}
		e = g.remember(network{prefix: t.net, bucket: fullBucket(g.limits.PerNet, now)})
		t.global = true
	}
	n := e.Value.(*network)
	g.listOf(n).MoveToFront(e)
	if !n.bucket.take(now) {
		return t, DropSourceRate
	}
	if !n.proved && !t.global {
		if !g.global.take(now) {
			n.bucket.giveBack()
			return t, DropGlobalRate
		}
		t.global = true
	}
	return t, notDropped
}

// leave gives back what a stranger took who came to nothing through no fault of its own.
func (g *gate) leave(t toll) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.giveBack(t)
}

// prove gives back what a stranger took who proved to be real, and remembers where it is.
func (g *gate) prove(t toll, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.giveBack(t)
	n := network{prefix: t.net, bucket: fullBucket(g.limits.PerNet, now)}
	if e := g.nets[t.net]; e != nil {
		n = *e.Value.(*network)
		if n.proved {
			return
		}
		g.unproved.Remove(e)
	}
	n.proved = true
	g.remember(n)
}

// giveBack returns the tokens of t. The caller holds mu.
func (g *gate) giveBack(t toll) {
	if e := g.nets[t.net]; e != nil { // else its bucket is full again
		e.Value.(*network).bucket.giveBack()
	}
	if t.global {
		g.global.giveBack()
	}
}

// rejects reports whether one more RST may be sent to a stranger.
func (g *gate) rejects(now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.rejections.take(now)
}

// remember adds n, in the place of the one of its kind that is longest unheard where
// there are too many. The caller holds mu.
func (g *gate) remember(n network) *list.Element {
	l := g.listOf(&n)
	if l.Len() >= maxNets {
		oldest := l.Remove(l.Back()).(*network)
		delete(g.nets, oldest.prefix)
	}
	e := l.PushFront(&n)
	g.nets[n.prefix] = e
	return e
}

// listOf is the list for n. The caller holds mu.
func (g *gate) listOf(n *network) *list.List {
	if n.proved {
		return g.proved
	}
	return g.unproved
}

// sourceNet is the network that a bucket is for: as much of an address as one subscriber
// or one site has.
func sourceNet(a netip.Addr) netip.Prefix { return prefixOf(a, 64) }
