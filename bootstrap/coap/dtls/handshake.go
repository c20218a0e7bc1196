package dtls

import (
	"crypto/tls"
	"time"

	"lwbs/bootstrap/coap/admission"
	"lwbs/bootstrap/coap/dtls/hello"
	"lwbs/bootstrap/coap/dtls/pion"
	"lwbs/bootstrap/coap/dtls/record"
	"lwbs/bootstrap/coap/traffic"
	"lwbs/bootstrap/coap/udp"
)

// A handshake is one DTLS handshake of a listener, from the ClientHello that brought the
// cookie on until it is complete or has failed.
type handshake struct {
	mux         *mux
	peer        udp.Peer
	random      [record.RandomSize]byte // of the ClientHello
	started     time.Time
	engine      engine
	admission   *admission.Admission
	reservation admission.Reservation

	certificates []tls.Certificate // of the server

	returned []byte      // the cookie that the peer returned before there was a handshake
	offer    hello.Offer // in the ClientHello

	// What follows is guarded by mux.mu.
	timer          *time.Timer  // of what is next
	until          time.Time    // when it ends, at the latest
	next           time.Time    // when its engine retransmits; zero where that is its own business
	ended          bool         // in no slot any more
	cid            connectionID // zero where the peer did not ask for one, or not yet
	plainLeft      int          // datagrams that it may still take
	plainBytesLeft int          // the same in bytes
	sealed         bool         // something encrypted came, such as the peer's Finished
	claimed        bool         // the peer has named its PSK identity

	// claim is written within the handshake, and read after it.
	claim claim
}

// An engine carries a handshake on. Its methods are called by who holds mux.mu.
type engine interface {
	// put queues a copy of a datagram, and reports whether there is room for it.
	put(b []byte, from udp.Peer) bool

	// retransmit is called at [handshake.next].
	retransmit()

	// cancel ends the handshake, which has failed for this cause unless it is complete.
	cancel(cause error)

	// canceled reports whether cancel was called.
	canceled() bool

	// drain returns what has come after the last datagram that was part of the handshake.
	drain() []pion.Packet
}

// put queues a copy of a datagram of the peer, or returns why it is dropped. A nil handshake takes
// none. The caller holds mux.mu.
func (h *handshake) put(from udp.Peer, d hello.Digest, b []byte) traffic.DropReason {
	switch {
	case h == nil, !h.expects(d):
		return traffic.DropOutOfPlace
	case h.plainLeft == 0, len(b) > h.plainBytesLeft:
		return traffic.DropQueueFull
	}
	h.plainLeft--
	h.plainBytesLeft -= len(b)
	h.mux.limiter.Heard(h.admission, time.Now())
	if d.Sealed && !h.sealed {
		h.sealed = true
		h.noteSentAll()
	}
	if !h.engine.put(b, from) {
		return traffic.DropQueueFull
	}
	return traffic.NotDropped
}

// verdictTime is how long a handshake goes on whose peer has sent all that it has to: with the right
// key it is complete at once, and with another it never is.
const verdictTime = 10 * time.Second

// setDeadline ends the handshake at that time. The caller holds mux.mu, or is the only one
// to know h.
func (h *handshake) setDeadline(at time.Time) {
	h.until = at
	h.schedule()
}

// schedule sets the timer for what is next. The caller holds mux.mu, or is the only one to know h.
func (h *handshake) schedule() {
	at := h.until
	if !h.next.IsZero() && h.next.Before(at) {
		at = h.next
	}
	switch {
	case h.timer == nil:
		h.timer = h.mux.tasks.AfterFunc(time.Until(at), h.timeHasCome)
	case !h.ended && !h.mux.tasks.Ending():
		h.timer.Reset(time.Until(at))
	}
}

// timeHasCome ends the handshake or has its engine retransmit.
func (h *handshake) timeHasCome() {
	h.mux.mu.Lock()
	defer h.mux.mu.Unlock()
	switch now := time.Now(); {
	case h.ended:
	case !now.Before(h.until):
		h.engine.cancel(ErrHandshakeTimeout)
	case !h.next.IsZero() && !now.Before(h.next):
		h.engine.retransmit()
		h.timer.Reset(time.Until(h.until)) // until the engine sets next, which may wait for a key
	default: // it was set anew in the meantime
		h.schedule()
	}
}

// noteSentAll brings the deadline of the handshake nearer where the peer has sent both its identity
// and its Finished. Where the identity has two keys, the next handshake is tried with the other one,
// unless this one completes. The caller holds mux.mu.
func (h *handshake) noteSentAll() {
	if !h.ended && h.claimed && h.sealed && h.claim.choice {
		h.mux.otherKeys.tried(h.claim.identity, h.peer.Remote.Addr(), h.claim.second)
	}
	if at := time.Now().Add(verdictTime); !h.ended && h.claimed && h.sealed && at.Before(h.until) {
		h.setDeadline(at)
	}
}

// expects reports whether d has the connection ID that it must have: the right one if any,
// as pion would cut other records in the wrong places, and one on all that is encrypted
// where there is one. The caller holds mux.mu.
func (h *handshake) expects(d hello.Digest) bool {
	if d.CID != nil {
		return h.cid == connectionID(d.CID) && h.cid != connectionID{}
	}
	return d.Kind != hello.KindSealed || h.cid == connectionID{}
}

// complete makes an association of a complete handshake, with the record layer that goes on where the
// handshake ended and the last flight of the server. What overtook that flight, and what has come
// behind it, is the association's.
func (h *handshake) complete(layer record.Layer, flight []byte, overtook []record.Opened) {
	if !h.claim.valid { // cannot be: no client has a decoy key
		h.failed(ErrUnknownIdentity)
		return
	}
	a, waiting := h.mux.activate(h, newAssociation(h, layer, flight))
	if a == nil { // there is no room for it, which is not a failure of the peer
		h.mux.endHandshake(h)
		return
	}
	for _, opened := range overtook {
		h.mux.meter.Dropped.Add(a.handle(h.peer, opened))
	}
	for _, in := range waiting {
		h.mux.meter.Dropped.Add(a.receive(in.From.(udp.Peer), in.Data))
	}
	if h.claim.choice {
		h.mux.otherKeys.done(h.claim.identity, h.peer.Remote.Addr())
	}
	if report := h.mux.cfg.HandshakeDone; report != nil {
		report(time.Since(h.started))
	}
}
