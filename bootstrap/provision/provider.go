package provision

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/outcome"
	"lwbs/bootstrap/profile"
	"lwbs/lwm2m"
	"lwbs/lwm2m/object"
	"lwbs/store"
)

// Timeout bounds one edit.
const Timeout = 10 * time.Second

// maxConflicts is how often an edit of a device is tried, where other edits come between.
const maxConflicts = 8

// Store is what a [Provider] needs of the store.
type Store interface {
	Device(ctx context.Context, ep lwm2m.EndpointName) (store.Device, error)
	Profile(ctx context.Context, name string) (store.Profile, error)
	PutDevice(ctx context.Context, d store.Device) (store.Device, error)
	EndSession(ctx context.Context, s store.Session, d store.Device) (store.Device, error)
	LwM2MServer(ctx context.Context, name string) (store.LwM2MServer, error)
}

// A Provider knows what devices are given. All exported fields are required; the methods may be called
// concurrently. It must not be copied.
type Provider struct {
	Store   Store
	Auth    *auth.Authorizer
	Rand    io.Reader // of generated keys
	Objects *object.Registry
	Logger  *slog.Logger // is told where the store fails

	contents profile.ContentCache
}

// Profile reads the profile of d, and assigns it an LwM2M Server in each account that has several.
func (p *Provider) Profile(ctx context.Context, d store.Device) (store.Profile, *outcome.Failure) {
	found, err := p.Store.Profile(ctx, d.Profile)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return found, outcome.Failed(store.CausePlanInvalid, "the device's profile %q does not exist", d.Profile)
	case err != nil:
		f := p.storeFault(err)
		return found, &f
	}
	assigned, err := profile.Assign(found, d.Endpoint, func(name string) (store.LwM2MServer, error) { return p.Store.LwM2MServer(ctx, name) })
	var unassigned *profile.UnassignedError
	switch {
	case errors.As(err, &unassigned):
		return found, outcome.Failed(store.CausePlanInvalid, "%v", err)
	case err != nil:
		f := p.storeFault(err)
		return found, &f
	}
	return assigned, nil
}

// Arrival is how a peer came that is d, as far as what it is given depends on it.
func (p *Provider) Arrival(ctx context.Context, d store.Device, peer auth.Peer) profile.Arrival {
	came := profile.Arrival{Secure: peer.Secure(), Identity: peer.Identity, GroupKey: p.Auth.GroupKey(ctx, d, peer)}
	if len(peer.Chain) > 0 {
		came.Certificate = peer.Chain[0]
	}
	return came
}

// Resolve resolves what d is to be given that came as peer, keys that are still to be
// made included.
func (p *Provider) Resolve(ctx context.Context, d store.Device, peer auth.Peer) (*profile.Provision, *outcome.Failure) {
	of, f := p.Profile(ctx, d)
	if f != nil {
		return nil, f
	}
	given, f := profile.Provide(of, d, p.Arrival(ctx, d, peer), p.Rand, p.Objects)
	if f == nil {
		given.Content = p.contents.Of(of)
		given.Notes = append(given.Notes, profile.AssignmentNotes(of)...)
	}
	return given, f
}

// Keep keeps new keys before the client can have them. given is what the device
// had when its request came; it is resolved anew where the record was edited since, such
// as by the session before this one.
func (p *Provider) Keep(ctx context.Context, ep lwm2m.EndpointName, peer auth.Peer, given *profile.Provision) (*profile.Provision, *outcome.Failure) {
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), Timeout) // the association may end meanwhile
	defer done()
	for range maxConflicts {
		d, refused := p.Auth.Authorize(ctx, peer, ep)
		if refused != nil {
			return nil, &refused.Failure
		}
		if d.Revision != given.Device.Revision {
			var f *outcome.Failure
			if given, f = p.Resolve(ctx, d, peer); f != nil {
				return nil, f
			}
		}
		if !given.Edited {
			return given, nil
		}
		kept, err := p.Store.PutDevice(ctx, given.Device)
		switch {
		case err == nil:
			given.Device = kept
			return given, nil
		case errors.Is(err, store.ErrIdentityTaken):
			return nil, outcome.Failed(store.CausePlanInvalid, "the new bootstrap credential has an identity of another device: %s", outcome.Printable(err.Error(), outcome.MaxError))
		case !errors.Is(err, store.ErrConflict):
			fault := p.storeFault(err)
			return nil, &fault
		}
	}
	return nil, outcome.Failed(store.CauseInternal, "the device record was edited again and again")
}

// Edit changes d, as it was read before, and keeps it; where the record was edited in
// between, it reads it again and starts over. Change returns whether there is anything to keep;
// it must not change a map or list in place. The record is returned as it is kept.
func (p *Provider) Edit(ctx context.Context, d store.Device, change func(*store.Device) bool) (store.Device, error) {
	return p.edit(ctx, d, change, p.Store.PutDevice)
}

// EditAtEnd is Edit for what a session that has ended leaves on the record, which is kept together with the record of the
// session itself. Ended returns that one; recorded is whether it is kept, which it is not where there is nothing to edit.
func (p *Provider) EditAtEnd(ctx context.Context, d store.Device, change func(*store.Device) bool, ended func() store.Session) (recorded bool, err error) {
	_, err = p.edit(ctx, d, change, func(ctx context.Context, d store.Device) (store.Device, error) {
		kept, err := p.Store.EndSession(ctx, ended(), d)
		recorded = err == nil
		return kept, err
	})
	return recorded, err
}

func (p *Provider) edit(ctx context.Context, d store.Device, change func(*store.Device) bool, keep func(context.Context, store.Device) (store.Device, error)) (store.Device, error) {
	for range maxConflicts {
		if !change(&d) {
			return d, nil
		}
		kept, err := keep(ctx, d)
		if !errors.Is(err, store.ErrConflict) {
			return kept, err
		}
		if d, err = p.Store.Device(ctx, d.Endpoint); err != nil {
			return d, err
		}
	}
	return d, fmt.Errorf("edit device: %w %d times", store.ErrConflict, maxConflicts)
}

// storeFault logs an error of the store and returns what may be told of it.
func (p *Provider) storeFault(err error) outcome.Failure { return outcome.StoreFault(p.Logger, err) }
