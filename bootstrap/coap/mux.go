package coap

import (
	"bytes"
	"container/list"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"lwbs/bootstrap"
	"lwbs/store"
)

// maxPlain is how many datagrams of its handshake an association takes: a few suffice
// for a PSK, a certificate chain in small fragments may need some dozens. What is in the
// clear anybody could have sent, and pion stores parts of messages.
const maxPlain = 64

// maxPlainBytes is the same in bytes: eight certificates of 2 KiB, and all of them once more.
const maxPlainBytes = 32 << 10

// Errors of handshakes that have to give way.
var (
	errCrowdedOut = fmt.Errorf("%w: the handshake made room for another when the peer had been silent for %v", bootstrap.ErrBusy, givesWayAfter)
	errSuperseded = errors.New("the peer began another handshake")
)

// A mux divides the datagrams of one socket among DTLS associations. Its read loop
// never waits for any of them.
type mux struct {
	hub    *hub
	socket *socket
	keys   *keyFinder
	gate   *gate
	others *others
	pace   pace
	keep   *keeping // nil where no association is kept

	unknowns *unknowns

	cookies cookieMaker

	mu       sync.Mutex
	partials *reassembler          // guarded by mu
	slots    map[udpPeer]seat      // guarded by mu; no empty ones
	cids     map[connectionID]seat // guarded by mu; no empty ones
	active   *list.List            // of *association, last heard first; guarded by mu
	dormant  *list.List            // the same of those that hibernate; guarded by mu

	peers map[peerName][]*association // those of active by their peers; guarded by mu

	// sleepers are those that hibernate by their peers; of each the last to fall asleep, and
	// the others as its siblings; guarded by mu.
	sleepers map[peerName]*association

	admission *admission  // guarded by mu
	lobby     *lobby      // guarded by mu
	requests  int         // guarded by mu; that are handled
	relief    *time.Timer // guarded by mu; nil where none is due
}

// A seat has what there is at one address and port, or under one connection ID.
//
// A device that lost power comes back with a ClientHello from the port that it had
// before, and must get in at once; but anybody can forge a ClientHello. So the
// newcomer runs beside the others and takes the place of an older one only when it
// has come as far: a cookie returned replaces a handshake, and a complete handshake
// the association (RFC 6347 §4.2.8).
type seat struct {
	handshake   *handshake
	association *association
}

func newMux(h *hub, s *socket) *mux {
	m := &mux{
		hub:       h,
		socket:    s,
		keys:      newKeyFinder(h.cfg.PSK, h.cfg.Panics),
		gate:      newGate(h.cfg.Strangers),
		others:    newOthers(h, store.TransportDTLS),
		unknowns:  newUnknowns(h),
		cookies:   newCookieMaker(),
		slots:     make(map[udpPeer]seat),
		cids:      make(map[connectionID]seat),
		active:    list.New(),
		dormant:   list.New(),
		peers:     make(map[peerName][]*association),
		sleepers:  make(map[peerName]*association),
		admission: newAdmission(h.cfg),
		lobby:     newLobby(),
	}
	m.partials = newReassembler(m.returned)
	if k := h.cfg.DTLS.Keeper; k != nil && h.cfg.DTLS.MaxHibernated > 0 {
		m.keep = newKeeping(m, k)
	}
	h.attend, h.late = m.attend, m.pace.slow
	return m
}

// start reads until the socket is closed.
func (m *mux) start() {
	for range lookups {
		m.hub.spawn(func() { m.keys.serve(m.hub.ctx) })
	}
	m.keep.start()
	m.hub.spawn(func() { m.socket.read(m.take) })
}

// take passes b to the associations that it may be for.
func (m *mux) take(peer udpPeer, b []byte) {
	m.hub.counters.received.Add(1)
	m.hub.counters.dropped.add(m.sort(peer, b))
}

// sort passes b on, and returns why not.
func (m *mux) sort(peer udpPeer, b []byte) DropReason {
	if len(b) > maxRecords {
		return DropOversize
	}
	d, ok := inspect(b)
	if !ok {
		return m.others.take(peer, b)
	}
	if d.hello.first && !m.knows(peer, d.hello.random) {
		return m.begin(peer, d.hello, b)
	}
	var a *association
	var why DropReason
	holding(&m.mu, func() { a, why = m.route(peer, d, b) })
	if why == DropNoAssociation || why == DropUnknownCID {
		return m.unknown(peer, d, b, why)
	}
	if a == nil {
		return why
	}
	if reason := a.receive(peer, b); why != notDropped {
		return reason
	}
	return notDropped
}

