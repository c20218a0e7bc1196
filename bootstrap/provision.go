package bootstrap

import (
	"context"
	"errors"

	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/outcome"
	"lwbs/bootstrap/profile"
	"lwbs/lwm2m"
	"lwbs/store"
)

// profileOf reads the profile of d.
func (srv *Server) profileOf(ctx context.Context, d store.Device) (store.Profile, *outcome.Failure) {
	p, err := srv.cfg.Store.Profile(ctx, d.Profile)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return p, outcome.Failed(store.CausePlanInvalid, "the device's profile %q does not exist", d.Profile)
	case err != nil:
		f := srv.storeFault(err)
		return p, &f
	}
	return p, nil
}

// arrival is how a peer came that is d, as far as what it is given depends on it.
func (srv *Server) arrival(ctx context.Context, d store.Device, peer auth.Peer) profile.Arrival {
	return profile.Arrival{Secure: peer.Secure(), Identity: peer.Identity, GroupKey: srv.auth.GroupKey(ctx, d, peer)}
}

// provision resolves what d is to be given that came as peer, keys that are still to be
// made included.
func (srv *Server) provision(ctx context.Context, d store.Device, peer auth.Peer) (*profile.Provision, *outcome.Failure) {
	p, f := srv.profileOf(ctx, d)
	if f != nil {
		return nil, f
	}
	return profile.Provide(p, d, srv.arrival(ctx, d, peer), srv.cfg.Rand, srv.cfg.Objects)
}

// keepProvision keeps new keys before the client can have them. given is what the device
// had when its request came; it is resolved anew where the record was edited since, such
// as by the session before this one.
func (srv *Server) keepProvision(ctx context.Context, ep lwm2m.EndpointName, peer auth.Peer, given *profile.Provision) (*profile.Provision, *outcome.Failure) {
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout) // see lookingUp
	defer done()
	for range maxConflicts {
		d, refused := srv.auth.Authorize(ctx, peer, ep)
		if refused != nil {
			return nil, &refused.Failure
		}
		if d.Revision != given.Device.Revision {
			var f *outcome.Failure
			if given, f = srv.provision(ctx, d, peer); f != nil {
				return nil, f
			}
		}
		if !given.Edited {
			return given, nil
		}
		kept, err := srv.cfg.Store.PutDevice(ctx, given.Device)
		switch {
		case err == nil:
			given.Device = kept
			return given, nil
		case errors.Is(err, store.ErrIdentityTaken):
			return nil, outcome.Failed(store.CausePlanInvalid, "the new bootstrap credential has an identity of another device: %s", outcome.Printable(err.Error(), outcome.MaxError))
		case !errors.Is(err, store.ErrConflict):
			fault := srv.storeFault(err)
			return nil, &fault
		}
	}
	return nil, outcome.Failed(store.CauseInternal, "the device record was edited again and again")
}
