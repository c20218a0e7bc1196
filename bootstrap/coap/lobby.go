package coap

import (
	"container/list"
	"net/netip"
	"time"
)

const (
	// maxVisitors is how many peers may wait for a handshake, at about half a KiB each.
	maxVisitors = 16_384

	// maxVisitorsPerNet is the same for one network.
	maxVisitorsPerNet = maxVisitors / 2

	// maxLookups is how many networks are looked at for a peer that may have the handshake
	// which has become free: none whose network has all it may have.
	maxLookups = 64

	// visitorPatience is after what silence a visitor is taken for one that has gone, and
	// half as long again as it has been there: clients repeat themselves after a second,
	// two, four (RFC 6347 §4.2.4.1).
	visitorPatience = 5 * time.Second
)

// A visitor is a peer that has returned its cookie, and begins a handshake with first and
// second as if it had sent both: see [wholeHello.before].
type visitor struct {
	peer          udpPeer
	random        [clientRandom]byte
	cookie        []byte
	first, second []byte
	came, heard   time.Time // first and last
}

// gone reports whether the visitor has given up, as far as anybody knows.
func (v *visitor) gone(now time.Time) bool {
	return now.Sub(v.heard) > visitorPatience+v.heard.Sub(v.came)*3/2
}

// A lobby is where visitors wait while all handshakes are taken, as when a fleet comes
// back at once. Without it those who are turned away come back after one second, three,
// seven and fifteen: at moments when nobody is served, and then all together.
//
// Networks take turns, so that one with many visitors is not in the way of the others.
// Not for concurrent use.
type lobby struct {
	byPeer map[udpPeer]*list.Element
	byNet  map[netip.Prefix]*list.Element
	turns  list.List // of *queue, none of them empty; the next one first
}

// A queue has the visitors of one network.
type queue struct {
	net      netip.Prefix
	visitors list.List // of *visitor, the longest waiting first
}

func newLobby() *lobby {
	return &lobby{
		byPeer: make(map[udpPeer]*list.Element),
		byNet:  make(map[netip.Prefix]*list.Element),
	}
}

// add lets v wait, and returns why not. One that waits already keeps its place.
func (l *lobby) add(v *visitor) DropReason {
	if e := l.byPeer[v.peer]; e != nil {
		v.came = e.Value.(*visitor).came
		e.Value = v
		return notDropped
	}
	network := networkOf(v.peer.remote.Addr())
	turn := l.byNet[network]
	if len(l.byPeer) == maxVisitors || turn != nil && turn.Value.(*queue).visitors.Len() == maxVisitorsPerNet {
		return DropTableFull
	}
	if turn == nil {
		turn = l.turns.PushBack(&queue{net: network})
		l.byNet[network] = turn
	}
	l.byPeer[v.peer] = turn.Value.(*queue).visitors.PushBack(v)
	return notDropped
}

// leave takes a peer out that waits no longer, if it did.
func (l *lobby) leave(peer udpPeer) {
	if e := l.byPeer[peer]; e != nil {
		l.remove(l.byNet[networkOf(peer.remote.Addr())], e)
	}
}

// next removes one visitor that admit takes, of those longest waiting in their networks.
func (l *lobby) next(now time.Time, admit func(*visitor) bool) {
	turn := l.turns.Front()
	for range min(maxLookups, l.turns.Len()) {
		this := turn
		turn = turn.Next()
		l.forget(this, now)
		first := this.Value.(*queue).visitors.Front()
		if first != nil && admit(first.Value.(*visitor)) {
			l.remove(this, first)
			if l.byNet[this.Value.(*queue).net] == this {
				l.turns.MoveToBack(this)
			}
			return
		}
	}
}

// forget removes the visitors at the head of a queue that have given up.
func (l *lobby) forget(turn *list.Element, now time.Time) {
	q := turn.Value.(*queue)
	for e := q.visitors.Front(); e != nil && e.Value.(*visitor).gone(now); e = q.visitors.Front() {
		l.remove(turn, e)
	}
}

// remove takes a visitor out of its queue, and the queue out of the turns where it was
// the last.
func (l *lobby) remove(turn, e *list.Element) {
	q := turn.Value.(*queue)
	delete(l.byPeer, e.Value.(*visitor).peer)
	q.visitors.Remove(e)
	if q.visitors.Len() == 0 {
		delete(l.byNet, q.net)
		l.turns.Remove(turn)
	}
}
