package bootstrap

import (
	"context"
	"errors"
	"log/slog"
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
func (srv *Server) KnownAddress(address netip.AddrPort) bool {
	_, known := srv.addresses.At(address)
	return known
}

// UnknownAssociation records, for the device that last used the address, that what comes from
// there belongs to no association. It does not count against the device.
func (srv *Server) UnknownAssociation(u UnknownAssociation) {
	defer srv.cfg.Panics.Contain(panics.Handshake)
	ctx, cancel := context.WithTimeout(context.Background(), lookUpTimeout)
	defer cancel()
	d, ok := srv.lastAt(ctx, u.Remote)
	if !ok {
		return
	}
	record := srv.attempt(auth.Peer{Remote: u.Remote, Transport: store.TransportDTLS}, u.Started)
	record.Stage = store.StageDatagram
	about(&record, d)
	if u.Count > 1 {
		record.Attempts = u.Count
	}
	why := outcome.Failure{Cause: store.CauseAssociationUnknown}
	if u.OtherReplica {
		why.Detail, why.Variant = "their connection ID is one of a server with another --replica-id", store.VariantOtherReplica
	}
	srv.refuse(ctx, record, &outcome.Refusal{Failure: why})
}

// lastAt finds the device that last used an address, under the name that it has today. An
// address of a device that there is no more is forgotten.
func (srv *Server) lastAt(ctx context.Context, remote string) (store.Device, bool) {
	address, err := netip.ParseAddrPort(remote)
	if err != nil {
		return store.Device{}, false
	}
	u, known := srv.addresses.At(address)
	if !known {
		return store.Device{}, false
	}
	d, err := srv.cfg.Store.Device(ctx, u.Endpoint)
	if errors.Is(err, store.ErrNotFound) && u.Identity != "" {
		d, err = srv.cfg.Store.DeviceByIdentity(ctx, store.CredentialPSK, u.Identity)
	}
	if errors.Is(err, store.ErrNotFound) {
		srv.addresses.Drop(address)
	}
	return srv.auth.Found(d, err)
}

// readAddresses fills the memory of addresses from the history, in the background: what
// comes meanwhile from addresses that are not there yet is not told of.
func (srv *Server) readAddresses() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	srv.reading = func() {
		cancel()
		<-done
	}
	go func() {
		defer close(done)
		defer srv.cfg.Panics.Contain(panics.History)
		if err := srv.addresses.Read(ctx, srv.cfg.Store); err != nil && ctx.Err() == nil {
			srv.cfg.Logger.LogAttrs(ctx, slog.LevelError, "addresses of devices not read from the history", slog.Any("error", err))
		}
	}()
}
