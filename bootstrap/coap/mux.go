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
)

// maxPlain is how many datagrams of its handshake an association takes: a few suffice
// for a PSK, a certificate chain in small fragments may need some dozens. What is in the
// clear anybody could have sent, and pion stores parts of messages.
const maxPlain = 64

// Errors of associations that have to give way.
var (
	errCrowdedOut = fmt.Errorf("%w: the handshake made room for another when the peer had been silent for %v", bootstrap.ErrBusy, givesWayAfter)
	errSuperseded = errors.New("the peer began another handshake")
	errNoRoom     = errors.New("no room for another association")
)

// A mux divides the datagrams of one socket among DTLS associations. Its read loop
// never waits for any of them.
type mux struct {
	hub    *hub
	socket *socket
	keys   *keyFinder
	gate   *gate
	pace   pace

	cookies cookieMaker

	mu        sync.Mutex
	partials  *reassembler                  // guarded by mu
	slots     map[udpPeer]slot              // guarded by mu; no empty ones
	cids      map[connectionID]*association // guarded by mu
	order     *list.List                    // of *association, the live ones, last heard first; guarded by mu
	admission *admission                    // guarded by mu
	lobby     *lobby                        // guarded by mu
	requests  int                           // guarded by mu; that are handled
	relief    *time.Timer                   // guarded by mu; nil where none is due
}

// A slot has the associations of one address and port, at most one of each stage.
//
// A device that lost power comes back with a ClientHello from the port that it had
// before, and must get in at once; but anybody can forge a ClientHello. So the
// newcomer runs beside the others and takes the place of an older one only when it
// has come as far: a cookie returned replaces a handshake, and a complete handshake
// the association (RFC 6347 §4.2.8).
type slot [stages]*association

func newMux(h *hub, s *socket) *mux {
	m := &mux{
		hub:       h,
		socket:    s,
		keys:      newKeyFinder(h.cfg.PSK),
		gate:      newGate(h.cfg.Strangers),
		cookies:   newCookieMaker(),
		slots:     make(map[udpPeer]slot),
		cids:      make(map[connectionID]*association),
		order:     list.New(),
		admission: newAdmission(h.cfg),
		lobby:     newLobby(),
	}
	m.partials = newReassembler(m.returned)
	h.attend, h.late = m.attend, m.pace.slow
	return m
}

// run reads until the socket is closed.
func (m *mux) run() {
	for range lookups {
		m.hub.spawn(func() { m.keys.serve(m.hub.ctx) })
	}
	m.socket.read(m.take)
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
		return DropMalformed
	}
	if d.hello.first && !m.knows(peer, d.hello.random) {
		m.ask(peer, d.hello.random)
		return notDropped
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.route(peer, d, b)
}

// knows reports whether there is an association at peer that began with a ClientHello
// with this random.
func (m *mux) knows(peer udpPeer, random [clientRandom]byte) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range m.slots[peer] {
		if a != nil && a.random == random {
			return true
		}
	}
	return false
}

// ask sends a cookie to a peer that begins a handshake, and remembers nothing of it:
// whoever forges its address costs no more than this. Of a ClientHello in fragments the
// first one has all that the cookie is made of, and is larger than the answer.
func (m *mux) ask(peer udpPeer, random [clientRandom]byte) {
	m.hub.counters.sent.Add(1)
	question := challenge(m.cookies.cookie(peer, random, time.Now()))
	// An error is as good as a lost datagram.
	_ = m.socket.write(question, sourceControl(peer.local), peer.remote)
}

// route puts b into the queues of the associations that it may be for, and returns why
// not where none took it. The caller holds mu.
func (m *mux) route(peer udpPeer, d digest, b []byte) DropReason {
	s := m.slots[peer]
	switch d.kind {
	case kindHello:
		return m.routeHello(peer, d.hello, b)
	case kindAlert: // which counts for nothing after a handshake
		return s[proving].put(peer, d, b)
	case kindFlight:
		if s[proving] != nil {
			return s[proving].put(peer, d, b)
		}
		// Our last flight was lost, and the peer repeats its own.
		return s[live].put(peer, d, b)
	default:
		if d.cid != nil {
			return m.routeCID(peer, d, b)
		}
		// Which keys it is under only trying can tell.
		toProving, toLive := s[proving].put(peer, d, b), s[live].put(peer, d, b)
		return min(toProving, toLive) // not dropped where one of them took it
	}
}