// unknown attends to a record of an association that there is not, or not yet, and returns why
// it is dropped.
func (m *mux) unknown(peer udpPeer, d digest, b []byte, why DropReason) DropReason {
	if m.keep.restoring() {
		return DropRestoring
	}
	m.unknowns.note(peer, d, b)
	return why
}

// knows reports whether there is a handshake or an association at peer that began with a
// ClientHello with this random.
func (m *mux) knows(peer udpPeer, random [clientRandom]byte) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.slots[peer]
	return s.handshake != nil && s.handshake.random == random || s.association != nil && s.association.random == random
}

// begin answers the first ClientHello of a peer: with a cookie, or with an alert where the
// peer can do with no version of the server.
func (m *mux) begin(peer udpPeer, h hello, b []byte) DropReason {
	if p := versionOnly(b); p != bootstrap.ProtocolUnreadable {
		m.others.note(peer, p, bootstrap.Request{}, b)
		m.reply(peer, wrongVersion(b))
		return DropOtherProtocol
	}
	m.ask(peer, h.random)
	return notDropped
}

// ask sends a cookie to a peer that begins a handshake, and remembers nothing of it:
// whoever forges its address costs no more than this. Of a ClientHello in fragments the
// first one has all that the cookie is made of, and is larger than the answer.
func (m *mux) ask(peer udpPeer, random [clientRandom]byte) {
	m.reply(peer, challenge(m.cookies.cookie(peer, random, time.Now())))
}

// reply sends a datagram to a peer that nothing is remembered of.
func (m *mux) reply(peer udpPeer, b []byte) {
	m.hub.counters.sent.Add(1)
	_ = m.socket.write(b, sourceControl(peer.local), peer.remote) // an error is as good as a lost datagram
}

// route puts b into the queue of the handshake that it may be for, and returns why not where
// it does not. It returns the association that is to look at b too, or alone. The caller
// holds mu.
func (m *mux) route(peer udpPeer, d digest, b []byte) (*association, DropReason) {
	s := m.slots[peer]
	switch d.kind {
	case kindHello:
		return nil, m.routeHello(peer, d.hello, b)
	case kindAlert: // which counts for nothing after a handshake
		return nil, s.handshake.put(peer, d, b)
	case kindFlight:
		if s.handshake != nil {
			return nil, s.handshake.put(peer, d, b)
		}
		return s.association, DropOutOfPlace // our last flight was lost, and the peer repeats its own
	default:
		if d.cid != nil {
			return m.routeCID(peer, d, b)
		}
		if s == (seat{}) {
			return nil, DropNoAssociation
		}
		// Which keys it is under only trying can tell.
		return s.association, s.handshake.put(peer, d, b)
	}
}

// routeHello finds the handshake that a ClientHello is part of, or begins one. The
// caller holds mu.
func (m *mux) routeHello(peer udpPeer, h hello, b []byte) DropReason {
	s := m.slots[peer]
	if a := s.association; a != nil && h.start && a.random == h.random {
		return DropOutOfPlace // came twice: a handshake of its own would get what the peer repeats for a
	}
	if begun := s.handshake; begun != nil && h.start && begun.random == h.random {
		return begun.put(peer, digest{kind: kindHello}, b) // its answer was lost
	}
	if w, ok := parseWholeHello(b); ok {
		if len(b) > recordHeader+handshakeHeader+maxHello {
			return DropOversize
		}
		return m.greet(peer, w, b)
	}
	whole, why := m.partials.take(peer, b, time.Now())
	if w, ok := parseWholeHello(whole); ok {
		return m.greet(peer, w, whole)
	}
	return why
}

// returned reports whether a peer was sent the cookie in its ClientHello.
func (m *mux) returned(peer udpPeer, h hello, now time.Time) bool {
	return m.cookies.check(h.cookie, peer, h.random, now)
}

// greet attends to a ClientHello in one piece, of no handshake that there is. With the
// cookie from [mux.ask] it begins an association, for which it looks as if the first had
// come to it too, or waits until there can be one. The caller holds mu.
func (m *mux) greet(peer udpPeer, w wholeHello, b []byte) DropReason {
	now := time.Now()
	if _, ok := w.before(); !ok || !m.cookies.check(w.cookie, peer, w.random(), now) {
		return DropOutOfPlace
	}
	v := &visitor{peer: peer, random: w.random(), cookie: bytes.Clone(w.cookie), second: bytes.Clone(b), came: now, heard: now}
	why := DropTableFull
	if !m.busy() {
		why = m.welcome(v)
	}
	if why == notDropped {
		m.lobby.leave(peer) // else it would be let in twice
	}
	if _, room := m.room(now); why == DropTableFull && room {
		why = m.lobby.add(v) // it is handshakes that are missing, and those are soon over
		m.arrangeRelief(now)
	}
	return why
}

