package dtls

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
	"lwbs/bootstrap/coap/admission"
	"lwbs/bootstrap/coap/dtls/hello"
	"lwbs/bootstrap/coap/dtls/pion"
	"lwbs/bootstrap/coap/dtls/record"
	"lwbs/bootstrap/coap/exchange"
	"lwbs/bootstrap/coap/otherprotocol"
	"lwbs/bootstrap/coap/tasks"
	"lwbs/bootstrap/coap/traffic"
	"lwbs/bootstrap/coap/udp"
	"lwbs/bootstrap/outcome"
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
	errCrowdedOut = fmt.Errorf("%w: the handshake made room for another when the peer had been silent for %v", outcome.ErrBusy, admission.EvictableAfter)
	errSuperseded = errors.New("the peer began another handshake")
)

// A mux divides the datagrams of one socket among DTLS associations. Its read loop
// never waits for any of them.
type mux struct {
	cfg            Config
	tasks          *tasks.Group
	meter          *traffic.Meter
	hub            *exchange.Hub
	socket         *udp.Socket
	keys           *keyFinder
	sources        *admission.SourceLimiter
	otherProtocols *otherprotocol.Collector
	monitor        monitor
	persister      *persister // nil where no association is kept

	unknowns *unknownRecords

	cookies hello.CookieMaker

	mu          sync.Mutex
	partials    *hello.Reassembler    // guarded by mu
	slots       map[udp.Peer]slot     // guarded by mu; no empty ones
	cids        map[connectionID]slot // guarded by mu; no empty ones
	active      *list.List            // of *association, last heard first; guarded by mu
	hibernating *list.List            // the same of those that hibernate; guarded by mu

	peers map[peerName][]*association // those of active by their peers; guarded by mu

	// hibernatingOf are those that hibernate by their peers; of each the last to fall asleep, and
	// the others as its siblings; guarded by mu.
	hibernatingOf map[peerName]*association

	limiter        *admission.HandshakeLimiter // guarded by mu
	pending        *admission.HandshakeQueue   // guarded by mu
	requests       int                         // guarded by mu; that are handled
	admissionTimer *time.Timer                 // guarded by mu; nil where none is due
}

// A monitor reports whether there is more to do than CPU capacity.
type monitor interface{ Overloaded() bool }

// A slot has what there is at one address and port, or under one connection ID.
//
// A device that lost power comes back with a ClientHello from the port that it had
// before, and must get in at once; but anybody can forge a ClientHello. So the
// newcomer runs beside the others and takes the place of an older one only when it
// has come as far: a cookie returned replaces a handshake, and a complete handshake
// the association (RFC 6347 §4.2.8).
type slot struct {
	handshake   *handshake
	association *association
}

func newMux(cfg Config, s *udp.Socket, g *tasks.Group, meter *traffic.Meter) *mux {
	m := &mux{
		cfg:            cfg,
		tasks:          g,
		meter:          meter,
		socket:         s,
		keys:           newKeyFinder(cfg.PSK, g.Panics),
		sources:        admission.NewSourceLimiter(cfg.NewPeers),
		otherProtocols: otherprotocol.NewCollector(g, cfg.OtherProtocol, store.TransportDTLS),
		unknowns:       newUnknownRecords(g, cfg),
		cookies:        hello.NewCookieMaker(),
		slots:          make(map[udp.Peer]slot),
		cids:           make(map[connectionID]slot),
		active:         list.New(),
		hibernating:    list.New(),
		peers:          make(map[peerName][]*association),
		hibernatingOf:  make(map[peerName]*association),
		limiter:        admission.NewHandshakeLimiter(cfg.DTLS.MaxHandshakes, cfg.DTLS.MaxHandshakesPerNet),
		pending:        admission.NewHandshakeQueue(),
		monitor:        new(admission.LoadMonitor),
	}
	m.partials = hello.NewReassembler(m.returned)
	if k := cfg.DTLS.Keeper; k != nil && cfg.DTLS.MaxHibernated > 0 {
		m.persister = newPersister(m, k)
	}
	m.hub = exchange.NewHub(cfg.Exchange, g, meter, m)
	return m
}

