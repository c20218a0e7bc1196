package attempt

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/outcome"
	"lwbs/bootstrap/panics"
	"lwbs/store"
)

// An UnknownAssociation tells of DTLS records that no association opens, from an address
// that a device has used. Nothing proves that the device sent them: the source address may be
// forged, and a NAT may have given it to another device.
type UnknownAssociation struct {
	Remote  string    // IP:port
	Started time.Time // when the first one came
	Count   int       // how many came since then, or since it was last told of them; at least 1

	// OtherReplica is whether their connection ID (RFC 9146) is one that a server with
	// another --replica-id gives out.
	OtherReplica bool
}

// KnownAddress reports whether a device is known that last used an address and port for an
// association.
func (r *Reports) KnownAddress(address netip.AddrPort) bool {
	_, known := r.recorder.Addresses.At(address)
	return known
}

// UnknownAssociation records, for the device that last used the address, that what comes from
// there belongs to no association. It does not count against the device.
func (r *Reports) UnknownAssociation(u UnknownAssociation) {
	defer r.panics.Contain(panics.Handshake)
	ctx, cancel := context.WithTimeout(context.Background(), auth.LookUpTimeout)
	defer cancel()
	d, ok := r.lastAt(ctx, u.Remote)
	if !ok {
		return
	}
	record := r.recorder.Begin(auth.Peer{Remote: u.Remote, Transport: store.TransportDTLS}, u.Started)
	record.Stage = store.StageDatagram
	About(&record, d)
	if u.Count > 1 {
		record.Attempts = u.Count
	}
	why := outcome.Failure{Cause: store.CauseAssociationUnknown}
	if u.OtherReplica {
		why.Detail, why.Variant = "their connection ID is one of a server with another --replica-id", store.VariantOtherReplica
	}
	r.recorder.End(ctx, record, why)
}

// lastAt finds the device that last used an address, under the name that it has today. An
// address of a device that there is no more is forgotten.
func (r *Reports) lastAt(ctx context.Context, remote string) (store.Device, bool) {
	address, err := netip.ParseAddrPort(remote)
	if err != nil {
		return store.Device{}, false
	}
	u, known := r.recorder.Addresses.At(address)
	if !known {
		return store.Device{}, false
	}
	d, err := r.store.Device(ctx, u.Endpoint)
	if errors.Is(err, store.ErrNotFound) && u.Identity != "" {
		d, err = r.store.DeviceByIdentity(ctx, store.CredentialPSK, u.Identity)
	}
	if errors.Is(err, store.ErrNotFound) {
		r.recorder.Addresses.Drop(address)
	}
	return r.recorder.Auth.Found(d, err)
}
