package admission

import (
	"container/list"
	"net/netip"
	"time"

	"lwbs/bootstrap/coap/traffic"
	"lwbs/bootstrap/coap/udp"
)

const (
	// MaxPending is how many clients may wait for a handshake.
	MaxPending = 16_384

	// maxPendingPerNet is the same for one network.
	maxPendingPerNet = MaxPending / 2

	// MaxPendingBytes is how many bytes their ClientHellos may take, with pendingOverhead for
	// each; maxPendingBytesPerNet is the same for one network.
	MaxPendingBytes       = 16 << 20
	maxPendingBytesPerNet = MaxPendingBytes / 2
	pendingOverhead       = 640

	// maxLookups is how many networks are looked at for a client that may have the handshake
	// which has become free: a network may have all that it may have.
	maxLookups = 64

	// pendingPatience is after what silence a client is deferred, besides one and a half times
	// as long as it has been waiting: most clients retransmit after a second, two, four
	// (RFC 6347 §4.2.4.1), so that it has probably given up.
	pendingPatience = 5 * time.Second

	// pendingLifetime is after what silence a client is dropped. One in a constrained network
	// retransmits after 9 s, 18 s, 36 s (RFC 7925 §11), and the first three may be lost.
	pendingLifetime = 75 * time.Second
)

// A PendingClient is a client that has returned its cookie, with the ClientHello that brought it.
type PendingClient struct {
	Peer           udp.Peer
	Random         [32]byte // of its ClientHello
	Cookie         []byte
	Hello          []byte    // the datagram with the cookie
	Arrived, Heard time.Time // the first and the last ClientHello

	// Its place in the queue.
	queue         *networkQueue
	deferred      bool             // it waits behind those that were not silent
	element       *list.Element    // in queue.waiting or queue.deferred
	heardElements [2]*list.Element // in byHeard of all, and of its network
}

// size is how many bytes the client takes.
func (c *PendingClient) size() int { return len(c.Hello) + pendingOverhead }

// isDeferred reports whether the client was silent for so long that others go first.
func (c *PendingClient) isDeferred(now time.Time) bool {
	return now.Sub(c.Heard) > min(pendingPatience+c.Heard.Sub(c.Arrived)*3/2, pendingLifetime)
}

// gone reports whether the client was silent for so long that it is dropped.
func (c *PendingClient) gone(now time.Time) bool { return now.Sub(c.Heard) > pendingLifetime }

// A HandshakeQueue has the clients that wait while all handshakes are taken, as when a fleet comes
// back at once. Without it they would retransmit after one second, three, seven and fifteen: all
// at the same time, and none in between.
//
// Networks take turns, so that one with many clients does not delay the others. A client that is
// silent is deferred: others go first, and it has its place again once it is heard. Where there
// is no room the deferred are dropped first. Not for concurrent use.
type HandshakeQueue struct {
	byPeer  map[udp.Peer]*PendingClient
	byNet   map[netip.Prefix]*networkQueue
	turns   list.List // of *networkQueue, none of them empty; the next one first
	byHeard list.List // of *PendingClient, the one silent for longest first
	bytes   int
}

// A networkQueue has the clients of one network.
type networkQueue struct {
	net      netip.Prefix
	turn     *list.Element
	waiting  list.List // of *PendingClient, the longest waiting first
	deferred list.List // of those that came first and were silent; likewise
	byHeard  list.List // of all of them, the one silent for longest first
	bytes    int
}

// NewHandshakeQueue returns an empty queue.
func NewHandshakeQueue() *HandshakeQueue {
	return &HandshakeQueue{byPeer: make(map[udp.Peer]*PendingClient), byNet: make(map[netip.Prefix]*networkQueue)}
}

// Len is how many clients wait.
func (hq *HandshakeQueue) Len() int { return len(hq.byPeer) }

// Bytes is how many bytes they take.
func (hq *HandshakeQueue) Bytes() int { return hq.bytes }

// Add lets c wait, or returns why it cannot. One that waits already keeps its place.
func (hq *HandshakeQueue) Add(c *PendingClient) traffic.DropReason {
	if old := hq.byPeer[c.Peer]; old != nil && len(c.Hello) <= len(old.Hello) {
		hq.bytes -= old.size() - c.size()
		old.queue.bytes -= old.size() - c.size()
		old.Random, old.Cookie, old.Hello = c.Random, c.Cookie, c.Hello
		hq.repeated(old, c.Heard)
		return traffic.NotDropped
	}
	hq.Remove(c.Peer) // its ClientHello has grown: another device at this address
	if !hq.makeRoom(NetworkOf(c.Peer.Remote.Addr()), c.size(), c.Arrived) {
		return traffic.DropTableFull
	}
	hq.insert(c)
	return traffic.NotDropped
}