// welcome begins the handshake of a peer that has returned its cookie, and returns why
// not. The caller holds mu.
func (m *mux) welcome(v *visitor) DropReason {
	h, why := m.admit(v)
	if why != notDropped {
		return why
	}
	d := digest{kind: kindHello}
	w, _ := parseWholeHello(v.second)
	first, _ := w.before() // as with any visitor
	return max(h.put(v.peer, d, first), h.put(v.peer, d, v.second))
}

// welcomeNext gives a handshake that has become free to who waits for one, and one more
// where there is the power. The caller holds mu.
func (m *mux) welcomeNext() {
	for range 2 {
		if m.busy() {
			return
		}
		m.lobby.next(time.Now(), m.admits)
	}
}

// admits lets a visitor in, and reports whether it waits no longer. The caller holds mu.
func (m *mux) admits(v *visitor) bool { return m.welcome(v) != DropTableFull }

const (
	// maxRelief is how many visitors are let in at once in the place of handshakes that have
	// become silent.
	maxRelief = 64

	// reliefPause is how long visitors wait at least until somebody looks again.
	reliefPause = 200 * time.Millisecond
)

// arrangeRelief sees to it that visitors are let in when a handshake has been silent for so
// long that it gives way: nothing else may happen then. The caller holds mu.
func (m *mux) arrangeRelief(now time.Time) {
	at, ok := m.admission.nextToGo()
	if !ok || m.relief != nil || len(m.lobby.byPeer) == 0 {
		return
	}
	m.relief = m.hub.afterFunc(max(at.Sub(now), reliefPause), m.relieve)
}

// relieve lets visitors in.
func (m *mux) relieve() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.relief = nil
	if m.hub.ctx.Err() != nil {
		return
	}
	now := time.Now()
	for range maxRelief {
		if m.busy() || !m.lobby.next(now, m.admits) {
			break
		}
	}
	m.arrangeRelief(now)
}

// busy reports whether another handshake would make what is under way later: handshakes,
// and sessions, which each of them leads to. The caller holds mu.
func (m *mux) busy() bool {
	return m.admission.handshakes()+m.requests >= alwaysUnderWay && m.pace.slow()
}

// attend handles a request of an association in a goroutine of its own, and then lets in
// who waits. It reports whether it does.
func (m *mux) attend(f func()) bool {
	m.mu.Lock()
	m.requests++
	m.mu.Unlock()
	began := m.hub.spawn(func() {
		defer m.attended()
		f()
	})
	if !began {
		m.attended()
	}
	return began
}

// attended notes that a request has been handled, which makes room for a handshake.
func (m *mux) attended() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.requests--
	m.welcomeNext()
}

// admit returns a new handshake, or at which limit there can be none. An older one of the
// same address is given up. The caller holds mu.
func (m *mux) admit(v *visitor) (*handshake, DropReason) {
	now := time.Now()
	from := v.peer.remote.Addr()
	paid, why := m.gate.enter(from, now)
	if why != notDropped {
		return nil, why
	}
	ctx, cancel := context.WithCancelCause(m.hub.ctx)
	offers, _ := parseOffer(v.second) // what makes no sense pion finds out too
	h := &handshake{
		mux:     m,
		peer:    v.peer,
		random:  v.random,
		started: now,
		paid:    paid,
		cancel:  cancel,
		plain:   maxPlain,
		bytes:   maxPlainBytes,

		returned: v.cookie,
		offer:    offers,
	}
	if _, room := m.room(now); room || m.slots[v.peer].association != nil { // which it will replace
		if old := m.slots[v.peer].handshake; old != nil {
			m.drop(old, errSuperseded)
		}
		h.ticket = m.admission.enter(from, now, func() { m.drop(h, errCrowdedOut) })
	}
	if h.ticket == nil {
		cancel(nil)
		m.gate.leave(paid)
		return nil, DropTableFull
	}
	h.pipe = newPipe(m.socket, v.peer)
	h.setDeadline(now.Add(m.hub.cfg.DTLS.HandshakeTimeout))
	s := m.slots[h.peer]
	s.handshake = h
	m.slots[h.peer] = s
	if !m.hub.spawn(func() { h.run(ctx) }) {
		m.drop(h, net.ErrClosed)
		return nil, DropEnding
	}
	return h, notDropped
}

