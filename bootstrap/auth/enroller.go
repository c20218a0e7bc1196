package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"lwbs/bootstrap/outcome"
	"lwbs/lwm2m"
	"lwbs/store"
)

// maxEnrolTries is how often an enrolment is tried, where edits of its group come between.
const maxEnrolTries = 8

// A Registrar makes the record of a device that is enrolled: see [store.Store].
type Registrar interface {
	EnrolDevice(ctx context.Context, d store.Device, rev store.Revision) (store.Device, error)
}

// Rejections knows the devices that an operator has rejected.
type Rejections interface {
	// Rejected returns the refusal of a rejected device, and its ID; nil for others.
	Rejected(p store.PendingDevice) (id string, refused *outcome.Refusal)
}

// An Enroller makes the records of authenticated peers that enrolment groups take. All exported fields are
// required; the methods may be called concurrently.
type Enroller struct {
	Authorizer *Authorizer
	Store      Registrar
	Rejections Rejections
	Logger     *slog.Logger

	// MayBegin returns why no session of a device may begin now; nil where one may.
	MayBegin func(store.Session) *outcome.Refusal

	// Limit is how many records groups may make in a minute, all of them together, so that one who has
	// the key of a group does not fill the database in a short time. The peers of one network may cause
	// half of them. SetLimit changes it.
	Limit int

	mu    sync.Mutex    // guards Limit too, once the Enroller is in use
	taken outcome.Quota // guarded by mu
}

// SetLimit changes Limit.
func (n *Enroller) SetLimit(limit int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.Limit = limit
}

// Enrol makes the record of an authenticated peer that no record has, if an enrolment group takes it,
// and returns it as [Authorizer.Authorize] does. Refused is the refusal for a device without a
// record; every refusal is answered in the same way.
func (n *Enroller) Enrol(ctx context.Context, peer Peer, ep lwm2m.EndpointName, record *store.Session, refused *outcome.Refusal) (store.Device, *outcome.Refusal) {
	for range maxEnrolTries {
		if _, ok := n.Authorizer.Holder(ctx, peer); ok { // of a device with another name, or of one that was enrolled since
			return n.Authorizer.Authorize(ctx, peer, ep)
		}
		e, ok, why := n.Authorizer.Enrolment(ctx, peer, ep)
		switch {
		case why != nil:
			return store.Device{}, why
		case !ok:
			return store.Device{}, refused
		}
		if e.Why == store.VariantGroupRecord { // made since the first look, by another request or an operator
			if d, again := n.Authorizer.Authorize(ctx, peer, ep); again == nil || again.Cause != store.CauseEndpointUnknown {
				return d, again
			}
		}
		record.Group = e.Group.Name
		if e.Why != "" {
			return store.Device{}, notEnrolled(e)
		}
		if id, why := n.Rejections.Rejected(e.Pending(peer, ep)); why != nil {
			record.Pending = id
			return store.Device{}, why
		}
		if e.Group.Approve { // it may wait for approval
			return store.Device{}, refused
		}
		if why := n.mayEnrol(peer, e); why != nil {
			return store.Device{}, why
		}
		d, err := n.Store.EnrolDevice(ctx, enrolled(e), e.Group.Revision)
		switch {
		case err == nil:
			record.Enrolled = true
			record.Notes = append(record.Notes, fmt.Sprintf("the record of the device was made, by enrolment group %q", d.Group))
			n.Logger.LogAttrs(ctx, slog.LevelInfo, "device enrolled",
				slog.String("endpoint", string(d.Endpoint)), slog.String("group", d.Group), slog.String("remote", peer.Remote))
			return n.Authorizer.Authorize(ctx, peer, d.Endpoint)
		case errors.Is(err, store.ErrExists): // by another request of it, or an operator
			return n.Authorizer.Authorize(ctx, peer, e.Endpoint)
		case errors.Is(err, store.ErrIdentityTaken):
			return store.Device{}, outcome.Unacceptable(store.CauseIdentityMismatch, "group %q does not enrol it: %s", e.Group.Name, outcome.Printable(err.Error(), outcome.MaxError))
		case !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrGroupFull):
			return store.Device{}, outcome.OwnFault(n.Authorizer.storeFault(err))
		}
	}
	return store.Device{}, outcome.OwnFault(*outcome.Failed(store.CauseInternal, "the group was edited again and again"))
}

// notEnrolled refuses a device that its group does not enrol.
func notEnrolled(e Enrolment) *outcome.Refusal {
	r := outcome.Unacceptable(store.CauseEndpointUnknown, "%s", e.Detail())
	r.Variant = e.Why
	return r
}

// enrolled is the record with which a device begins.
func enrolled(e Enrolment) store.Device {
	return store.Device{
		Endpoint: e.Endpoint, Profile: e.Group.Profile, Group: e.Group.Name, Tags: e.Group.Tags,
		Credentials: []store.Credential{e.Credential},
	}
}

// mayEnrol refuses a device for which no record may be made now, as the server is about to stop or
// has made many.
func (n *Enroller) mayEnrol(peer Peer, e Enrolment) *outcome.Refusal {
	if refused := n.MayBegin(store.Session{Endpoint: e.Endpoint, Proof: store.ProofIdentity}); refused != nil {
		return refused
	}
	if limit, ok := n.take(peer.Remote, time.Now()); !ok {
		return outcome.Unavailable(store.CauseBusy, "more devices of group %q and others ask to be enrolled than %d in a minute, or half of that from one network", e.Group.Name, limit)
	}
	return nil
}

// take counts a record for a peer at remote, an IP:port, and reports whether it is within the limit.
func (n *Enroller) take(remote string, now time.Time) (limit int, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.taken.Limit = n.Limit
	return n.Limit, n.taken.Take(remote, now)
}