// makeRoom drops clients that are deferred, of this network where that has all it may have, and
// reports whether there is room then for one that takes so many bytes. Where none is deferred, one
// of a network that takes more than this one is dropped.
func (hq *HandshakeQueue) makeRoom(network netip.Prefix, load int, now time.Time) bool {
	own := 0
	for q := hq.byNet[network]; q != nil && hq.byNet[network] == q; {
		if own = q.bytes; q.byHeard.Len() < maxPendingPerNet && own+load <= maxPendingBytesPerNet {
			break
		}
		if !hq.evictDeferred(&q.byHeard, now) {
			return false
		}
		own = 0 // where that was the last one
	}
	for len(hq.byPeer) >= MaxPending || hq.bytes+load > MaxPendingBytes {
		if hq.evictDeferred(&hq.byHeard, now) {
			continue
		}
		q := hq.largest()
		if q.bytes <= own+load {
			return false
		}
		hq.drop(q.byHeard.Front().Value.(*PendingClient))
	}
	return true
}

// evictDeferred drops the client silent for longest if it is deferred, and reports whether it was.
func (hq *HandshakeQueue) evictDeferred(byHeard *list.List, now time.Time) bool {
	c := byHeard.Front().Value.(*PendingClient)
	if !c.isDeferred(now) {
		return false
	}
	hq.drop(c)
	return true
}

// largest is the queue that takes the most bytes of the next maxLookups networks, of which there
// is one at least.
func (hq *HandshakeQueue) largest() *networkQueue {
	e := hq.turns.Front()
	most := e.Value.(*networkQueue)
	for range min(maxLookups, hq.turns.Len()) {
		if q := e.Value.(*networkQueue); q.bytes > most.bytes {
			most = q
		}
		e = e.Next()
	}
	return most
}

func (hq *HandshakeQueue) insert(c *PendingClient) {
	network := NetworkOf(c.Peer.Remote.Addr())
	q := hq.byNet[network]
	if q == nil {
		q = &networkQueue{net: network}
		q.turn = hq.turns.PushBack(q)
		hq.byNet[network] = q
	}
	c.queue, c.element = q, q.waiting.PushBack(c)
	c.heardElements = [2]*list.Element{hq.byHeard.PushBack(c), q.byHeard.PushBack(c)}
	hq.byPeer[c.Peer] = c
	hq.bytes += c.size()
	q.bytes += c.size()
}

// repeated notes that a client has retransmitted. One that was deferred is the next.
func (hq *HandshakeQueue) repeated(c *PendingClient, now time.Time) {
	c.Heard = now
	hq.byHeard.MoveToBack(c.heardElements[0])
	c.queue.byHeard.MoveToBack(c.heardElements[1])
	if c.deferred {
		c.queue.deferred.Remove(c.element)
		c.deferred, c.element = false, c.queue.waiting.PushFront(c)
	}
}

// Remove takes a peer out, if it waits.
func (hq *HandshakeQueue) Remove(peer udp.Peer) {
	if c := hq.byPeer[peer]; c != nil {
		hq.drop(c)
	}
}

// Next removes one client that admit takes, of those longest waiting in their networks, and
// reports whether there was one. Those that are deferred come after all others.
func (hq *HandshakeQueue) Next(now time.Time, admit func(*PendingClient) bool) bool {
	return hq.nextOf(now, admit, (*HandshakeQueue).firstWaiting) || hq.nextOf(now, admit, (*HandshakeQueue).firstDeferred)
}

// nextOf is Next for the clients that first returns, one of each network.
func (hq *HandshakeQueue) nextOf(now time.Time, admit func(*PendingClient) bool, first func(*HandshakeQueue, *networkQueue, time.Time) *PendingClient) bool {
	turn := hq.turns.Front()
	for range min(maxLookups, hq.turns.Len()) {
		q := turn.Value.(*networkQueue)
		turn = turn.Next()
		if c := first(hq, q, now); c != nil && admit(c) {
			hq.drop(c)
			if hq.byNet[q.net] == q {
				hq.turns.MoveToBack(q.turn)
			}
			return true
		}
	}
	return false
}

// firstWaiting is the first client of a network that is not deferred; nil for none.
func (hq *HandshakeQueue) firstWaiting(q *networkQueue, now time.Time) *PendingClient {
	for e := q.waiting.Front(); e != nil; e = q.waiting.Front() {
		c := e.Value.(*PendingClient)
		if !c.isDeferred(now) {
			return c
		}
		q.waiting.Remove(e)
		c.deferred, c.element = true, q.deferred.PushBack(c)
	}
	return nil
}

// firstDeferred is the first deferred client of a network; nil for none. Those that are gone are
// dropped.
func (hq *HandshakeQueue) firstDeferred(q *networkQueue, now time.Time) *PendingClient {
	for e := q.deferred.Front(); e != nil; e = q.deferred.Front() {
		c := e.Value.(*PendingClient)
		if !c.gone(now) {
			return c
		}
		hq.drop(c)
	}
	return nil
}

// drop takes a client out of the queue of its network, and that out of the turns where it was
// the last.
func (hq *HandshakeQueue) drop(c *PendingClient) {
	q := c.queue
	delete(hq.byPeer, c.Peer)
	hq.bytes -= c.size()
	q.bytes -= c.size()
	hq.byHeard.Remove(c.heardElements[0])
	q.byHeard.Remove(c.heardElements[1])
	if c.deferred {
		q.deferred.Remove(c.element)
	} else {
		q.waiting.Remove(c.element)
	}
	if q.byHeard.Len() == 0 {
		delete(hq.byNet, q.net)
		hq.turns.Remove(q.turn)
	}
}
