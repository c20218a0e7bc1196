package admin

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"

	"lwbs/bootstrap/profile"
	"lwbs/lwm2m"
	"lwbs/lwm2m/content"
	"lwbs/store"
)

// generatedKey is the length of a PSK that is made here, in bytes: what every client
// has room for.
const generatedKey = 16

// AddDevice implements [API].
func (l *Local) AddDevice(ctx context.Context, ep lwm2m.EndpointName, set DeviceSettings) (Device, error) {
	if err := ep.Validate(); err != nil { // else an identity made of it is to blame
		return Device{}, fmt.Errorf("device %q: %w: %w", ep, store.ErrInvalid, err)
	}
	d, err := l.put(ctx, store.Device{Endpoint: ep}, set)
	if err == nil && d.Group == "" {
		d.Warnings = append(d.Warnings, l.matchedBy(ctx, ep)...)
	}
	return d, err
}

// SetDevice implements [API]. Without a revision it begins anew where another edit, such as that
// of a session, changed the record meanwhile: each time one of them comes through.
func (l *Local) SetDevice(ctx context.Context, ep lwm2m.EndpointName, rev store.Revision, set DeviceSettings) (Device, error) {
	read := func() (store.Device, store.Revision, error) {
		d, err := l.Store.Device(ctx, ep)
		return d, d.Revision, err
	}
	return revise(fmt.Sprintf("device %q", ep), rev, read, func(d store.Device) (Device, error) { return l.put(ctx, d, set) })
}

// revise reads a record and puts an edit of it, based on revision rev. With rev zero, an edit of the newest is
// tried again where another edit comes between.
func revise[R, V any](what string, rev store.Revision, read func() (R, store.Revision, error), put func(R) (V, error)) (none V, err error) {
	for {
		record, is, err := read()
		if err != nil {
			return none, err
		}
		if rev != 0 && rev != is {
			return none, fmt.Errorf("%s: revision is %d, not %d: %w", what, is, rev, store.ErrConflict)
		}
		changed, err := put(record)
		if rev != 0 || !errors.Is(err, store.ErrConflict) {
			return changed, err
		}
	}
}

// A draft is a record as an edit makes it. It is checked, and not kept yet.
type draft struct {
	device    store.Device
	profile   store.Profile
	generated bool                         // a key to bootstrap with
	before    map[string]store.AccountKeys // as the edit has them, before keys were generated
	warnings  []profile.Finding
}

// draft applies set to d, and checks what comes of it.
func (l *Local) draft(ctx context.Context, d store.Device, set DeviceSettings) (draft, error) {
	return l.draftUnder(ctx, l.Store.Profile, d, set)
}

// draftUnder is draft with the profiles that another function returns.
func (l *Local) draftUnder(ctx context.Context, profileOf func(context.Context, string) (store.Profile, error), d store.Device, set DeviceSettings) (draft, error) {
	if set.Format != nil && *set.Format != 0 && !content.Writable(*set.Format) {
		return draft{}, fmt.Errorf("device %q: %w: nothing can be written in the format %v", d.Endpoint, store.ErrInvalid, *set.Format)
	}
	was := d
	p, generated, err := l.edited(ctx, profileOf, &d, set)
	if err != nil {
		return draft{}, fmt.Errorf("device %q: %w", d.Endpoint, err)
	}
	before := maps.Clone(d.Accounts)
	if _, err := profile.FillKeys(p, &d, rand.Reader); err != nil {
		return draft{}, err
	}
	if was.Revision != 0 && alters(p, was, d) {
		d.Settings++
	}
	late, err := set.rotate(p, &d)
	if err != nil {
		return draft{}, fmt.Errorf("device %q: %w", d.Endpoint, err)
	}
	errs, warnings := split(append(set.unknownAccounts(p), l.checkers.Of(p, l.Objects).Device(d)...))
	errs, more := l.news(errs, p, was, set)
	warnings = append(warnings, append(more, late...)...)
	if len(errs) > 0 {
		return draft{}, &InvalidError{fmt.Sprintf("device %q", d.Endpoint), errs}
	}
	return draft{d, p, generated, before, warnings}, nil
}

// put applies set to d, checks and keeps it. What was generated is shown in the
// answer.
func (l *Local) put(ctx context.Context, d store.Device, set DeviceSettings) (Device, error) {
	edited, err := l.draft(ctx, d, set)
	if err != nil {
		return Device{}, err
	}
	kept := edited.device
	if !set.rotates() || !sameRecord(d, kept) {
		if kept, err = l.Store.PutDevice(ctx, edited.device); err != nil {
			return Device{}, err
		}
	}
	out := viewOfMade(l.assigned(ctx, edited.profile, kept.Endpoint), kept, edited.before, edited.generated)
	if err := l.addDerived(ctx, kept, &out, false); err != nil {
		return Device{}, err
	}
	for _, w := range edited.warnings {
		out.Warnings = append(out.Warnings, w.String())
	}
	out.Warnings = append(out.Warnings, l.keys.Note(ctx, l.Store, kept, set.supplies())...)
	return out, nil
}

// news separates the errors that are new from those that the record had before under the same
// profile, as warnings: they are no reason to refuse an edit of something else.
func (l *Local) news(errs []profile.Finding, p store.Profile, was store.Device, set DeviceSettings) (news, known []profile.Finding) {
	if len(errs) == 0 || was.Profile != p.Name || set.Reset {
		return errs, nil
	}
	before := l.checkers.Of(p, l.Objects).Device(was)
	for _, f := range errs {
		if slices.Contains(before, f) {
			f.Warning = true
			known = append(known, f)
		} else {
			news = append(news, f)
		}
	}
	return news, known
}

// edited applies set to d, and returns the profile that d has then, and whether it was made a
// key to bootstrap with.
func (l *Local) edited(ctx context.Context, profileOf func(context.Context, string) (store.Profile, error), d *store.Device, set DeviceSettings) (p store.Profile, generated bool, err error) {
	if generated, err = set.apply(d); err != nil {
		return p, false, err
	}
	if err := l.applyGroup(ctx, d, set); err != nil {
		return p, false, err
	}
	if err := d.Validate(); err != nil { // before checks that take longer the more there is
		return p, false, err
	}
	if p, err = profileOf(ctx, d.Profile); err != nil {
		return p, false, err
	}
	if err := set.normalize(p, d); err != nil {
		return p, false, err
	}
	profile.AdoptRenamed(p, d)
	return p, generated, set.forget(p, d)
}

// split separates errors and warnings.
func split(findings []profile.Finding) (errs, warnings []profile.Finding) {
	for _, f := range findings {
		if f.Warning {
			warnings = append(warnings, f)
		} else {
			errs = append(errs, f)
		}
	}
	return errs, warnings
}
