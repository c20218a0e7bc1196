package admin

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"lwbs/bootstrap/profile"
	"lwbs/store"
)

// ApplyProfile implements [API].
func (l *Local) ApplyProfile(ctx context.Context, p store.Profile, o ApplyOptions) (Applied, error) {
	if err := p.Validate(); err != nil { // before checks that take longer the more there is
		return Applied{}, fmt.Errorf("profile %q: %w", p.Name, err)
	}
	errs, warnings := split(profile.Check(p, l.Objects))
	if len(errs) > 0 {
		return Applied{}, &InvalidError{fmt.Sprintf("profile %q", p.Name), errs}
	}
	out, err := l.applyChecked(ctx, []store.Profile{p}, [][]profile.Finding{warnings}, o)
	if err != nil {
		return Applied{}, err
	}
	return out[0], nil
}

// applyChecked applies profiles that are good by themselves.
func (l *Local) applyChecked(ctx context.Context, ps []store.Profile, warnings [][]profile.Finding, o ApplyOptions) ([]Applied, error) {
	impacts, err := l.impacts(ctx, ps, o)
	if err != nil {
		return nil, err
	}
	if !o.DryRun {
		if ps, err = l.putProfiles(ctx, ps); err != nil {
			return nil, err
		}
	}
	out := make([]Applied, len(ps))
	for i, p := range ps {
		out[i] = Applied{Profile: listed(p), Warnings: warnings[i], Created: p.Revision == 1, Impact: impacts[i]}
	}
	return out, nil
}

// ApplyProfiles implements [API].
func (l *Local) ApplyProfiles(ctx context.Context, ps []store.Profile, o ApplyOptions) ([]Applied, error) {
	if len(ps) == 0 || len(ps) > MaxApplied {
		return nil, fmt.Errorf("%w: %d profiles, 1 to %d are possible at once", store.ErrInvalid, len(ps), MaxApplied)
	}
	var wrong []profile.Finding
	warnings := make([][]profile.Finding, len(ps))
	for i, p := range ps {
		if err := p.Validate(); err != nil {
			return nil, fmt.Errorf("profile %q: %w", p.Name, err)
		}
		var errs []profile.Finding
		errs, warnings[i] = split(profile.Check(p, l.Objects))
		for _, f := range errs {
			f.Place = fmt.Sprintf("profiles[%d].%s", i, f.Place)
			wrong = append(wrong, f)
		}
	}
	if len(wrong) > 0 {
		return nil, &InvalidError{Findings: wrong}
	}
	return l.applyChecked(ctx, ps, warnings, o)
}

// putProfiles keeps all of ps or none. Those of revision zero replace the newest: where
// somebody else changed that meanwhile, it takes what is the newest then.
func (l *Local) putProfiles(ctx context.Context, ps []store.Profile) ([]store.Profile, error) {
	for {
		based, err := l.onNewest(ctx, ps)
		if err != nil {
			return nil, err
		}
		kept, err := l.Store.PutProfiles(ctx, based)
		if !outdated(err) {
			return kept, err
		}
		if again, changed := l.onNewest(ctx, ps); changed != nil || sameRevisions(again, based) {
			return nil, errors.Join(err, changed) // it is about one whose revision was given
		}
	}
}

// onNewest returns a copy of ps in which those of revision zero have the newest one.
func (l *Local) onNewest(ctx context.Context, ps []store.Profile) ([]store.Profile, error) {
	out := make([]store.Profile, len(ps))
	for i, p := range ps {
		if p.Revision == 0 {
			old, err := l.Store.Profile(ctx, p.Name)
			if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrCorrupt) {
				return nil, err
			}
			p.Revision = old.Revision
		}
		out[i] = p
	}
	return out, nil
}

func sameRevisions(a, b []store.Profile) bool {
	for i := range a {
		if a[i].Revision != b[i].Revision {
			return false
		}
	}
	return true
}

// outdated reports whether an edit was refused because the record is another by now than
// the one it was based on.
func outdated(err error) bool {
	return errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrExists) || errors.Is(err, store.ErrNotFound)
}

// Profile implements [API].
func (l *Local) Profile(ctx context.Context, name string) (store.Profile, error) {
	p, err := l.Store.Profile(ctx, name)
	return listed(p), err
}

// Profiles implements [API].
func (l *Local) Profiles(ctx context.Context, q store.ProfileQuery) ([]store.Profile, error) {
	page, err := l.Store.Profiles(ctx, q)
	for i := range page {
		page[i] = listed(page[i])
	}
	return page, err
}

// listed is p with its lists empty where there are none, and not null in JSON.
func listed(p store.Profile) store.Profile {
	p.Accounts = orEmpty(p.Accounts)
	p.AccessControl, p.Objects = slices.Clone(p.AccessControl), slices.Clone(p.Objects)
	for i := range p.AccessControl {
		p.AccessControl[i].Rights = copied(p.AccessControl[i].Rights)
	}
	for i := range p.Objects {
		p.Objects[i].Resources = copied(p.Objects[i].Resources)
	}
	return p
}

// DeleteProfile implements [API].
func (l *Local) DeleteProfile(ctx context.Context, name string, rev store.Revision) error {
	return l.Store.DeleteProfile(ctx, name, rev)
}
