package attempt

import (
	"context"
	"errors"
	"time"

	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/outcome"
	"lwbs/bootstrap/panics"
	"lwbs/store"
)

// HandshakeFailed records a DTLS handshake that did not complete. A wrong key shows
// only in this way: the server cannot read the client's last flight, stays silent, and
// the handshake times out (RFC 5246 §7.4.9, RFC 4279 §2).
//
// The attempt is recorded for the device whose identity or name the peer gave, as
// unauthenticated. A certificate that a record names is the exception: its key was proved.
func (r *Reports) HandshakeFailed(h auth.Handshake) {
	defer r.panics.Contain(panics.Handshake)
	peer := auth.Peer{Remote: h.Remote, Transport: store.TransportDTLS, Identity: h.Identity, Chain: h.Chain}
	record := r.recorder.Begin(peer, h.Started)
	record.Stage = store.StageHandshake
	ctx, cancel := context.WithTimeout(context.Background(), auth.LookUpTimeout)
	defer cancel()
	d, err := r.recorder.Auth.Claimed(ctx, peer)
	e, matches := auth.Enrolment{}, false
	if errors.Is(err, store.ErrNotFound) {
		e, matches = r.recorder.Auth.Unknown(ctx, h.Identity)
	}
	why := h.Failure(err == nil || matches && e.Why == "")
	switch ep := auth.UnreadableDevice(err); {
	case err == nil && len(h.Chain) > 0 && auth.Names(d, h.Chain[0]):
		authenticated(&record, d, "")
	case err == nil:
		About(&record, d)
	case ep != "":
		record.Endpoint, record.Known, why = ep, true, r.storeFault(err)
	case !errors.Is(err, store.ErrNotFound):
		if fault := r.storeFault(err); why.Cause == store.CauseIdentityUnknown { // which is not known
			why = fault
		}
	case matches:
		record.Group = e.Group.Name
		if why.Cause == store.CauseIdentityUnknown {
			why.Variant, why.Detail = e.Why, e.Detail()
		}
	}
	r.recorder.End(ctx, record, why)
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
func (r *Reports) NoRequest(peer auth.Peer, since time.Time, end UnusedEnd) {
	defer r.panics.Contain(panics.Handshake)
	ctx, cancel := context.WithTimeout(context.Background(), auth.LookUpTimeout)
	defer cancel()
	record := r.recorder.Begin(peer, since)
	record.Stage = store.StageHandshake
	why := end.failure()
	if d, ok := r.recorder.Auth.Holder(ctx, peer); ok {
		r.recorder.Authenticated(&record, peer, d, "")
		if detail := r.whyIdle(ctx, d); detail != "" {
			why = outcome.Failed(store.CauseIdle, "%s", detail)
		}
	} else if d, ok := r.deviceOf(peer); ok {
		About(&record, d)
	}
	r.recorder.End(ctx, record, *why)
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
func (r *Reports) whyIdle(ctx context.Context, d store.Device) string {
	if s := r.running(d.Endpoint); s != nil && s.Proof.Counts() && s.Cause == "" {
		return "the device bootstraps on another association"
	}
	page, err := r.store.Sessions(ctx, store.SessionQuery{Endpoint: d.Endpoint, Own: true, Limit: lastOnes})
	if _, ok := r.recorder.Auth.Found(d, err); !ok {
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
func (r *Reports) deviceOf(peer auth.Peer) (store.Device, bool) {
	ctx, cancel := context.WithTimeout(context.Background(), auth.LookUpTimeout)
	defer cancel()
	return r.recorder.Auth.Found(r.recorder.Auth.Claimed(ctx, peer))
}

// storeFault logs an error of the store and returns what may be told of it.
func (r *Reports) storeFault(err error) outcome.Failure {
	return outcome.StoreFault(r.recorder.Logger, err)
}
