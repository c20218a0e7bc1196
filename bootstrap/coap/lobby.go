package coap

import (
	"container/list"
	"net/netip"
	"time"
)

const (
	// maxVisitors is how many peers may wait for a handshake.
	maxVisitors = 16_384

	// maxVisitorsPerNet is the same for one network.
	maxVisitorsPerNet = maxVisitors / 2

	// maxVisitorBytes is how many bytes their ClientHellos may have, with what is needed to keep
	// each; maxVisitorBytesPerNet is the same for one network.
	maxVisitorBytes       = 16 << 20
	maxVisitorBytesPerNet = maxVisitorBytes / 2
	visitorOverhead       = 640

	// maxLookups is how many networks are looked at for a peer that may have the handshake
	// which has become free: none whose network has all it may have.
	maxLookups = 64

	// visitorPatience is after what silence a visitor lets others go first, and half as long
	// again as it has been there: most clients repeat themselves after a second, two, four
	// (RFC 6347 §4.2.4.1), so that it has probably gone.
	visitorPatience = 5 * time.Second

	// visitorLifetime is after what silence a visitor is taken for one that has gone. A client
	// in a constrained network repeats itself after 9 s, 18 s, 36 s (RFC 7925 §11), and the
	// first three may be lost.
	visitorLifetime = 75 * time.Second
)

// A visitor is a peer that has returned its cookie, with the ClientHello that brought it.
type visitor struct {
	peer        udpPeer
	random      [clientRandom]byte
	cookie      []byte
	second      []byte    // datagram; see [wholeHello.before]
	came, heard time.Time // first and last

	// Where it is in a lobby.
	queue  *queue
	late   bool          // it waits behind those heard of lately
	place  *list.Element // in queue.waiting or queue.late
	silent [2]*list.Element
}

// load is how many bytes the visitor takes.
func (v *visitor) load() int { return len(v.second) + visitorOverhead }

// isLate reports whether the visitor lets others go first.
func (v *visitor) isLate(now time.Time) bool {
	return now.Sub(v.heard) > min(visitorPatience+v.heard.Sub(v.came)*3/2, visitorLifetime)
}

// gone reports whether the visitor has given up, as far as anybody knows.
func (v *visitor) gone(now time.Time) bool { return now.Sub(v.heard) > visitorLifetime }

// A lobby is where visitors wait while all handshakes are taken, as when a fleet comes
// back at once. Without it those who are turned away come back after one second, three,
// seven and fifteen: at moments when nobody is served, and then all together.
//
// Networks take turns, so that one with many visitors is not in the way of the others. Who
// is silent lets those go first who are not, and keeps its place for when it is heard of
// again; it gives way where there is no room. Not for concurrent use.
type lobby struct {
	byPeer map[udpPeer]*visitor
	byNet  map[netip.Prefix]*queue
	turns  list.List // of *queue, none of them empty; the next one first
	silent list.List // of *visitor, the one silent for longest first
	bytes  int
}

// A queue has the visitors of one network.
type queue struct {
	net     netip.Prefix
	turn    *list.Element
	waiting list.List // of *visitor, the longest waiting first
	late    list.List // of *visitor that were the first and silent; likewise
	silent  list.List // of all of them, the one silent for longest first
	bytes   int
}

func newLobby() *lobby {
	return &lobby{byPeer: make(map[udpPeer]*visitor), byNet: make(map[netip.Prefix]*queue)}
}

// add lets v wait, and returns why not. One that waits already keeps its place.
func (l *lobby) add(v *visitor) DropReason {
	if old := l.byPeer[v.peer]; old != nil && len(v.second) <= len(old.second) {
		l.bytes -= old.load() - v.load()
		old.queue.bytes -= old.load() - v.load()
		old.random, old.cookie, old.second = v.random, v.cookie, v.second
		l.hear(old, v.heard)
		return notDropped
	}
	l.leave(v.peer) // its ClientHello has grown: another device at this address
	if !l.makeRoom(networkOf(v.peer.remote.Addr()), v.load(), v.came) {
		return DropTableFull
	}
	l.insert(v)
	return notDropped
}

// makeRoom lets visitors go that are late, of this network where that has all it may have, and
// reports whether there is room then for one that takes so many bytes. Where all have been heard
// of lately, a network that takes more than this one does makes room.
func (l *lobby) makeRoom(network netip.Prefix, load int, now time.Time) bool {
	own := 0
	for q := l.byNet[network]; q != nil && l.byNet[network] == q; {
		if own = q.bytes; q.silent.Len() < maxVisitorsPerNet && own+load <= maxVisitorBytesPerNet {
			break
		}
		if !l.evictLate(&q.silent, now) {
			return false
		}
		own = 0 // if that was the last
	}
	for len(l.byPeer) >= maxVisitors || l.bytes+load > maxVisitorBytes {
		if l.evictLate(&l.silent, now) {
			continue
		}
		q := l.largest()
		if q.bytes <= own+load {
			return false
		}
		l.remove(q.silent.Front().Value.(*visitor))
	}
	return true
}