// start reads until the socket is closed.
func (m *mux) start() {
	for range lookups {
		m.tasks.Go(func() { m.keys.serve(m.tasks.Context()) })
	}
	m.persister.start()
	m.tasks.Go(func() { m.socket.Read(m.take) })
}

// take passes b to the associations that it may be for.
func (m *mux) take(peer udp.Peer, b []byte) {
	m.meter.Received.Add(1)
	m.meter.Dropped.Add(m.sort(peer, b))
}

// sort passes b on, and returns why not.
func (m *mux) sort(peer udp.Peer, b []byte) traffic.DropReason {
	if len(b) > record.MaxDatagram {
		return traffic.DropOversize
	}
	d, ok := hello.Inspect(b)
	if !ok {
		return m.otherProtocols.Take(peer, b)
	}
	if d.Hello.First && !m.knows(peer, d.Hello.Random) {
		return m.beginHandshake(peer, d.Hello, b)
	}
	var a *association
	var why traffic.DropReason
	holding(&m.mu, func() { a, why = m.route(peer, d, b) })
	if why == traffic.DropNoAssociation || why == traffic.DropUnknownCID {
		return m.noAssociation(peer, d, b, why)
	}
	if a == nil {
		return why
	}
	if reason := a.receive(peer, b); why != traffic.NotDropped {
		return reason
	}
	return traffic.NotDropped
}

// noAssociation attends to a record of an association that there is not, or not yet, and returns why
// it is dropped.
func (m *mux) noAssociation(peer udp.Peer, d hello.Digest, b []byte, why traffic.DropReason) traffic.DropReason {
	if m.persister.isRestoring() {
		return traffic.DropRestoring
	}
	m.unknowns.note(peer, d, b)
	return why
}

// knows reports whether there is a handshake or an association at peer that began with a
// ClientHello with this random.
func (m *mux) knows(peer udp.Peer, random [record.RandomSize]byte) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.slots[peer]
	return s.handshake != nil && s.handshake.random == random || s.association != nil && s.association.random == random
}

// beginHandshake answers the first ClientHello of a peer: with a cookie, or with an alert where the
// peer can do with no version of the server.
func (m *mux) beginHandshake(peer udp.Peer, h hello.Hello, b []byte) traffic.DropReason {
	if p := hello.VersionOnly(b); p != bootstrap.ProtocolUnreadable {
		m.otherProtocols.Note(peer, p, bootstrap.Request{}, b)
		m.reply(peer, hello.WrongVersion(b))
		return traffic.DropOtherProtocol
	}
	m.sendCookie(peer, h.Random)
	return traffic.NotDropped
}

// sendCookie sends a cookie to a peer that begins a handshake, and remembers nothing of it:
// whoever forges its address costs no more than this. Of a ClientHello in fragments the
// first one has all that the cookie is made of, and is larger than the answer.
func (m *mux) sendCookie(peer udp.Peer, random [record.RandomSize]byte) {
	m.reply(peer, hello.Challenge(m.cookies.Cookie(peer, random, time.Now())))
}

// reply sends a datagram to a peer that nothing is remembered of.
func (m *mux) reply(peer udp.Peer, b []byte) {
	m.meter.Sent.Add(1)
	_ = m.socket.Write(b, udp.SourceControl(peer.Local), peer.Remote) // an error is as good as a lost datagram
}

