package auth

import (
	"context"
	"errors"
	"slices"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
)

// UnknownDevice returns the device that a peer is which no record names, as far as it can wait for
// approval: what it authenticated with, and the name that it gave, ep, empty for none. It reports
// false for other peers:
//
//   - one whose credential is in a record, so that it is a known device with a wrong name;
//   - one whose certificate no CA vouches for now, or names a device that has a record without it;
//   - one over plain CoAP that gave no name.
//
// A device with a pre-shared key is never unknown: without a record there is no key to authenticate
// it with.
func (a *Authorizer) UnknownDevice(ctx context.Context, peer Peer, ep lwm2m.EndpointName) (store.PendingDevice, bool) {
	p := store.PendingDevice{Endpoint: ep, Named: ep != "", Transport: peer.Transport, Remote: peer.Remote}
	if !peer.Secure() {
		return p, ep != ""
	}
	if len(peer.Chain) == 0 || peer.Stale != nil {
		return p, false
	}
	if _, err := a.certificateOwner(ctx, peer.Chain); !errors.Is(err, store.ErrNotFound) {
		return p, false
	}
	trust, leaf := a.Trust(), peer.Chain[0]
	paths, f := trust.vouch(peer.Chain, time.Now())
	if f != nil {
		return p, false
	}
	p.Names = slices.DeleteFunc(trust.names(leaf, paths), func(name string) bool { return !store.IsCertificateName(name) })
	p.Kind, p.Identity = store.CredentialCertificate, store.Fingerprint(leaf.Raw)
	switch {
	case slices.Contains(p.Names, string(ep)):
		p.Kind, p.Identity = store.CredentialCertificateName, string(ep)
	case len(p.Names) > 0:
		p.Kind, p.Identity = store.CredentialCertificateName, p.Names[0]
	}
	if p.Endpoint == "" && len(p.Names) > 0 && lwm2m.EndpointName(p.Identity).Validate() == nil {
		p.Endpoint = lwm2m.EndpointName(p.Identity)
	}
	if p.Endpoint != "" {
		_, err := a.Store.Device(ctx, p.Endpoint)
		return p, errors.Is(err, store.ErrNotFound)
	}
	return p, true
}
