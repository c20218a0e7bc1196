package dtls

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"time"

	"lwbs/bootstrap/coap/admission"
	"lwbs/bootstrap/coap/dtls/hello"
	"lwbs/bootstrap/coap/dtls/record"
	"lwbs/bootstrap/coap/traffic"
	"lwbs/bootstrap/coap/udp"
	"lwbs/bootstrap/outcome"
)

// maxPlain is how many datagrams a handshake takes: a few suffice for a PSK, a certificate chain
// in small fragments may need some dozens. They are not authenticated, and pion stores parts of
// messages.
const maxPlain = 64

// maxPlainBytes is the same in bytes: eight certificates of 2 KiB, and a retransmission.
const maxPlainBytes = 32 << 10

// Why a handshake is evicted.
var (
	errCrowdedOut = fmt.Errorf("%w: the handshake made room for another when the peer had been silent for %v", outcome.ErrBusy, admission.EvictableAfter)
	errSuperseded = errors.New("the peer began another handshake")
)

// A monitor reports whether there is more to do than CPU capacity.
type monitor interface{ Overloaded() bool }

// acceptHello takes a whole ClientHello of a peer without a handshake. With the cookie of
// [mux.sendCookie] in it a handshake begins, to which the ClientHello before is replayed, or the
// client waits in the handshake queue. The caller holds mu.
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
		m.pending.Remove(peer) // else it would be admitted twice
	}
	if _, room := m.room(now); why == traffic.DropTableFull && room {
		why = m.pending.Add(v) // handshakes are what is missing, and they end soon
		m.scheduleAdmission(now)
	}
	return why
}

// admitPending begins the handshake of a client that has returned its cookie, or returns why it
// cannot begin. The caller holds mu.
func (m *mux) admitPending(v *admission.PendingClient) traffic.DropReason {
	h, why := m.admit(v)
	if why != traffic.NotDropped {
		return why
	}
	d := hello.Digest{Kind: hello.KindHello}
	if _, ok := h.engine.(*stepEngine); ok {
		return h.put(v.Peer, d, v.Hello)
	}
	w, _ := hello.ParseWhole(v.Hello)
	first, _ := w.Before() // acceptHello has checked that there is one
	return max(h.put(v.Peer, d, first), h.put(v.Peer, d, v.Hello))
}

// admit returns a new handshake, or the limit that is reached. An older one at the same address ends.
// The caller holds mu.
func (m *mux) admit(v *admission.PendingClient) (*handshake, traffic.DropReason) {
	now := time.Now()
	from := v.Peer.Remote.Addr()
	reservation, why := m.sources.Reserve(from, now)
	if why != traffic.NotDropped {
		return nil, why
	}
	offer, readable := hello.ParseOffer(v.Hello)
	h := &handshake{
		mux:            m,
		peer:           v.Peer,
		random:         v.Random,
		started:        now,
		reservation:    reservation,
		plainLeft:      maxPlain,
		plainBytesLeft: maxPlainBytes,

		returned: v.Cookie,
		offer:    offer,
	}
	if _, room := m.room(now); room || m.slots[v.Peer].association != nil { // which the new one will replace
		if old := m.slots[v.Peer].handshake; old != nil {
			m.dropHandshake(old, errSuperseded)
		}
		h.admission = m.limiter.Admit(from, now, func() { m.dropHandshake(h, errCrowdedOut) })
	}
	if h.admission == nil {
		m.sources.Cancel(reservation)
		return nil, traffic.DropTableFull
	}
	h.setDeadline(now.Add(m.cfg.DTLS.HandshakeTimeout))
	s := m.slots[h.peer]
	s.handshake = h
	m.slots[h.peer] = s
	begin := h.beginWithPion // which rejects what makes no sense
	if readable && !m.cfg.DTLS.PionForPSK && record.Common(offer.Suites, record.Suites()) {
		begin = h.beginInSteps
	}
	if !begin() {
		m.dropHandshake(h, net.ErrClosed)
		return nil, traffic.DropEnding
	}
	return h, traffic.NotDropped
}

// isOverloaded reports whether another handshake would delay those under way, and the sessions that
// they lead to. The caller holds mu.
func (m *mux) isOverloaded() bool {
	return m.limiter.Len()+m.requests >= admission.MinSessions && m.monitor.Overloaded()
}

// admitNext admits the next client of the handshake queue after a handshake or a request has ended,
// and one more without overload, so that the queue drains. The caller holds mu.
func (m *mux) admitNext() {
	for range 2 {
		if m.isOverloaded() {
			return
		}
		m.pending.Next(time.Now(), m.tryAdmit)
	}
}

// tryAdmit admits a client, and reports whether it has to wait no longer. The caller holds mu.
func (m *mux) tryAdmit(v *admission.PendingClient) bool {
	return m.admitPending(v) != traffic.DropTableFull
}

const (
	// maxAdmitted is how many clients are admitted at once in the place of silent handshakes.
	maxAdmitted = 64

	// admissionPause is the shortest pause between two looks at the queue.
	admissionPause = 200 * time.Millisecond
)

// scheduleAdmission sets a timer for when the first handshake may be evicted, so that clients are
// admitted then even if nothing else happens. The caller holds mu.
func (m *mux) scheduleAdmission(now time.Time) {
	at, ok := m.limiter.NextEviction()
	if !ok || m.admissionTimer != nil || m.pending.Len() == 0 {
		return
	}
	m.admissionTimer = m.tasks.AfterFunc(max(at.Sub(now), admissionPause), m.admitQueued)
}

// admitQueued admits clients of the handshake queue.
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

// Schedule implements [exchange.Scheduler]: the handler runs at once, and then the next client is
// admitted.
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

// requestHandled notes that a request has been handled, which makes room for a handshake.
func (m *mux) requestHandled() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.requests--
	m.admitNext()
}

// AwaitValidation implements [exchange.Scheduler]. The address of each peer is validated.
func (m *mux) AwaitValidation() (resume func()) { return func() {} }

// Hurries implements [exchange.Scheduler].
func (m *mux) Hurries() bool { return m.monitor.Overloaded() }
