package admin

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"lwbs/bootstrap/profile"
	"lwbs/lwm2m"
	"lwbs/store"
)

// Device implements [API].
func (l *Local) Device(ctx context.Context, ep lwm2m.EndpointName, reveal bool) (Device, error) {
	d, err := l.Store.Device(ctx, ep)
	if err != nil {
		return Device{}, err
	}
	p, err := l.profileOf(ctx, d)
	if err != nil {
		return Device{}, err
	}
	v := view(p, d, reveal)
	if err := l.addDerived(ctx, d, &v, reveal); err != nil {
		return Device{}, err
	}
	if v.Outbox, err = l.waitingAbout(ctx, ep); err != nil {
		return Device{}, err
	}
	return l.withLast(ctx, v, p)
}

// waitingAbout are the first messages about a device. Where nothing waits at all, none is read.
func (l *Local) waitingAbout(ctx context.Context, ep lwm2m.EndpointName) ([]Message, error) {
	counts, err := l.Store.OutboxCounts(ctx)
	if err != nil || !slices.ContainsFunc(counts, func(c store.OutboxCount) bool { return c.Queued > 0 }) {
		return nil, err
	}
	return l.Messages(ctx, store.MessageQuery{Endpoint: ep, Limit: MaxOutboxOfDevice})
}

// profileOf is the profile of d, with the LwM2M Servers that d is assigned; the zero Profile where d was given another since it was
// read, and its own was deleted.
func (l *Local) profileOf(ctx context.Context, d store.Device) (store.Profile, error) {
	p, err := l.profileIfAny(ctx, d.Profile)
	return l.assigned(ctx, p, d.Endpoint), err
}

// profileIfAny is the profile of that name, the zero Profile where there is none.
func (l *Local) profileIfAny(ctx context.Context, name string) (store.Profile, error) {
	p, err := l.Store.Profile(ctx, name)
	if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	return p, err
}

// withLast adds what was last seen of d, whose profile is p: what tells of its state, and what came
// after that under its name.
func (l *Local) withLast(ctx context.Context, d Device, p store.Profile) (Device, error) {
	if s := l.running(d.Endpoint); s != nil && s.Proof.Counts() {
		d.Running = s
	}
	newest, err := l.Store.Sessions(ctx, store.SessionQuery{Endpoint: d.Endpoint, Limit: 1})
	if err != nil || len(newest) == 0 {
		d.judge(p, nil)
		return d, err
	}
	switch s := &newest[0]; {
	case s.Endpoint != d.Endpoint || !s.Proof.Counts():
		d.Unproved = s
	case s.Cause != store.CauseIdle: // as almost always
		d.Last = s
		d.judge(p, s)
		return d, nil
	}
	own, err := l.Store.Sessions(ctx, store.SessionQuery{Endpoint: d.Endpoint, Own: true, Limit: lastOwn})
	if len(own) == 0 {
		d.judge(p, nil)
		return d, err
	}
	// That it idles says less than how it was bootstrapped.
	d.Last = &own[max(0, slices.IndexFunc(own, func(s store.Session) bool { return s.Cause != store.CauseIdle }))]
	d.judge(p, &own[0])
	return d, err
}

// lastOwn is how many attempts of a device are looked at for the last one that tells of its
// state.
const lastOwn = store.OutlineSessions

// running is the session of a device that is running, or a request in its name that may become
// one; nil for neither.
func (l *Local) running(ep lwm2m.EndpointName) *store.Session {
	if l.Running == nil {
		return nil
	}
	return l.Running(ep)
}

// RenameDevice implements [API].
func (l *Local) RenameDevice(ctx context.Context, ep, to lwm2m.EndpointName, rev store.Revision) (Device, error) {
	old, err := l.Store.Device(ctx, ep)
	if err != nil {
		return Device{}, err
	}
	p, err := l.profileOf(ctx, old)
	if err != nil {
		return Device{}, err
	}
	if s := l.running(ep); s != nil && s.Proof.Counts() {
		return Device{}, fmt.Errorf("rename device %q: %w: repeat it in a minute", ep, ErrSessionRunning)
	}
	d, err := l.Store.RenameDevice(ctx, ep, to, rev)
	if err != nil {
		return Device{}, err
	}
	out, err := l.withLast(ctx, view(p, d, false), p)
	was, is := profile.PSKIdentities(p, old), profile.PSKIdentities(p, d)
	for _, name := range slices.Sorted(maps.Keys(is)) {
		if was[name] != is[name] {
			out.Warnings = append(out.Warnings, fmt.Sprintf("account %q: from its next bootstrap on the device has the identity %q in place of %q there, which the LwM2M Server must know; to keep the old one, set it for this account", name, is[name], was[name]))
		}
	}
	return out, err
}

// DeleteDevice implements [API].
func (l *Local) DeleteDevice(ctx context.Context, ep lwm2m.EndpointName, rev store.Revision) error {
	return l.Store.DeleteDevice(ctx, ep, rev)
}
