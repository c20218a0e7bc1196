package coap

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"lwbs/bootstrap"
)

// Why a handshake did not complete, beside what the peer's own alert may say.
var (
	// ErrHandshakeTimeout: the peer fell silent.
	ErrHandshakeTimeout = errors.New("handshake timed out")

	// ErrUnknownIdentity: nobody has the identity that the peer claimed.
	ErrUnknownIdentity = errors.New("unknown PSK identity")

	// ErrKeyDiffers: what the peer sent to prove its key does not fit our key.
	ErrKeyDiffers = bootstrap.ErrKeyDiffers
)

// A handshake is one DTLS handshake of a listener, from the ClientHello that brought the
// cookie on until it is complete or has failed.
type handshake struct {
	mux     *mux
	peer    udpPeer
	random  [clientRandom]byte // of the ClientHello
	started time.Time
	pipe    *pipe
	ticket  *ticket
	paid    toll

	returned []byte // the cookie that the peer returned before there was a handshake
	offer    offer  // in the ClientHello

	cancel context.CancelCauseFunc // ends it

	// What follows is guarded by mux.mu.
	timeout *time.Timer  // ends it
	until   time.Time    // when it does
	over    bool         // in no slot any more
	cid     connectionID // zero where the peer did not ask for one, or not yet
	plain   int          // datagrams that it may still take
	bytes   int          // the same in bytes
	sealed  bool         // something encrypted came, such as the peer's Finished
	claimed bool         // the peer has named its PSK identity

	// claim is written within the handshake, and read after it.
	claim claim
}

// A claim is what a peer says that it is, and what was found out about that.
type claim struct {
	identity string              // of PSK
	key      []byte              // that of the identity, or a made-up one
	chain    []*x509.Certificate // its own first
	sent     [][]byte            // certificates of a handshake that failed, of which nothing is proved
	good     bool                // the identity has a key, or the chain was accepted
	err      error               // what was wrong with the one or the other, or with what it offers
	accepted []Suite             // by us
	shown    *x509.Certificate   // our own that it was shown; nil for none
}

// A peerName is what a peer has authenticated as: a PSK identity, or the SHA-256 of its
// certificate.
type peerName struct {
	text          string
	isCertificate bool
}

// put queues a copy of a datagram of the peer, and returns why not. A nil handshake takes
// none. The caller holds mux.mu.
func (h *handshake) put(from udpPeer, d digest, b []byte) DropReason {
	switch {
	case h == nil, !h.expects(d):
		return DropOutOfPlace
	case h.plain == 0, len(b) > h.bytes:
		return DropQueueFull
	}
	h.plain--
	h.bytes -= len(b)
	h.mux.admission.hear(h.ticket, time.Now())
	if d.sealed && !h.sealed {
		h.sealed = true
		h.hasSentAll()
	}
	if !h.pipe.put(b, from) {
		return DropQueueFull
	}
	return notDropped
}

// verdictTime is how long a handshake goes on whose peer has sent all that it has to: with
// its key it is complete at once, and with another it never is.
const verdictTime = 10 * time.Second

// setDeadline ends the handshake at that time. The caller holds mux.mu, or is the only one
// to know h.
func (h *handshake) setDeadline(at time.Time) {
	if h.timeout != nil {
		h.timeout.Stop()
	}
	h.until = at
	h.timeout = h.mux.hub.afterFunc(time.Until(at), func() { h.cancel(ErrHandshakeTimeout) })
}

// hasSentAll notes that the peer has sent its identity or its Finished, and brings the end
// of the handshake nearer where it has sent both. The caller holds mux.mu.
func (h *handshake) hasSentAll() {
	if at := time.Now().Add(verdictTime); !h.over && h.claimed && h.sealed && at.Before(h.until) {
		h.setDeadline(at)
	}
}

// expects reports whether d has the connection ID that it must have: the right one if any,
// as pion would cut other records in the wrong places, and one on all that is encrypted
// where there is one. The caller holds mux.mu.
func (h *handshake) expects(d digest) bool {
	if d.cid != nil {
		return h.cid == connectionID(d.cid) && h.cid != connectionID{}
	}
	return d.kind != kindSealed || h.cid == connectionID{}
}

// run is the life of the handshake. ctx ends it.
func (h *handshake) run(ctx context.Context) {
	defer h.contain(func() { h.failed(ctx, h.panicked()) })
	agreed, err := h.shake(ctx)
	if err != nil {
		h.failed(ctx, err)
		return
	}
	if !h.complete(agreed) { // which is nobody's failure
		h.mux.leave(h)
		return
	}
	if report := h.mux.hub.cfg.HandshakeDone; report != nil {
		report(time.Since(h.started))
	}
}

// contain contains a panic of the handshake, also in a goroutine of pion, and calls then
// after one. Only a deferred call has an effect.
func (h *handshake) contain(then func()) {
	if p := recover(); p != nil {
		h.mux.hub.cfg.Panics.Note(bootstrap.PartHandshake, p)
		then()
	}
}

