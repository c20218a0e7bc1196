package dtls

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/coap/admission"
	"lwbs/bootstrap/coap/dtls/certificate"
	"lwbs/bootstrap/coap/dtls/hello"
	"lwbs/bootstrap/coap/dtls/pion"
	"lwbs/bootstrap/coap/dtls/record"
	"lwbs/bootstrap/coap/traffic"
	"lwbs/bootstrap/coap/udp"
	"lwbs/bootstrap/outcome"
)

// Why a handshake did not complete, beside what the peer's own alert may say.
var (
	// ErrHandshakeTimeout: the peer fell silent.
	ErrHandshakeTimeout = errors.New("handshake timed out")

	// ErrUnknownIdentity: nobody has the identity that the peer claimed.
	ErrUnknownIdentity = errors.New("unknown PSK identity")

	// ErrKeyDiffers: what the peer sent to prove its key does not fit our key.
	ErrKeyDiffers = auth.ErrKeyDiffers
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

// A claim is what a peer says that it is, and what was found out about that.
type claim struct {
	identity string              // of PSK
	key      []byte              // that of the identity, or a made-up one
	chain    []*x509.Certificate // its own first
	sent     [][]byte            // certificates of a handshake that failed, of which nothing is proved
	valid    bool                // the identity has a key, or the chain was accepted
	err      error               // what was wrong with the one or the other, or with what it offers
	accepted []record.Suite      // by us
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
	h.timeout = h.mux.tasks.AfterFunc(time.Until(at), func() { h.cancel(ErrHandshakeTimeout) })
}

// noteSentAll notes that the peer has sent its identity or its Finished, and brings the end
// of the handshake nearer where it has sent both. The caller holds mux.mu.
func (h *handshake) noteSentAll() {
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
	if !h.complete(agreed) { // which is nobody's failure
		h.mux.endHandshake(h)
		return
	}
	if report := h.mux.cfg.HandshakeDone; report != nil {
		report(time.Since(h.started))
	}
}

// contain contains a panic of the handshake, also in a goroutine of pion, and calls then
// after one. Only a deferred call has an effect.
func (h *handshake) contain(then func()) {
	if p := recover(); p != nil {
		h.mux.tasks.Panics.Note(bootstrap.PartHandshake, p)
		then()
	}
}

// shake lets pion carry the handshake out, after which claim is proved.
func (h *handshake) shake(ctx context.Context) (pion.Agreement, error) {
	h.certificates = h.mux.cfg.DTLS.Certificates()
	h.claim.accepted = certificate.AcceptedSuites(h.certificates)
	agreed, err := pion.Accept(ctx, h.pipe, h.peer, pion.Opening{
		Cookie:     h.returned,
		Signatures: certificate.PreferredSignatures(h.offer),
		WithCID:    h.mayHaveCID(),
	}, h)
	if err == nil && (!h.claim.valid || agreed.Identity != h.claim.identity) {
		err = ErrUnknownIdentity // cannot be: nobody knows a made-up key
	}
	return agreed, err
}

// mayHaveCID reports whether the client gets a connection ID if it asks for one. With CBC it does
// not: pion's MAC then has the content twice, against RFC 9146 §5.1, so that no other stack would
// understand it.
func (h *handshake) mayHaveCID() bool {
	for _, s := range h.offer.Suites {
		if slices.Contains(record.Suites(), s) { // which pion chooses then; see choose
			return s != record.PSKWithAES128CBCSHA256
		}
	}
	return true
}

// ConnectionID implements [pion.Authenticator].
func (h *handshake) ConnectionID() []byte { return h.mux.assign(h) }

// Certificate implements [pion.Authenticator]. It remembers what the client is shown, or why there is
// nothing for it.
func (h *handshake) Certificate(serverName string) (c *tls.Certificate, err error) {
	defer h.contain(func() { c, err = nil, h.panicked() })
	if c, err = certificate.Choose(h.certificates, serverName, h.offer); err != nil {
		h.claim.err = err
		return nil, err
	}
	h.claim.shown = c.Leaf
	return c, nil
}

// Unverified implements [pion.Authenticator].
func (h *handshake) Unverified(chain [][]byte) { h.claim.sent = chain }

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

// Key implements [pion.Authenticator].
func (h *handshake) Key(identity string) (key []byte, err error) {
	defer h.contain(func() { key, err = nil, h.panicked() })
	key, known, err := h.mux.keys.find(h.mux.tasks.Context(), identity)
	if err == nil {
		h.claim.identity, h.claim.key = identity, key
	}
	h.claim.valid, h.claim.err = known, err
	h.mux.mu.Lock()
	defer h.mux.mu.Unlock()
	h.claimed = true
	h.noteSentAll()
	return key, err
}

// Verify implements [pion.Authenticator].
func (h *handshake) Verify(raw [][]byte) (err error) {
	defer h.contain(func() { err = h.panicked() })
	chain, err := certificate.ParseChain(raw)
	if err == nil {
		h.claim.chain = chain
		err = h.mux.cfg.DTLS.VerifyClient(chain)
	}
	h.claim.valid, h.claim.err = err == nil, err
	return err
}

// panicked notes that our side is why the handshake ends, and returns that.
func (h *handshake) panicked() error {
	h.claim.valid, h.claim.err = false, outcome.ErrPanicked
	return h.claim.err
}

// failed tells of a handshake that ended with err, unless we are about to stop.
func (h *handshake) failed(ctx context.Context, err error) {
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	sealed := h.mux.endHandshake(h) // after which nothing comes any more
	if h.mux.tasks.Ending() {
		return
	}
	failure := auth.Handshake{
		Remote:   h.peer.Remote.String(),
		Identity: h.claim.identity,
		Chain:    h.claim.chain,
		Err:      h.why(err, sealed),
		Started:  h.started,
	}
	h.mux.cfg.Exchange.Logger.Debug("handshake failed",
		"remote", failure.Remote, "identity", failure.Identity, "err", failure.Err)
	if report := h.mux.cfg.HandshakeFailed; report != nil {
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
		return certificate.ProofError(h.claim.sent[0], err)
	case h.claim.shown != nil && pion.RefusedServer(err):
		return fmt.Errorf("%w, that of %q: %w", auth.ErrServerRefused, h.claim.shown.Subject, err)
	case h.claim.shown != nil && !sealed && certificate.CurveNotOffered(h.offer, h.claim.shown) != nil:
		return fmt.Errorf("%w: %w", certificate.CurveNotOffered(h.offer, h.claim.shown), err)
	case h.claim.shown != nil && len(h.claim.chain) == 0 && !sealed:
		return &auth.ShownError{Subject: h.claim.shown.Subject.String(), Err: err}
	case h.claim.identity == "" && len(h.offer.Suites) > 0 && !record.Common(h.offer.Suites, h.claim.accepted):
		return fmt.Errorf("%w: it offers %s", auth.ErrNoCommonSuite, hello.Listed(h.offer.Suites))
	case h.claim.identity == "":
		return err
	case !h.claim.valid:
		return fmt.Errorf("%w: %w", ErrUnknownIdentity, err)
	case sealed:
		return fmt.Errorf("%w: %w", ErrKeyDiffers, err)
	default:
		return err
	}
}
