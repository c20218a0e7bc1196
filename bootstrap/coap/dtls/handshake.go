package dtls

import (
	"context"
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
	pipe        *pion.Pipe
	admission   *admission.Admission
	reservation admission.Reservation

	certificates []tls.Certificate // of the server

	returned []byte      // the cookie that the peer returned before there was a handshake
	offer    hello.Offer // in the ClientHello

	cancel context.CancelCauseFunc // ends it

	// What follows is guarded by mux.mu.
	timeout        *time.Timer  // ends it
	until          time.Time    // when it does
	ended          bool         // in no slot any more
	cid            connectionID // zero where the peer did not ask for one, or not yet
	plainLeft      int          // datagrams that it may still take
	plainBytesLeft int          // the same in bytes
	sealed         bool         // something encrypted came, such as the peer's Finished
	claimed        bool         // the peer has named its PSK identity

	// claim is written within the handshake, and read after it.
	claim claim
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
	if !h.pipe.Put(b, from) {
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
	if h.timeout != nil {
		h.timeout.Stop()
	}
	h.until = at
	h.timeout = h.mux.tasks.AfterFunc(time.Until(at), func() { h.cancel(ErrHandshakeTimeout) })
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

// run is the life of the handshake. ctx ends it.
func (h *handshake) run(ctx context.Context) {
	defer h.contain(func() { h.failed(ctx, h.panicked()) })
	agreed, err := h.shake(ctx)
	if err != nil {
		h.failed(ctx, err)
		return
	}
	if !h.complete(agreed) { // not a failure of the peer
		h.mux.endHandshake(h)
		return
	}
	if h.claim.choice {
		h.mux.otherKeys.done(h.claim.identity, h.peer.Remote.Addr())
	}
	if report := h.mux.cfg.HandshakeDone; report != nil {
		report(time.Since(h.started))
	}
}

// complete makes an association of what was agreed, and reports whether there is room for
// it.
func (h *handshake) complete(agreed pion.Agreement) bool {
	a, waiting := h.mux.activate(h, newAssociation(h, agreed))
	if a == nil {
		return false
	}
	for _, in := range waiting {
		h.mux.meter.Dropped.Add(a.receive(in.From.(udp.Peer), in.Data))
	}
	return true
}