// route puts b into the queue of the handshake that it may be for, and returns why not where
// it does not. It returns the association that is to look at b too, or alone. The caller
// holds mu.
func (m *mux) route(peer udp.Peer, d hello.Digest, b []byte) (*association, traffic.DropReason) {
	s := m.slots[peer]
	switch d.Kind {
	case hello.KindHello:
		return nil, m.routeHello(peer, d.Hello, b)
	case hello.KindAlert: // which counts for nothing after a handshake
		return nil, s.handshake.put(peer, d, b)
	case hello.KindFlight:
		if s.handshake != nil {
			return nil, s.handshake.put(peer, d, b)
		}
		return s.association, traffic.DropOutOfPlace // our last flight was lost, and the peer repeats its own
	default:
		if d.CID != nil {
			return m.routeCID(peer, d, b)
		}
		if s == (slot{}) {
			return nil, traffic.DropNoAssociation
		}
		// Which keys it is under only trying can tell.
		return s.association, s.handshake.put(peer, d, b)
	}
}

// routeHello finds the handshake that a ClientHello is part of, or begins one. The
// caller holds mu.
func (m *mux) routeHello(peer udp.Peer, h hello.Hello, b []byte) traffic.DropReason {
	s := m.slots[peer]
	if a := s.association; a != nil && h.Start && a.random == h.Random {
		return traffic.DropOutOfPlace // came twice: a handshake of its own would get what the peer repeats for a
	}
	if begun := s.handshake; begun != nil && h.Start && begun.random == h.Random {
		return begun.put(peer, hello.Digest{Kind: hello.KindHello}, b) // its answer was lost
	}
	if w, ok := hello.ParseWhole(b); ok {
		if len(b) > record.HeaderSize+record.HandshakeHeader+hello.MaxHello {
			return traffic.DropOversize
		}
		return m.acceptHello(peer, w, b)
	}
	whole, why := m.partials.Take(peer, b, time.Now())
	if w, ok := hello.ParseWhole(whole); ok {
		return m.acceptHello(peer, w, whole)
	}
	return why
}

// returned reports whether a peer was sent the cookie in its ClientHello.
func (m *mux) returned(peer udp.Peer, h hello.Hello, now time.Time) bool {
	return m.cookies.Check(h.Cookie, peer, h.Random, now)
}

// acceptHello attends to a ClientHello in one piece, of no handshake that there is. With the
// cookie from [mux.sendCookie] it begins an association, for which it looks as if the first had
// come to it too, or waits until there can be one. The caller holds mu.
func (m *mux) acceptHello(peer udp.Peer, w hello.Whole, b []byte) traffic.DropReason {
	now := time.Now()
	if _, ok := w.Before(); !ok || !m.cookies.Check(w.Cookie, peer, w.Random(), now) {
		return traffic.DropOutOfPlace
	}
	v := &admission.PendingClient{Peer: peer, Random: w.Random(), Cookie: bytes.Clone(w.Cookie), Hello: bytes.Clone(b), Arrived: now, Heard: now}
	why := traffic.DropTableFull
	if !m.isOverloaded() {
		why = m.admitPending(v)
	}
	if why == traffic.NotDropped {
		m.pending.Remove(peer) // else it would be let in twice
	}
	if _, room := m.room(now); why == traffic.DropTableFull && room {
		why = m.pending.Add(v) // it is handshakes that are missing, and those are soon over
		m.scheduleAdmission(now)
	}
	return why
}

// admitPending begins the handshake of a peer that has returned its cookie, and returns why
// not. The caller holds mu.
func (m *mux) admitPending(v *admission.PendingClient) traffic.DropReason {
	h, why := m.admit(v)
	if why != traffic.NotDropped {
		return why
	}
	d := hello.Digest{Kind: hello.KindHello}
	w, _ := hello.ParseWhole(v.Hello)
	first, _ := w.Before() // as with any visitor
	return max(h.put(v.Peer, d, first), h.put(v.Peer, d, v.Hello))
}

// admitNext gives a handshake that has become free to who waits for one, and one more
// where there is the power. The caller holds mu.
func (m *mux) admitNext() {
	for range 2 {
		if m.isOverloaded() {
			return
		}
		m.pending.Next(time.Now(), m.tryAdmit)
	}
}