// shake lets pion carry the handshake out, after which claim is proved.
func (h *handshake) shake(ctx context.Context) (agreement, error) {
	certificates := h.mux.hub.cfg.DTLS.Certificates()
	h.claim.accepted = accepted(certificates)
	agreed, err := accept(ctx, h.pipe, h.peer, serverSide{
		cookie: h.returned,
		cid:    h.cidMaker(),
		key:    h.findKey,
		certificate: func(name string) (c *tls.Certificate, err error) {
			defer h.contain(func() { c, err = nil, h.panicked() })
			return h.show(choose(certificates, name, h.offer))
		},
		signatures: preferred(h.offer),
		verify:     h.verify,
		unproved:   func(raw [][]byte) { h.claim.sent = raw },
	})
	if err == nil && (!h.claim.good || agreed.identity != h.claim.identity) {
		err = ErrUnknownIdentity // cannot be: nobody knows a made-up key
	}
	return agreed, err
}

// cidMaker returns what makes a connection ID for the peer, if it asks for one; nil where it
// gets none. With CBC it does not: pion's MAC then has the content twice, against
// RFC 9146 §5.1, so that no other stack would understand it.
func (h *handshake) cidMaker() func() []byte {
	for _, s := range h.offer.suites {
		if slices.Contains(Suites(), s) { // which pion chooses then; see choose
			if s == PSKWithAES128CBCSHA256 {
				return nil
			}
			break
		}
	}
	return func() []byte { return h.mux.assign(h) }
}

// complete makes an association of what was agreed, and reports whether there is room for
// it.
func (h *handshake) complete(agreed agreement) bool {
	a, waiting := h.mux.establish(h, newAssociation(h, agreed))
	if a == nil {
		return false
	}
	for _, in := range waiting {
		h.mux.hub.counters.dropped.add(a.receive(in.from.(udpPeer), in.data))
	}
	return true
}

// findKey returns the key for the identity that the peer claims.
func (h *handshake) findKey(identity string) (key []byte, err error) {
	defer h.contain(func() { key, err = nil, h.panicked() })
	key, known, err := h.mux.keys.find(h.mux.hub.ctx, identity)
	if err == nil {
		h.claim.identity, h.claim.key = identity, key
	}
	h.claim.good, h.claim.err = known, err
	h.mux.mu.Lock()
	defer h.mux.mu.Unlock()
	h.claimed = true
	h.hasSentAll()
	return key, err
}

// show remembers the certificate that the peer is shown, or why there is none for it.
func (h *handshake) show(c *tls.Certificate, err error) (*tls.Certificate, error) {
	if err != nil {
		h.claim.err = err
		return nil, err
	}
	h.claim.shown = c.Leaf
	return c, nil
}

// verify decides about the certificates of the peer.
func (h *handshake) verify(raw [][]byte) (err error) {
	defer h.contain(func() { err = h.panicked() })
	chain, err := parseChain(raw)
	if err == nil {
		h.claim.chain = chain
		err = h.mux.hub.cfg.DTLS.VerifyClient(chain)
	}
	h.claim.good, h.claim.err = err == nil, err
	return err
}

// panicked notes that our side is why the handshake ends, and returns that.
func (h *handshake) panicked() error {
	h.claim.good, h.claim.err = false, bootstrap.ErrPanicked
	return h.claim.err
}

// failed tells of a handshake that ended with err, unless we are about to stop.
func (h *handshake) failed(ctx context.Context, err error) {
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	sealed := h.mux.leave(h) // after which nothing comes any more
	hub := h.mux.hub
	if hub.ctx.Err() != nil {
		return
	}
	failure := bootstrap.Handshake{
		Remote:   h.peer.remote.String(),
		Identity: h.claim.identity,
		Chain:    h.claim.chain,
		Err:      h.why(err, sealed),
		Started:  h.started,
	}
	hub.cfg.Logger.Debug("handshake failed",
		"remote", failure.Remote, "identity", failure.Identity, "err", failure.Err)
	if report := hub.cfg.HandshakeFailed; report != nil {
		report(failure)
	}
}

// why adds to the error that ended the handshake what else is known. sealed is whether
// the peer sent something encrypted: its Finished, which did not fit.
func (h *handshake) why(err error, sealed bool) error {
	switch {
	case h.claim.err != nil:
		return h.claim.err
	case len(h.claim.sent) > 0 && sealed && !errors.Is(err, ErrHandshakeTimeout):
		return unproved(h.claim.sent[0], err)
	case h.claim.shown != nil && refusedServer(err):
		return fmt.Errorf("%w, that of %q: %w", bootstrap.ErrServerRefused, h.claim.shown.Subject, err)
	case h.claim.shown != nil && !sealed && strangeCurve(h.offer, h.claim.shown) != nil:
		return fmt.Errorf("%w: %w", strangeCurve(h.offer, h.claim.shown), err)
	case h.claim.shown != nil && len(h.claim.chain) == 0 && !sealed:
		return &bootstrap.ShownError{Subject: h.claim.shown.Subject.String(), Err: err}
	case h.claim.identity == "" && len(h.offer.suites) > 0 && !common(h.offer.suites, h.claim.accepted):
		return fmt.Errorf("%w: it offers %s", bootstrap.ErrNoCommonSuite, listed(h.offer.suites))
	case h.claim.identity == "":
		return err
	case !h.claim.good:
		return fmt.Errorf("%w: %w", ErrUnknownIdentity, err)
	case sealed:
		return fmt.Errorf("%w: %w", ErrKeyDiffers, err)
	default:
		return err
	}
}
