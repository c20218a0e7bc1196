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
	out, err := l.apply(ctx, []store.Profile{p}, o)
	if wrong := new(wrongProfileError); errors.As(err, &wrong) {
		return Applied{}, &InvalidError{fmt.Sprintf("profile %q", p.Name), wrong.findings[0]}
	}
	if err != nil {
		return Applied{}, err
	}
	return out[0], nil
}

// ApplyProfiles implements [API].
func (l *Local) ApplyProfiles(ctx context.Context, ps []store.Profile, o ApplyOptions) ([]Applied, error) {
	if len(ps) == 0 || len(ps) > MaxApplied {
		return nil, fmt.Errorf("%w: %d profiles, 1 to %d are possible at once", store.ErrInvalid, len(ps), MaxApplied)
	}
	out, err := l.apply(ctx, ps, o)
	if wrong := new(wrongProfileError); errors.As(err, &wrong) {
		return nil, &InvalidError{Findings: wrong.all()}
	}
	return out, err
}

// apply checks profiles, finds out what they mean for the devices that have them, and keeps all
// of them or none. The error is a [*wrongProfileError] where one of them is wrong by itself.
func (l *Local) apply(ctx context.Context, ps []store.Profile, o ApplyOptions) ([]Applied, error) {
	warnings, err := l.checkProfiles(ps)
	if err != nil {
		return nil, err
	}
	if err := l.knowServers(ctx, ps); err != nil {
		return nil, err
	}
	impacts, err := l.impacts(ctx, ps, o)
	if err != nil {
		return nil, err
	}
	same, err := l.unchanged(ctx, ps)
	if err != nil {
		return nil, err
	}
	if !o.DryRun {
		if ps, err = l.putChanged(ctx, ps, same); err != nil {
			return nil, err
		}
	}
	out := make([]Applied, len(ps))
	for i, p := range ps {
		out[i] = Applied{Profile: listed(p), Warnings: warnings[i], Created: p.Revision == 1 && !same[i], Unchanged: same[i], Impact: impacts[i]}
	}
	return out, nil
}

// unchanged tells which of ps are as they are kept already.
func (l *Local) unchanged(ctx context.Context, ps []store.Profile) ([]bool, error) {
	same := make([]bool, len(ps))
	for i, p := range ps {
		kept, err := l.Store.Profile(ctx, p.Name)
		switch {
		case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrCorrupt):
		case err != nil:
			return nil, err
		default:
			same[i] = (p.Revision == 0 || p.Revision == kept.Revision) && len(profile.Diff(kept, p)) == 0
		}
	}
	return same, nil
}

// putChanged is putProfiles without those that are the same, of which it returns what is kept.
func (l *Local) putChanged(ctx context.Context, ps []store.Profile, same []bool) ([]store.Profile, error) {
	var changed []store.Profile
	for i, p := range ps {
		if !same[i] {
			changed = append(changed, p)
		}
	}
	if len(changed) > 0 {
		kept, err := l.putProfiles(ctx, changed)
		if err != nil {
			return nil, err
		}
		changed = kept
	}
	out := make([]store.Profile, len(ps))
	for i, p := range ps {
		if !same[i] {
			out[i], changed = changed[0], changed[1:]
			continue
		}
		kept, err := l.Store.Profile(ctx, p.Name)
		if err != nil {
			return nil, err
		}
		out[i] = kept
	}
	return out, nil
}

// checkProfiles returns the warnings about each profile.
func (l *Local) checkProfiles(ps []store.Profile) (warnings [][]profile.Finding, err error) {
	warnings = make([][]profile.Finding, len(ps))
	wrong, bad := make([][]profile.Finding, len(ps)), false
	for i, p := range ps {
		if err := p.Validate(); err != nil { // before checks that take longer the more there is
			return nil, fmt.Errorf("profile %q: %w", p.Name, err)
		}
		wrong[i], warnings[i] = split(profile.Check(p, l.Objects))
		bad = bad || len(wrong[i]) > 0
	}
	if bad {
		return nil, &wrongProfileError{wrong}
	}
	return warnings, nil
}

// knowServers reports the LwM2M Servers that profiles name and that do not exist.
func (l *Local) knowServers(ctx context.Context, ps []store.Profile) error {
	wrong, bad := make([][]profile.Finding, len(ps)), false
	for i, p := range ps {
		for j, a := range p.Accounts {
			found, err := l.knowServersOf(ctx, j, a)
			if err != nil {
				return err
			}
			wrong[i], bad = append(wrong[i], found...), bad || len(found) > 0
		}
	}
	if bad {
		return &wrongProfileError{wrong}
	}
	return nil
}

// A wrongProfileError has what is wrong with each of several profiles.
type wrongProfileError struct{ findings [][]profile.Finding }

func (e *wrongProfileError) Error() string { return (&InvalidError{Findings: e.all()}).Error() }

// all are the findings, with the profile in their places.
func (e *wrongProfileError) all() (out []profile.Finding) {
	for i, findings := range e.findings {
		for _, f := range findings {
			f.Place = fmt.Sprintf("profiles[%d].%s", i, f.Place)
			out = append(out, f)
		}
	}
	return out
}

// putProfiles keeps all of ps or none. Those of revision zero replace the newest: where
// another edit changed that meanwhile, it takes what is the newest then.
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

// ProfileRevisions implements [API].
func (l *Local) ProfileRevisions(ctx context.Context, name string) ([]store.Profile, error) {
	all, err := l.Store.ProfileRevisions(ctx, name)
	for i := range all {
		all[i] = listed(all[i])
	}
	return all, err
}

// listed is p with its lists empty where there are none, and not null in JSON.
func listed(p store.Profile) store.Profile {
	if p.Accounts == nil {
		p.Accounts = []store.Account{}
	}
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
