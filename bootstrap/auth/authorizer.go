package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"lwbs/bootstrap/outcome"
	"lwbs/lwm2m"
	"lwbs/store"
)

// Devices is what an [Authorizer] needs of the store.
type Devices interface {
	Device(ctx context.Context, ep lwm2m.EndpointName) (store.Device, error)
	DeviceByIdentity(ctx context.Context, kind store.CredentialKind, identity string) (store.Device, error)
	Groups(ctx context.Context) (store.Groups, error)
	GroupSize(ctx context.Context, name string) (int, error)
}

// An Authorizer decides which device a peer is, and whether it may bootstrap as that. All exported fields
// are required; the methods may be called concurrently.
type Authorizer struct {
	Store  Devices
	Trust  func() *Trust // what is believed of certificates at this moment
	Logger *slog.Logger  // is told where the store fails

	compiled atomic.Pointer[groups] // as they were last; nil until they are asked for
}

// Authorize returns the device that the client may bootstrap as. A device that exists
// is returned with a refusal too.
func (a *Authorizer) Authorize(ctx context.Context, peer Peer, ep lwm2m.EndpointName) (store.Device, *outcome.Refusal) {
	if ep == "" && !peer.Secure() {
		return store.Device{}, outcome.BadRequest("ep missing", "the request has no ep, and over plain CoAP nothing else tells who it is")
	}
	d, err := a.device(ctx, peer, ep)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return d, outcome.Unacceptable(store.CauseEndpointUnknown, "%s", a.ownerNote(ctx, peer))
	case err != nil:
		d.Endpoint = UnreadableDevice(err)
		return d, outcome.OwnFault(a.storeFault(err))
	}
	if refused := a.authenticate(ctx, d, peer); refused != nil {
		return d, refused
	}
	if d.Disabled {
		return d, outcome.Unacceptable(store.CauseDisabled, "the device record is disabled")
	}
	if refused := a.admitted(ctx, d, peer); refused != nil {
		return d, refused
	}
	return d, nil
}

// device looks up the device of this name, or the one that the authenticated identity
// belongs to where the client left the name out (Core 1.1.1 §6.1.7.1).
func (a *Authorizer) device(ctx context.Context, peer Peer, ep lwm2m.EndpointName) (store.Device, error) {
	if ep == "" {
		return a.owner(ctx, peer)
	}
	return a.Store.Device(ctx, ep)
}

// owner finds the device that what a peer authenticated as belongs to.
func (a *Authorizer) owner(ctx context.Context, peer Peer) (store.Device, error) {
	if len(peer.Chain) > 0 {
		return a.certificateOwner(ctx, peer.Chain)
	}
	return a.Store.DeviceByIdentity(ctx, store.CredentialPSK, peer.Identity)
}

// authenticate returns why a peer is not d, or has not proved it. Any credential of d is accepted;
// its identity may differ from the endpoint name.
func (a *Authorizer) authenticate(ctx context.Context, d store.Device, peer Peer) *outcome.Refusal {
	switch {
	case !peer.Secure() && !d.NoSec:
		return outcome.Unacceptable(store.CauseNoSecRefused, "the client came over plain CoAP, which the device record does not permit")
	case !peer.Secure():
		return nil
	case len(peer.Chain) > 0 && peer.Stale != nil:
		return staleRefusal(peer.Stale)
	case len(peer.Chain) > 0:
		return a.checkCertificate(ctx, d, peer.Chain)
	case !hasCredential(d, store.CredentialPSK, peer.Identity):
		return outcome.Unacceptable(store.CauseIdentityMismatch, "%s", a.ownerNote(ctx, peer))
	case peer.Stale != nil:
		return staleRefusal(peer.Stale)
	}
	return nil
}

// staleRefusal refuses a peer that has come back on an association whose credential is not accepted
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

// ownerNote tells which device the identity of a peer belongs to; the endpoint name or the
// credential of the peer is most likely that of another. It is empty for a peer of plain CoAP.
func (a *Authorizer) ownerNote(ctx context.Context, peer Peer) string {
	if !peer.Secure() {
		return ""
	}
	who := outcome.Printable(peer.Name(), outcome.MaxIdentity)
	owner, err := a.owner(ctx, peer)
	if err != nil {
		return fmt.Sprintf("it authenticated as %q, which belongs to no device", who)
	}
	return fmt.Sprintf("it authenticated as %q, which belongs to device %q", who, owner.Endpoint)
}

// UnreadableDevice is the device whose damaged record made a look-up fail with err; empty for
// another error.
func UnreadableDevice(err error) lwm2m.EndpointName {
	var part *store.UnreadableError
	if errors.As(err, &part) && part.Bucket == store.KindDevice {
		return lwm2m.EndpointName(part.Key)
	}
	return ""
}

// Holder finds the device whose credential a peer has proved to hold. A key that it had
// before proves nothing: it may have been replaced because it was disclosed.
func (a *Authorizer) Holder(ctx context.Context, peer Peer) (store.Device, bool) {
	switch {
	case !peer.Secure(), errors.Is(peer.Stale, ErrKeyChanged):
		return store.Device{}, false
	case len(peer.Chain) == 0:
		return a.Found(a.Store.DeviceByIdentity(ctx, store.CredentialPSK, peer.Identity))
	}
	d, err := a.Store.DeviceByIdentity(ctx, store.CredentialCertificate, store.Fingerprint(peer.Chain[0].Raw))
	if !errors.Is(err, store.ErrNotFound) {
		return a.Found(d, err)
	}
	d, ok := a.Found(a.certificateOwner(ctx, peer.Chain))
	return d, ok && a.vouched(ctx, d, peer.Chain)
}

// Found logs the error of a look-up that is more than that there is no such device, and reports
// whether there is one.
func (a *Authorizer) Found(d store.Device, err error) (store.Device, bool) {
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		a.storeFault(err)
	}
	return d, err == nil
}

// Claimed looks the device up that a peer seems to be, which nothing proves: the one that a
// certificate of it is about, or that has its PSK identity.
func (a *Authorizer) Claimed(ctx context.Context, peer Peer) (store.Device, error) {
	switch {
	case len(peer.Chain) > 0:
		return a.claimant(ctx, peer.Chain)
	case peer.Identity != "":
		return a.Store.DeviceByIdentity(ctx, store.CredentialPSK, peer.Identity)
	}
	return store.Device{}, store.ErrNotFound
}

func (a *Authorizer) storeFault(err error) outcome.Failure { return outcome.StoreFault(a.Logger, err) }
