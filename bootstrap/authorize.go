package bootstrap

import (
	"context"
	"errors"
	"fmt"

	"lwbs/bootstrap/outcome"
	"lwbs/lwm2m"
	"lwbs/store"
)

// authorize returns the device that the client may bootstrap as. A device that exists
// is returned with a refusal too.
func (srv *Server) authorize(ctx context.Context, peer Peer, ep lwm2m.EndpointName) (store.Device, *outcome.Refusal) {
	if ep == "" && !peer.Secure() {
		return store.Device{}, outcome.BadRequest("ep missing", "the request has no ep, and over plain CoAP nothing else tells who it is")
	}
	d, err := srv.device(ctx, peer, ep)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return d, outcome.Unacceptable(store.CauseEndpointUnknown, "%s", srv.ownerNote(ctx, peer))
	case err != nil:
		d.Endpoint = unreadableDevice(err)
		return d, outcome.OwnFault(srv.storeFault(err))
	}
	if refused := srv.authenticate(ctx, d, peer); refused != nil {
		return d, refused
	}
	if d.Disabled {
		return d, outcome.Unacceptable(store.CauseDisabled, "the device record is disabled")
	}
	return d, nil
}

// device looks up the device of this name, or the one that the authenticated identity
// belongs to where the client left the name out (Core 1.1.1 §6.1.7.1).
func (srv *Server) device(ctx context.Context, peer Peer, ep lwm2m.EndpointName) (store.Device, error) {
	if ep == "" {
		return srv.owner(ctx, peer)
	}
	return srv.cfg.Store.Device(ctx, ep)
}

// owner finds the device that what a peer authenticated as belongs to.
func (srv *Server) owner(ctx context.Context, peer Peer) (store.Device, error) {
	if len(peer.Chain) > 0 {
		return srv.certificateOwner(ctx, peer.Chain)
	}
	return srv.cfg.Store.DeviceByIdentity(ctx, store.CredentialPSK, peer.Identity)
}

// authenticate returns why a peer is not d, or has not proved it. Any credential will do;
// that the identity equals the name is a convention only.
func (srv *Server) authenticate(ctx context.Context, d store.Device, peer Peer) *outcome.Refusal {
	switch {
	case !peer.Secure() && !d.NoSec:
		return outcome.Unacceptable(store.CauseNoSecRefused, "the client came over plain CoAP, which the device record does not permit")
	case !peer.Secure():
		return nil
	case len(peer.Chain) > 0 && peer.Stale != nil:
		return staleRefusal(peer.Stale)
	case len(peer.Chain) > 0:
		return srv.checkCertificate(ctx, d, peer.Chain)
	case !hasCredential(d, store.CredentialPSK, peer.Identity):
		return outcome.Unacceptable(store.CauseIdentityMismatch, "%s", srv.ownerNote(ctx, peer))
	case peer.Stale != nil:
		return staleRefusal(peer.Stale)
	}
	return nil
}

// staleRefusal refuses a peer that has come back on an association which it would not get
// any more.
func staleRefusal(why error) *outcome.Refusal {
	var refused *CertificateError
	switch detail := outcome.Printable(why.Error(), outcome.MaxError); {
	case errors.As(why, &refused):
		return outcome.Unacceptable(refused.Cause, "%s", refused.Detail)
	case errors.Is(why, ErrKeyChanged):
		return outcome.Unacceptable(store.CauseKeyChanged, "%s", detail)
	default:
		return outcome.OwnFault(*outcome.Failed(store.CauseInternal, "%s", detail))
	}
}

// ownerNote tells which device the identity of a peer does belong to: the device was made
// for another name, or its parts were mixed up. It is empty for a peer of plain CoAP.
func (srv *Server) ownerNote(ctx context.Context, peer Peer) string {
	if !peer.Secure() {
		return ""
	}
	who := outcome.Printable(peer.name(), outcome.MaxIdentity)
	owner, err := srv.owner(ctx, peer)
	if err != nil {
		return fmt.Sprintf("it authenticated as %q, which belongs to no device", who)
	}
	return fmt.Sprintf("it authenticated as %q, which belongs to device %q", who, owner.Endpoint)
}

// unreadableDevice is the device that a look-up failed over, since its record cannot be
// read; empty where it failed over something else.
func unreadableDevice(err error) lwm2m.EndpointName {
	var part *store.UnreadableError
	if errors.As(err, &part) && part.Bucket == store.KindDevice {
		return lwm2m.EndpointName(part.Key)
	}
	return ""
}

// storeFault logs an error of the store and returns what may be told of it. A part that
// cannot be read has a cause of its own: the store itself tells of it, and once.
func (srv *Server) storeFault(err error) outcome.Failure {
	if errors.Is(err, store.ErrCorrupt) || errors.Is(err, store.ErrNewer) {
		return *outcome.Failed(store.CauseUnreadable, "%s", outcome.Printable(err.Error(), outcome.MaxError))
	}
	srv.cfg.Logger.Error("store does not answer", "error", err)
	return *outcome.Failed(store.CauseInternal, "the store failed: %s", outcome.Printable(err.Error(), outcome.MaxError))
}
