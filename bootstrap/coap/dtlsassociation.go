package coap

import (
	"container/list"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"lwbs/bootstrap"
)

// A stage is how far an association is.
type stage uint8

const (
	proving stage = iota // returned the cookie; is to show that it has the key
	live                 // handshake complete
	gone                 // in no slot

	stages = int(gone)
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

// An association is one DTLS association of a listener, from its first ClientHello on.
// It is the [link] of its conn.
type association struct {
	mux     *mux
	peer    udpPeer            // once it is live, guarded by mux.mu
	random  [clientRandom]byte // of its ClientHello
	started time.Time
	pipe    *pipe
	ticket  *ticket
	paid    toll

	returned []byte // the cookie that the peer returned before there was an association

	cancel context.CancelCauseFunc // ends the handshake

	// What follows is guarded by mux.mu.
	timeout *time.Timer // ends the handshake
	until   time.Time   // when it does
	stage   stage
	cid     connectionID  // zero where the peer did not ask for one, or not yet
	conn    *conn         // nil before it is live
	place   *list.Element // among those that are live; nil elsewhere
	heard   time.Time     // when something authentic came, once it is live
	plain   int           // datagrams that it may still take in the clear, or before it is live
	sealed  bool          // something encrypted came, such as the peer's Finished
	claimed bool          // the peer has named its PSK identity
	offered []Suite       // in its ClientHello

	// claim is written within the handshake, and read after it.
	claim claim

	// Once the handshake is complete:
	secure net.Conn
	roams  bool // has a connection ID, and so may change its address
}

// A claim is what a peer says that it is, and what was found out about that.
type claim struct {
	identity string              // of PSK
	chain    []*x509.Certificate // its own first
	good     bool                // the identity has a key, or the chain was accepted
	err      error               // what was wrong with the one or the other
	accepted []Suite             // by us
	shown    *x509.Certificate   // our own that it was shown; nil for none
}

// name tells the peer from others.
func (c claim) name() string {
	if len(c.chain) > 0 {
		return string(c.chain[0].Raw)
	}
	return c.identity
}

// put queues a copy of a datagram of the peer, and returns why not. A nil association
// takes none. The caller holds mux.mu.
func (a *association) put(from udpPeer, d digest, b []byte) DropReason {
	if a == nil || !a.expects(d) {
		return DropOutOfPlace
	}
	if a.stage != live || d.kind != kindSealed {
		if a.plain == 0 {
			return DropQueueFull
		}
		a.plain--
	}
	if a.stage == proving {
		a.mux.admission.hear(a.ticket, time.Now())
	}
	if d.sealed && !a.sealed {
		a.sealed = true
		a.hasSentAll()
	}
	if d.kind == kindHello && len(a.offered) == 0 {
		a.offered = offered(b)
	}
	if !a.pipe.put(b, from) {
		return DropQueueFull
	}
	return notDropped
}

// verdictTime is how long a handshake goes on whose peer has sent all that it has to: with
// its key it is complete at once, and with another it never is.
const verdictTime = 10 * time.Second

// setDeadline ends the handshake at that time. The caller holds mux.mu, or is the only one
// to know a.
func (a *association) setDeadline(at time.Time) {
	if a.timeout != nil {
		a.timeout.Stop()
	}
	a.until = at
	a.timeout = time.AfterFunc(time.Until(at), func() { a.cancel(ErrHandshakeTimeout) })
}

// hasSentAll notes that the peer has sent its identity or its Finished, and brings the end
// of the handshake nearer where it has sent both. The caller holds mux.mu.
func (a *association) hasSentAll() {
	if at := time.Now().Add(verdictTime); a.stage == proving && a.claimed && a.sealed && at.Before(a.until) {
		a.setDeadline(at)
	}
}

// expects reports whether d has the connection ID that it must have: the right one if
// any, as pion would cut other records in the wrong places, and one on all that comes
// after the handshake where there is one. The caller holds mux.mu.
func (a *association) expects(d digest) bool {
	if d.cid != nil {
		return a.cid == connectionID(d.cid)
	}
	return d.kind != kindSealed || a.cid == connectionID{}
}

// run is the life of the association. ctx ends the handshake.
func (a *association) run(ctx context.Context) {
	if err := a.handshake(ctx); err != nil {
		a.failed(ctx, err)
		return
	}
	if report := a.mux.hub.cfg.HandshakeDone; report != nil {
		report(time.Since(a.started))
	}
	defer a.mux.leave(a)
	peer := bootstrap.Peer{Remote: a.peer.remote.String(), Transport: "coaps", Identity: a.claim.identity, Chain: a.claim.chain}
	c := a.mux.hub.newConn(a, peer)
	if c == nil {
		return
	}
	a.mux.opened(a, c)
	since := time.Now()
	asked := a.read(c)
	c.hangUp()
	<-c.Done()
	if report := a.mux.hub.cfg.DTLS.NoRequest; !asked && report != nil && a.mux.hub.ctx.Err() == nil {
		report(peer, since)
	}
}

// handshake completes the handshake, after which claim is proved.
func (a *association) handshake(ctx context.Context) error {
	certificates := a.mux.hub.cfg.DTLS.Certificates()
	a.claim.accepted = accepted(certificates)
	var identity string
	var err error
	a.secure, identity, err = accept(ctx, a.pipe, a.peer, serverSide{
		suites: a.claim.accepted,
		cookie: a.returned,
		cid:    func() []byte { return a.mux.assign(a) },
		key:    a.key,
		certificate: func(name string, offered []Suite) *tls.Certificate {
			return a.show(choose(certificates, name, offered))
		},
		verify: a.verify,
	})
	switch {
	case err != nil:
		return err
	case !a.claim.good || identity != a.claim.identity:
		err = ErrUnknownIdentity // cannot be: nobody knows a made-up key
	case !a.mux.establish(a):
		err = errNoRoom
	default:
		return nil
	}
	a.pipe.Close()
	a.secure.Close()
	return err
}

// key returns the key for the identity that the peer claims.
func (a *association) key(identity string) ([]byte, error) {
	key, known, err := a.mux.keys.find(a.mux.hub.ctx, identity)
	if err == nil {
		a.claim.identity = identity
	}
	a.claim.good, a.claim.err = known, err
	a.mux.mu.Lock()
	defer a.mux.mu.Unlock()
	a.claimed = true
	a.hasSentAll()
	return key, err
}

// show remembers the certificate that the peer is shown.
func (a *association) show(c *tls.Certificate) *tls.Certificate {
	if c != nil {
		a.claim.shown = c.Leaf
	}
	return c
}

// verify decides about the certificates of the peer.
func (a *association) verify(raw [][]byte) error {
	chain, err := parseChain(raw)
	if err == nil {
		a.claim.chain = chain
		err = a.mux.hub.cfg.DTLS.VerifyClient(chain)
	}
	a.claim.good, a.claim.err = err == nil, err
	return err
}

// failed tells of a handshake that ended with err, unless we are about to stop. One that
// was complete, and had to give way, is nobody's failure.
func (a *association) failed(ctx context.Context, err error) {
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	sealed := a.mux.leave(a) // after which nothing comes any more
	hub := a.mux.hub
	if hub.ctx.Err() != nil {
		return
	}
	failure := bootstrap.Handshake{
		Remote:   a.peer.remote.String(),
		Identity: a.claim.identity,
		Chain:    a.claim.chain,
		Err:      a.why(err, sealed),
		Started:  a.started,
	}
	hub.cfg.Logger.Debug("handshake failed",
		"remote", failure.Remote, "identity", failure.Identity, "err", failure.Err)
	if report := hub.cfg.HandshakeFailed; report != nil && a.secure == nil {
		report(failure)
	}
}

// why adds to the error that ended the handshake what else is known. sealed is whether
// the peer sent something encrypted: its Finished, which did not fit.
func (a *association) why(err error, sealed bool) error {
	switch {
	case a.claim.err != nil:
		return a.claim.err
	case a.claim.shown != nil && refusedServer(err):
		return fmt.Errorf("%w, that of %q: %w", bootstrap.ErrServerRefused, a.claim.shown.Subject, err)
	case a.claim.shown != nil && len(a.claim.chain) == 0 && !sealed:
		return fmt.Errorf("%w, %s %q", err, bootstrap.AfterCertificate, a.claim.shown.Subject)
	case a.claim.identity == "" && len(a.offered) > 0 && !common(a.offered, a.claim.accepted):
		return fmt.Errorf("%w: it offers %s", bootstrap.ErrNoCommonSuite, suitesText(a.offered))
	case a.claim.identity == "":
		return err
	case !a.claim.good:
		return fmt.Errorf("%w: %w", ErrUnknownIdentity, err)
	case sealed:
		return fmt.Errorf("%w: %w", ErrKeyDiffers, err)
	default:
		return err
	}
}

// read passes what the peer sends to c until the association ends, or the time for a
// first request is over. It reports whether there was a request.
func (a *association) read(c *conn) (asked bool) {
	buf := make([]byte, maxDatagram+1) // is held while nothing comes; what is larger is dropped
	a.secure.SetReadDeadline(time.Now().Add(a.mux.hub.cfg.DTLS.RequestTimeout))
	for {
		n, err := a.secure.Read(buf)
		var ne net.Error
		switch {
		case err == nil:
			a.mux.heard(a)
			if !asked && isRequest(buf[:n]) {
				asked = true
				a.secure.SetReadDeadline(time.Time{})
			}
			c.deliver(buf[:n])
		case errors.Is(err, io.EOF), errors.As(err, &ne) && ne.Timeout():
			return asked
		default: // such as a message that is too large, or a warning of the peer: it goes on
			a.mux.hub.cfg.Logger.Debug("read failed", "remote", c.peer.Remote, "err", err)
		}
	}
}

// follow follows the peer before something is sent to it.
func (a *association) follow() {
	if !a.roams {
		return
	}
	a.mux.mu.Lock()
	defer a.mux.mu.Unlock()
	a.mux.follow(a)
}

// send implements [link].
func (a *association) send(b []byte) error {
	a.follow()
	_, err := a.secure.Write(b)
	return err
}

// close implements [link]. The peer is told, unless a newer association of its has
// taken the place of this one.
func (a *association) close() error { return a.secure.Close() }