// tryAdmit lets a visitor in, and reports whether it waits no longer. The caller holds mu.
func (m *mux) tryAdmit(v *admission.PendingClient) bool {
	return m.admitPending(v) != traffic.DropTableFull
}

const (
	// maxAdmitted is how many visitors are let in at once in the place of handshakes that have
	// become silent.
	maxAdmitted = 64

	// admissionPause is how long visitors wait at least until somebody looks again.
	admissionPause = 200 * time.Millisecond
)

// scheduleAdmission sees to it that visitors are let in when a handshake has been silent for so
// long that it gives way: nothing else may happen then. The caller holds mu.
func (m *mux) scheduleAdmission(now time.Time) {
	at, ok := m.limiter.NextEviction()
	if !ok || m.admissionTimer != nil || m.pending.Len() == 0 {
		return
	}
	m.admissionTimer = m.tasks.AfterFunc(max(at.Sub(now), admissionPause), m.admitQueued)
}

// admitQueued lets visitors in.
func (m *mux) admitQueued() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.admissionTimer = nil
	if m.tasks.Ending() {
		return
	}
	now := time.Now()
	for range maxAdmitted {
		if m.isOverloaded() || !m.pending.Next(now, m.tryAdmit) {
			break
		}
	}
	m.scheduleAdmission(now)
}

// isOverloaded reports whether another handshake would make what is under way later: handshakes,
// and sessions, which each of them leads to. The caller holds mu.
func (m *mux) isOverloaded() bool {
	return m.limiter.Len()+m.requests >= admission.MinSessions && m.monitor.Overloaded()
}

// Schedule handles a request of an association in a goroutine of its own, and then lets in
// who waits. It reports whether it does.
func (m *mux) Schedule(f func()) bool {
	m.mu.Lock()
	m.requests++
	m.mu.Unlock()
	began := m.tasks.Go(func() {
		defer m.requestHandled()
		f()
	})
	if !began {
		m.requestHandled()
	}
	return began
}

// AwaitValidation implements [Scheduler]. The address of each peer is validated.
func (m *mux) AwaitValidation() (resume func()) { return func() {} }

// Hurries implements [Scheduler].
func (m *mux) Hurries() bool { return m.monitor.Overloaded() }

// requestHandled notes that a request has been handled, which makes room for a handshake.
func (m *mux) requestHandled() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.requests--
	m.admitNext()
}

// admit returns a new handshake, or at which limit there can be none. An older one of the
// same address is given up. The caller holds mu.
func (m *mux) admit(v *admission.PendingClient) (*handshake, traffic.DropReason) {
	now := time.Now()
	from := v.Peer.Remote.Addr()
	paid, why := m.sources.Reserve(from, now)
	if why != traffic.NotDropped {
		return nil, why
	}
	ctx, cancel := context.WithCancelCause(m.tasks.Context())
	offers, _ := hello.ParseOffer(v.Hello) // what makes no sense pion finds out too
	h := &handshake{
		mux:            m,
		peer:           v.Peer,
		random:         v.Random,
		started:        now,
		reservation:    paid,
		cancel:         cancel,
		plainLeft:      maxPlain,
		plainBytesLeft: maxPlainBytes,

		returned: v.Cookie,
		offer:    offers,
	}
	if _, room := m.room(now); room || m.slots[v.Peer].association != nil { // which it will replace
		if old := m.slots[v.Peer].handshake; old != nil {
			m.dropHandshake(old, errSuperseded)
		}
		h.admission = m.limiter.Admit(from, now, func() { m.dropHandshake(h, errCrowdedOut) })
	}
	if h.admission == nil {
		cancel(nil)
		m.sources.Cancel(paid)
		return nil, traffic.DropTableFull
	}
	h.pipe = pion.NewPipe(m.socket, v.Peer)
	h.setDeadline(now.Add(m.cfg.DTLS.HandshakeTimeout))
	s := m.slots[h.peer]
	s.handshake = h
	m.slots[h.peer] = s
	if !m.tasks.Go(func() { h.run(ctx) }) {
		m.dropHandshake(h, net.ErrClosed)
		return nil, traffic.DropEnding
	}
	return h, traffic.NotDropped
}

