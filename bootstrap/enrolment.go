package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/outcome"
	"lwbs/lwm2m"
	"lwbs/store"
)

// enrol makes the record of an authenticated peer that no record has, if an enrolment group takes it,
// and returns it as [auth.Authorizer.Authorize] does. Refused is the refusal for a device without a
// record; every refusal is answered in the same way.
func (srv *Server) enrol(ctx context.Context, peer auth.Peer, ep lwm2m.EndpointName, record *store.Session, refused *outcome.Refusal) (store.Device, *outcome.Refusal) {
	for range maxConflicts {
		if _, ok := srv.auth.Holder(ctx, peer); ok { // of a device with another name, or of one that was enrolled since
			return srv.auth.Authorize(ctx, peer, ep)
		}
		e, ok, why := srv.auth.Enrolment(ctx, peer, ep)
		switch {
		case why != nil:
			return store.Device{}, why
		case !ok:
			return store.Device{}, refused
		}
		if e.Why == store.VariantGroupRecord { // made since the first look, by another request or an operator
			if d, again := srv.auth.Authorize(ctx, peer, ep); again == nil || again.Cause != store.CauseEndpointUnknown {
				return d, again
			}
		}
		record.Group = e.Group.Name
		if e.Why != "" {
			return store.Device{}, notEnrolled(e)
		}
		if d, ok := srv.pending.Find(e.Pending(peer, ep)); ok && !d.Rejected.IsZero() {
			record.Pending = d.ID
			return store.Device{}, rejected(d.PendingDevice)
		}
		if e.Group.Approve { // it may wait: see waiterOf
			return store.Device{}, refused
		}
		if why := srv.mayEnrol(peer, e); why != nil {
			return store.Device{}, why
		}
		d, err := srv.cfg.Store.EnrolDevice(ctx, enrolled(e), e.Group.Revision)
		switch {
		case err == nil:
			record.Enrolled = true
			record.Notes = append(record.Notes, fmt.Sprintf("the record of the device was made, by enrolment group %q", d.Group))
			srv.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "device enrolled",
				slog.String("endpoint", string(d.Endpoint)), slog.String("group", d.Group), slog.String("remote", peer.Remote))
			return srv.auth.Authorize(ctx, peer, d.Endpoint)
		case errors.Is(err, store.ErrExists): // by another request of it, or an operator
			return srv.auth.Authorize(ctx, peer, e.Endpoint)
		case errors.Is(err, store.ErrIdentityTaken):
			return store.Device{}, outcome.Unacceptable(store.CauseIdentityMismatch, "group %q does not enrol it: %s", e.Group.Name, outcome.Printable(err.Error(), outcome.MaxError))
		case !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrGroupFull):
			return store.Device{}, outcome.OwnFault(srv.storeFault(err))
		}
	}
	return store.Device{}, outcome.OwnFault(*outcome.Failed(store.CauseInternal, "the group was edited again and again"))
}

// notEnrolled refuses a device that its group does not enrol.
func notEnrolled(e auth.Enrolment) *outcome.Refusal {
	r := outcome.Unacceptable(store.CauseEndpointUnknown, "%s", e.Detail())
	r.Variant = e.Why
	return r
}

// enrolled is the record with which a device begins.
func enrolled(e auth.Enrolment) store.Device {
	return store.Device{
		Endpoint: e.Endpoint, Profile: e.Group.Profile, Group: e.Group.Name, Tags: e.Group.Tags,
		Credentials: []store.Credential{e.Credential},
	}
}

// mayEnrol refuses a device for which no record may be made now, as the server is about to stop or
// has made many.
func (srv *Server) mayEnrol(peer auth.Peer, e auth.Enrolment) *outcome.Refusal {
	if refused := srv.sessions.refuses(store.Session{Endpoint: e.Endpoint, Proof: store.ProofIdentity}); refused != nil {
		return refused
	}
	if !srv.enrolling.take(peer.Remote, time.Now()) {
		return outcome.Unavailable(store.CauseBusy, "more devices of group %q and others ask to be enrolled than %d in a minute, or half of that from one network", e.Group.Name, srv.cfg.Enrolments)
	}
	return nil
}

// An enrolmentLimit bounds how many records groups make in a minute, so that one who has the key of a
// group does not fill the database in a short time. Its methods may be called concurrently.
type enrolmentLimit struct {
	mu    sync.Mutex
	quota outcome.Quota // guarded by mu
}

// take counts a record for a peer at remote, an IP:port, and reports whether it is within the limit.
func (l *enrolmentLimit) take(remote string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.quota.Take(remote, now)
}