// evictLate lets the first visitor go that is late, if it is.
func (l *lobby) evictLate(silent *list.List, now time.Time) bool {
	v := silent.Front().Value.(*visitor)
	if !v.isLate(now) {
		return false
	}
	l.remove(v)
	return true
}

// largest is the queue of the network that takes the most bytes, among those that are next.
// There is one.
func (l *lobby) largest() *queue {
	e := l.turns.Front()
	most := e.Value.(*queue)
	for range min(maxLookups, l.turns.Len()) {
		if q := e.Value.(*queue); q.bytes > most.bytes {
			most = q
		}
		e = e.Next()
	}
	return most
}

func (l *lobby) insert(v *visitor) {
	network := networkOf(v.peer.remote.Addr())
	q := l.byNet[network]
	if q == nil {
		q = &queue{net: network}
		q.turn = l.turns.PushBack(q)
		l.byNet[network] = q
	}
	v.queue, v.place = q, q.waiting.PushBack(v)
	v.silent = [2]*list.Element{l.silent.PushBack(v), q.silent.PushBack(v)}
	l.byPeer[v.peer] = v
	l.bytes += v.load()
	q.bytes += v.load()
}

// hear notes that a visitor has repeated itself. One that others went before is the next.
func (l *lobby) hear(v *visitor, now time.Time) {
	v.heard = now
	l.silent.MoveToBack(v.silent[0])
	v.queue.silent.MoveToBack(v.silent[1])
	if v.late {
		v.queue.late.Remove(v.place)
		v.late, v.place = false, v.queue.waiting.PushFront(v)
	}
}

// leave takes a peer out that waits no longer, if it did.
func (l *lobby) leave(peer udpPeer) {
	if v := l.byPeer[peer]; v != nil {
		l.remove(v)
	}
}

// next removes one visitor that admit takes, of those longest waiting in their networks, and
// reports whether there was one. Those that are silent come after all others.
func (l *lobby) next(now time.Time, admit func(*visitor) bool) bool {
	return l.nextOf(now, admit, (*lobby).firstWaiting) || l.nextOf(now, admit, (*lobby).firstLate)
}

// nextOf is next for the visitors that first returns, one of each network.
func (l *lobby) nextOf(now time.Time, admit func(*visitor) bool, first func(*lobby, *queue, time.Time) *visitor) bool {
	turn := l.turns.Front()
	for range min(maxLookups, l.turns.Len()) {
		q := turn.Value.(*queue)
		turn = turn.Next()
		if v := first(l, q, now); v != nil && admit(v) {
			l.remove(v)
			if l.byNet[q.net] == q {
				l.turns.MoveToBack(q.turn)
			}
			return true
		}
	}
	return false
}

// firstWaiting is the first visitor of a queue that is not late; nil for none.
func (l *lobby) firstWaiting(q *queue, now time.Time) *visitor {
	for e := q.waiting.Front(); e != nil; e = q.waiting.Front() {
		v := e.Value.(*visitor)
		if !v.isLate(now) {
			return v
		}
		q.waiting.Remove(e)
		v.late, v.place = true, q.late.PushBack(v)
	}
	return nil
}

// firstLate is the first visitor of a queue that is late and has not gone; nil for none.
// Those that have are forgotten.
func (l *lobby) firstLate(q *queue, now time.Time) *visitor {
	for e := q.late.Front(); e != nil; e = q.late.Front() {
		v := e.Value.(*visitor)
		if !v.gone(now) {
			return v
		}
		l.remove(v)
	}
	return nil
}

// remove takes a visitor out of its queue, and the queue out of the turns where it was
// the last.
func (l *lobby) remove(v *visitor) {
	q := v.queue
	delete(l.byPeer, v.peer)
	l.bytes -= v.load()
	q.bytes -= v.load()
	l.silent.Remove(v.silent[0])
	q.silent.Remove(v.silent[1])
	if v.late {
		q.late.Remove(v.place)
	} else {
		q.waiting.Remove(v.place)
	}
	if q.silent.Len() == 0 {
		delete(l.byNet, q.net)
		l.turns.Remove(q.turn)
	}
}
