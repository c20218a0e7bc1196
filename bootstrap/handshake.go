package bootstrap

import (
	"context"
	"crypto/x509"
	"errors"
	"time"

	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/outcome"
	"lwbs/bootstrap/panics"
	"lwbs/lwm2m"
	"lwbs/store"
)

// lookUpTimeout bounds the look-ups of a handshake, for which a device waits.
const lookUpTimeout = 5 * time.Second

// PSK returns the key of a PSK identity, for the handshake: see [auth.Authorizer.Keys].
func (srv *Server) PSK(identity string) (key lwm2m.Secret, found bool) { return srv.key(identity, 0) }

// OtherPSK returns the second key that the device with a PSK identity may have, while the key of its
// group is changed.
func (srv *Server) OtherPSK(identity string) (key lwm2m.Secret, found bool) {
	return srv.key(identity, 1)
}

// key returns the nth key of a PSK identity.
func (srv *Server) key(identity string, n int) (key lwm2m.Secret, found bool) {
	defer srv.cfg.Panics.Contain(panics.Handshake, func() { key, found = lwm2m.Secret{}, false })
	ctx, cancel := context.WithTimeout(context.Background(), lookUpTimeout)
	defer cancel()
	keys := srv.auth.Keys(ctx, identity)
	if n >= len(keys) {
		return lwm2m.Secret{}, false
	}
	return keys[n], true
}

// HandshakeFailed records a DTLS handshake that did not complete. A wrong key shows
// only in this way: the server cannot read the client's last flight, stays silent, and
// the handshake times out (RFC 5246 §7.4.9, RFC 4279 §2).
//
// The attempt is recorded for the device whose identity or name the peer gave, as
// unauthenticated. A certificate that a record names is the exception: its key was proved.
func (srv *Server) HandshakeFailed(h auth.Handshake) {
	defer srv.cfg.Panics.Contain(panics.Handshake)
	peer := auth.Peer{Remote: h.Remote, Transport: store.TransportDTLS, Identity: h.Identity, Chain: h.Chain}
	record := srv.attempt(peer, h.Started)
	record.Stage = store.StageHandshake
	ctx, cancel := context.WithTimeout(context.Background(), lookUpTimeout)
	defer cancel()
	d, err := srv.auth.Claimed(ctx, peer)
	e, matches := auth.Enrolment{}, false
	if errors.Is(err, store.ErrNotFound) {
		e, matches = srv.auth.Unknown(ctx, h.Identity)
	}
	why := h.Failure(err == nil || matches && e.Why == "")
	switch ep := auth.UnreadableDevice(err); {
	case err == nil && len(h.Chain) > 0 && auth.Names(d, h.Chain[0]):
		authenticated(&record, d, "")
	case err == nil:
		about(&record, d)
	case ep != "":
		record.Endpoint, record.Known, why = ep, true, srv.storeFault(err)
	case !errors.Is(err, store.ErrNotFound):
		srv.storeFault(err)
	case matches:
		record.Group = e.Group.Name
		if why.Cause == store.CauseIdentityUnknown {
			why.Variant, why.Detail = e.Why, e.Detail()
		}
	}
	srv.refuse(ctx, record, &outcome.Refusal{Failure: why})
}

// An UnusedEnd is how an association ended on which its peer made no request.
type UnusedEnd int

const (
	UnusedInTime   UnusedEnd = iota // none came in time
	UnusedClosed                    // the peer ended it, by close_notify or a fatal alert
	UnusedReplaced                  // the peer made another, or it made room for those of others
)

// NoRequest records an association that a client made and then did not use. Where the
// device has what it needs, or has another association, that is no failure: Anjay opens one
// to its Bootstrap-Server whenever it starts, and asks only if it cannot register.
func (srv *Server) NoRequest(peer auth.Peer, since time.Time, end UnusedEnd) {
	defer srv.cfg.Panics.Contain(panics.Handshake)
	ctx, cancel := context.WithTimeout(context.Background(), lookUpTimeout)
	defer cancel()
	record := srv.attempt(peer, since)
	record.Stage = store.StageHandshake
	why := end.failure()
	if d, ok := srv.auth.Holder(ctx, peer); ok {
		authenticated(&record, d, "")
		srv.addresses.Use(peer.Remote, peer.Identity, d.Endpoint)
		if detail := srv.whyIdle(ctx, d); detail != "" {
			why = outcome.Failed(store.CauseIdle, "%s", detail)
		}
	} else if d, ok := srv.deviceOf(peer); ok {
		about(&record, d)
	}
	srv.refuse(ctx, record, &outcome.Refusal{Failure: *why})
}

// failure is why the attempt ended, for a device that may not have been bootstrapped.
func (end UnusedEnd) failure() *outcome.Failure {
	switch end {
	case UnusedClosed:
		return outcome.Failed(store.CauseClosedUnused, "")
	case UnusedReplaced:
		return outcome.Failed(store.CauseSuperseded, "the client made another association before it asked for anything on this one")
	default:
		return outcome.Failed(store.CauseNoRequest, "no request came on the association in time")
	}
}

// whyIdle says why d needs nothing, so that an unused association is no failure; empty where
// nothing shows that.
func (srv *Server) whyIdle(ctx context.Context, d store.Device) string {
	if s := srv.Running(d.Endpoint); s != nil && s.Proof.Counts() && s.Cause == "" {
		return "the device bootstraps on another association"
	}
	page, err := srv.cfg.Store.Sessions(ctx, store.SessionQuery{Endpoint: d.Endpoint, Own: true, Limit: lastOnes})
	if _, ok := srv.auth.Found(d, err); !ok {
		return ""
	}
	for _, s := range page {
		switch {
		case s.Cause.Success():
			return "the device has been bootstrapped before"
		case s.Cause != store.CauseIdle:
			return ""
		}
	}
	return ""
}

// lastOnes is how many attempts of a device are looked at for the last that is not idle.
const lastOnes = 20

// deviceOf finds the device that a peer seems to be, and logs where the store fails.
func (srv *Server) deviceOf(peer auth.Peer) (store.Device, bool) {
	ctx, cancel := context.WithTimeout(context.Background(), lookUpTimeout)
	defer cancel()
	return srv.auth.Found(srv.auth.Claimed(ctx, peer))
}

// VerifyClient decides, for the handshake, about the certificates that a client sent: see
// [auth.Authorizer.VerifyClient]. The error is a [*auth.CertificateError].
func (srv *Server) VerifyClient(chain []*x509.Certificate) (err error) {
	defer srv.cfg.Panics.Contain(panics.Handshake, func() {
		f := panicFailure()
		err = &auth.CertificateError{Cause: f.Cause, Detail: f.Detail}
	})
	ctx, cancel := context.WithTimeout(context.Background(), lookUpTimeout)
	defer cancel()
	if f := srv.auth.VerifyClient(ctx, chain); f != nil {
		return &auth.CertificateError{Cause: f.Cause, Detail: f.Detail}
	}
	return nil
}