// activate puts a in the place of h, which is complete, and ends the association that the
// address had before. It returns what came for h after that was complete; a is nil where it
// had to give way itself.
func (m *mux) activate(h *handshake, a *association) (_ *association, waiting []pion.Packet) {
	var after []func()
	var ok bool
	holding(&m.mu, func() {
		if after, ok = m.activateLocked(h, a); ok {
			waiting = h.pipe.Drain()
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

// activateLocked makes a one of the active associations, and reports whether it may be one; do what
// it returns without mu. The caller holds mu.
func (m *mux) activateLocked(h *handshake, a *association) (after []func(), ok bool) {
	if h.ended {
		return nil, false
	}
	now := time.Now()
	m.sources.Validate(h.reservation, now)
	after = m.replace(m.slots[h.peer].association, a)
	after = append(after, m.makeRoomOf(a)...)
	more, ok := m.makeRoom(now)
	if after = append(after, more...); !ok {
		return after, false
	}
	delete(m.cids, h.cid) // it is that of a
	h.cid = connectionID{}
	m.dropHandshake(h, nil)
	m.index(a)
	a.place = m.active.PushFront(a)
	m.joinPeer(a)
	a.requestTimer = m.tasks.AfterFunc(m.cfg.DTLS.RequestTimeout, func() { m.requestTimedOut(a) })
	m.admitNext()
	return after, true
}

// index lets a be found, unless another association has its address. The caller holds mu.
func (m *mux) index(a *association) {
	if s := m.slots[a.peer]; s.association == nil {
		s.association = a
		m.slots[a.peer] = s
	}
	if a.cid != (connectionID{}) {
		m.cids[a.cid] = slot{association: a}
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
	return m.end(old, false)
}

// end ends a, whose peer is told or not; do what it returns without mu. The caller holds
// mu.
func (m *mux) end(a *association, tell bool) (after []func()) {
	c, unasked := a.conn, m.remove(a)
	return []func(){func() {
		if tell {
			_ = a.closeNotifyLast() // an error is as good as a lost datagram
		}
		a.stopSending()
		if c != nil {
			c.HangUp()
		}
		if unasked {
			a.reportNoRequest(bootstrap.UnusedReplaced)
		}
	}}
}

// endHandshake forgets h, and reports whether something encrypted came from its peer.
func (m *mux) endHandshake(h *handshake) (sealed bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dropHandshake(h, nil)
	m.admitNext()
	return h.sealed
}

// dropHandshake forgets h and ends it because of cause. The caller holds mu.
func (m *mux) dropHandshake(h *handshake, cause error) {
	if !h.ended {
		h.ended = true
		s := m.slots[h.peer]
		s.handshake = nil
		m.set(h.peer, s)
		m.unassign(h)
	}
	m.limiter.Release(h.admission)
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
func (m *mux) set(peer udp.Peer, s slot) {
	if s == (slot{}) {
		delete(m.slots, peer)
		return
	}
	m.slots[peer] = s
}

// close ends every association, tells the peers of those that are active, and closes the
// socket. Where associations are kept they go on after that, and nobody is told.
func (m *mux) close() error {
	if m.outlives() {
		m.hibernateAll()
		err := m.socket.Close()
		m.persister.stop()
		return err
	}
	m.mu.Lock()
	var after []func()
	for m.active.Len() > 0 {
		after = append(after, m.end(m.active.Front().Value.(*association), true)...)
	}
	for m.hibernating.Len() > 0 {
		after = append(after, m.end(m.hibernating.Front().Value.(*association), false)...)
	}
	m.mu.Unlock()
	do(after)
	return m.socket.Close()
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
	return m.hibernating.Len()
}

// handshakes is how many are under way.
func (m *mux) handshakes() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.limiter.Len()
}