// routeHello finds the handshake that a ClientHello is part of, or begins one. The
// caller holds mu.
func (m *mux) routeHello(peer udpPeer, h hello, b []byte) DropReason {
	s := m.slots[peer]
	if a := s[live]; a != nil && h.start && a.random == h.random {
		return DropOutOfPlace // came twice: a handshake of its own would get what the peer repeats for a
	}
	if a := s[proving]; a != nil && h.start && a.random == h.random {
		return a.put(peer, digest{kind: kindHello}, b) // its answer was lost
	}
	if w, ok := parseWholeHello(b); ok {
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

// welcome begins the association of a peer that has returned its cookie, and returns why
// not. The caller holds mu.
func (m *mux) welcome(v *visitor) DropReason {
	a, why := m.admit(v)
	if why != notDropped {
		return why
	}
	d := digest{kind: kindHello}
	w, _ := parseWholeHello(v.second)
	first, _ := w.before() // as with any visitor
	return max(a.put(v.peer, d, first), a.put(v.peer, d, v.second))
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
	m.relief = time.AfterFunc(max(at.Sub(now), reliefPause), m.relieve)
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
		f()
		m.attended()
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

// admit returns a new association, or at which limit there can be none. An older handshake
// of the same address is given up. The caller holds mu.
func (m *mux) admit(v *visitor) (*association, DropReason) {
	now := time.Now()
	from := v.peer.remote.Addr()
	paid, why := m.gate.enter(from, now)
	if why != notDropped {
		return nil, why
	}
	ctx, cancel := context.WithCancelCause(m.hub.ctx)
	a := &association{
		mux:     m,
		peer:    v.peer,
		random:  v.random,
		started: now,
		paid:    paid,
		cancel:  cancel,
		plain:   maxPlain,

		returned: v.cookie,
	}
	if _, room := m.room(now); room || m.slots[v.peer][live] != nil { // which it will replace
		if old := m.slots[v.peer][proving]; old != nil {
			m.drop(old, errSuperseded)
		}
		a.ticket = m.admission.enter(from, now, func() { m.drop(a, errCrowdedOut) })
	}
	if a.ticket == nil {
		cancel(nil)
		m.gate.leave(paid)
		return nil, DropTableFull
	}
	a.pipe = newPipe(m.socket, v.peer)
	a.setDeadline(now.Add(m.hub.cfg.DTLS.HandshakeTimeout))
	m.place(a, proving)
	if !m.hub.spawn(func() { a.run(ctx) }) {
		m.drop(a, net.ErrClosed)
		return nil, DropEnding
	}
	return a, notDropped
}

// establish notes that the handshake is complete, and ends the association that the
// address had before, or one that is idle where there are too many. It reports false where
// this one had to give way itself.
func (m *mux) establish(a *association) bool {
	idle, ok := m.settle(a)
	if idle != nil {
		idle.conn.Close()
	}
	return ok
}

// settle makes a one of the established associations, and returns which is to be closed
// for that.
func (m *mux) settle(a *association) (idle *association, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if a.stage == gone {
		return nil, false
	}
	now := time.Now()
	a.timeout.Stop()
	m.admission.settle(a.ticket)
	m.gate.prove(a.paid, now)
	m.replace(m.slots[a.peer][live], a)
	if idle, ok = m.room(now); !ok {
		return nil, false
	}
	if idle != nil {
		m.place(idle, gone)
	}
	a.roams = a.cid != connectionID{}
	m.place(a, live)
	m.enlist(a)
	m.welcomeNext()
	return idle, true
}

// replace ends old, the association that the address of a had before; nil for none. Where
// another device had that address, and is found without it, its association goes on. The
// caller holds mu.
func (m *mux) replace(old, a *association) {
	switch {
	case old == nil:
	case old.roams && old.claim.name() != a.claim.name():
		m.vacate(old)
	default:
		m.place(old, gone)
		old.pipe.Close()
	}
}

// leave forgets a, and reports whether something encrypted came from its peer.
func (m *mux) leave(a *association) (sealed bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drop(a, nil)
	m.welcomeNext()
	return a.sealed
}

// drop forgets a and ends its handshake because of cause. The caller holds mu.
func (m *mux) drop(a *association, cause error) {
	m.place(a, gone)
	m.admission.settle(a.ticket)
	a.timeout.Stop()
	a.cancel(cause)
}

// place moves a to the place of another stage. The caller holds mu.
func (m *mux) place(a *association, to stage) {
	m.vacate(a)
	a.stage = to
	if to == gone {
		m.strike(a)
		m.unassign(a)
		return
	}
	s := m.slots[a.peer]
	s[to] = a
	m.slots[a.peer] = s
}

// vacate takes a out of its slot, if it is in one. The caller holds mu.
func (m *mux) vacate(a *association) {
	s := m.slots[a.peer]
	if a.stage == gone || s[a.stage] != a {
		return
	}
	s[a.stage] = nil
	if s == (slot{}) {
		delete(m.slots, a.peer)
		return
	}
	m.slots[a.peer] = s
}

// handshakes is how many are under way.
func (m *mux) handshakes() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.admission.handshakes()
}