// establish puts a in the place of h, which is complete, and ends the association that the
// address had before. It returns what came for h after that was complete; a is nil where it
// had to give way itself.
func (m *mux) establish(h *handshake, a *association) (_ *association, waiting []parcel) {
	var after []func()
	var ok bool
	holding(&m.mu, func() {
		if after, ok = m.settle(h, a); ok {
			waiting = h.pipe.rest()
		}
	})
	do(after)
	if !ok {
		return nil, nil
	}
	return a, waiting
}

// do does what could not be done under a lock.
func do(after []func()) {
	for _, f := range after {
		f()
	}
}

// settle makes a one of the active associations, and reports whether it may be one; do what
// it returns without mu. The caller holds mu.
func (m *mux) settle(h *handshake, a *association) (after []func(), ok bool) {
	if h.over {
		return nil, false
	}
	now := time.Now()
	m.gate.prove(h.paid, now)
	after = m.replace(m.slots[h.peer].association, a)
	after = append(after, m.makeRoomOf(a)...)
	more, ok := m.makeRoom(now)
	if after = append(after, more...); !ok {
		return after, false
	}
	delete(m.cids, h.cid) // it is that of a
	h.cid = connectionID{}
	m.drop(h, nil)
	m.seat(a)
	a.place = m.active.PushFront(a)
	m.join(a)
	a.await = m.hub.afterFunc(m.hub.cfg.DTLS.RequestTimeout, func() { m.expire(a) })
	m.welcomeNext()
	return after, true
}

// seat lets a be found, unless another association has its address. The caller holds mu.
func (m *mux) seat(a *association) {
	if s := m.slots[a.peer]; s.association == nil {
		s.association = a
		m.slots[a.peer] = s
	}
	if a.cid != (connectionID{}) {
		m.cids[a.cid] = seat{association: a}
	}
}

// replace ends old, the association that the address of a had before; nil for none. Where
// another device had that address, and is found without it, its association goes on. The
// caller holds mu.
func (m *mux) replace(old, a *association) (after []func()) {
	switch {
	case old == nil:
		return nil
	case old.cid != (connectionID{}) && old.name != a.name:
		m.vacate(old)
		return nil
	}
	return m.dismiss(old, false)
}

// dismiss ends a, whose peer is told or not; do what it returns without mu. The caller holds
// mu.
func (m *mux) dismiss(a *association, tell bool) (after []func()) {
	c, unasked := a.conn, m.remove(a)
	return []func(){func() {
		if tell {
			_ = a.goodbye() // an error is as good as a lost datagram
		}
		a.mute()
		if c != nil {
			c.hangUp()
		}
		if unasked {
			a.tellNoRequest(bootstrap.UnusedReplaced)
		}
	}}
}

// leave forgets h, and reports whether something encrypted came from its peer.
func (m *mux) leave(h *handshake) (sealed bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drop(h, nil)
	m.welcomeNext()
	return h.sealed
}

// drop forgets h and ends it because of cause. The caller holds mu.
func (m *mux) drop(h *handshake, cause error) {
	if !h.over {
		h.over = true
		s := m.slots[h.peer]
		s.handshake = nil
		m.set(h.peer, s)
		m.unassign(h)
	}
	m.admission.settle(h.ticket)
	h.timeout.Stop()
	h.cancel(cause)
}

// vacate takes a out of the seat of its address, if it has that. The caller holds mu.
func (m *mux) vacate(a *association) {
	if s := m.slots[a.peer]; s.association == a {
		s.association = nil
		m.set(a.peer, s)
	}
}

// set puts s at an address. The caller holds mu.
func (m *mux) set(peer udpPeer, s seat) {
	if s == (seat{}) {
		delete(m.slots, peer)
		return
	}
	m.slots[peer] = s
}

// close ends every association, tells the peers of those that are active, and closes the
// socket. Where associations are kept they go on after that, and nobody is told.
func (m *mux) close() error {
	if m.outlives() {
		m.layAllDown()
		err := m.socket.conn.Close()
		m.keep.stop()
		return err
	}
	m.mu.Lock()
	var after []func()
	for m.active.Len() > 0 {
		after = append(after, m.dismiss(m.active.Front().Value.(*association), true)...)
	}
	for m.dormant.Len() > 0 {
		after = append(after, m.dismiss(m.dormant.Front().Value.(*association), false)...)
	}
	m.mu.Unlock()
	do(after)
	return m.socket.conn.Close()
}

// associations is how many are active.
func (m *mux) associations() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.active.Len()
}

// hibernated is how many hibernate.
func (m *mux) hibernated() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.dormant.Len()
}

// handshakes is how many are under way.
func (m *mux) handshakes() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.admission.handshakes()
}
