package admin

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/enrol"
	"lwbs/bootstrap/profile"
	"lwbs/lwm2m"
	"lwbs/store"
)

// generatedGroupKey is the length of a key of a group that is made here, in bytes.
const generatedGroupKey = 32

// AddGroup implements [API].
func (l *Local) AddGroup(ctx context.Context, name string, set GroupSettings) (Group, error) {
	if len(set.Key) == 0 && (set.CAs == nil || len(*set.CAs) == 0) {
		set.GenerateKey = true
	}
	if set.Match == nil || len(*set.Match) == 0 {
		return Group{}, fmt.Errorf("group %q: %w: it needs a pattern of the names that it enrols", name, store.ErrInvalid)
	}
	return l.putGroup(ctx, store.Group{Name: name}, set)
}

// SetGroup implements [API].
func (l *Local) SetGroup(ctx context.Context, name string, rev store.Revision, set GroupSettings) (Group, error) {
	read := func() (store.Group, store.Revision, error) {
		g, err := l.Store.Group(ctx, name)
		return g, g.Revision, err
	}
	return revise(fmt.Sprintf("group %q", name), rev, read, func(g store.Group) (Group, error) { return l.putGroup(ctx, g, set) })
}

// putGroup applies set to g, checks and keeps it. A key that was made is shown in the answer.
func (l *Local) putGroup(ctx context.Context, g store.Group, set GroupSettings) (Group, error) {
	fail := func(err error) (Group, error) { return Group{}, fmt.Errorf("group %q: %w", g.Name, err) }
	if err := l.changesKeys(ctx, g, set); err != nil {
		return fail(err)
	}
	if err := set.apply(&g, time.Now().UTC()); err != nil {
		return fail(err)
	}
	if err := g.Validate(); err != nil {
		return fail(err)
	}
	if _, err := auth.TrustOf(g, nil); err != nil {
		return fail(fmt.Errorf("%w: %w", store.ErrInvalid, err))
	}
	warnings, err := l.groupWarnings(ctx, g, set)
	if err != nil {
		return fail(err)
	}
	kept, err := l.Store.PutGroup(ctx, g)
	if err != nil {
		return Group{}, err
	}
	v, err := l.groupView(ctx, kept, false)
	v.Warnings = warnings
	if set.GenerateKey && len(v.Keys) > 0 {
		v.Keys[0].Key = hex.EncodeToString(kept.Keys[0].Key.Reveal())
	}
	return v, err
}

// changesKeys refuses an edit after which devices of g would have other keys than they have.
func (l *Local) changesKeys(ctx context.Context, g store.Group, set GroupSettings) error {
	drops := set.DropKey && len(g.Keys) > 1 && !set.LockOut
	derives := set.Derivation != nil && cmp.Or(*set.Derivation, store.DerivationHKDF) != cmp.Or(g.Derivation, store.DerivationHKDF) ||
		set.DeviceKeyLength != nil && *set.DeviceKeyLength != g.KeyLength
	if g.Revision == 0 || !drops && !derives {
		return nil
	}
	var example lwm2m.EndpointName
	n := 0
	err := l.eachMember(ctx, g.Name, func(d store.Device) bool {
		if slices.ContainsFunc(d.Credentials, func(c store.Credential) bool {
			return c.Kind == store.CredentialPSK && c.Group == g.Name && (derives || c.GroupKey != g.Keys[0].ID)
		}) {
			example = d.Endpoint
			n++
		}
		return true
	})
	switch {
	case err != nil || n == 0:
		return err
	case derives:
		return fmt.Errorf("%w: %d of its devices, such as %q, have keys that are derived as it is now: make another group for the other derivation", store.ErrInvalid, n, example)
	}
	return fmt.Errorf("%w: %d of its devices, such as %q, did not come last with a key by the current one, and would be refused: wait until they have come with it, or say that they may be locked out", store.ErrInvalid, n, example)
}

// apply changes g.
func (set GroupSettings) apply(g *store.Group, now time.Time) error {
	assign(&g.Profile, set.Profile)
	assign(&g.Tags, set.Tags)
	assign(&g.Match, set.Match)
	assign(&g.Note, set.Note)
	assign(&g.Derivation, set.Derivation)
	assign(&g.KeyLength, set.DeviceKeyLength)
	assign(&g.CAs, set.CAs)
	assign(&g.RevocationLists, set.RevocationLists)
	assign(&g.Approve, set.Approve)
	assign(&g.Disabled, set.Disabled)
	assign(&g.MaxDevices, set.MaxDevices)
	assign(&g.Until, set.Until)
	g.Denied = slices.Clone(g.Denied)
	for _, ep := range set.Deny {
		if i, found := slices.BinarySearch(g.Denied, ep); !found {
			g.Denied = slices.Insert(g.Denied, i, ep)
		}
	}
	for _, ep := range set.Allow {
		if i, found := slices.BinarySearch(g.Denied, ep); found {
			g.Denied = slices.Delete(g.Denied, i, i+1)
		}
	}
	return set.applyKeys(g, now)
}

// applyKeys changes the keys of g.
func (set GroupSettings) applyKeys(g *store.Group, now time.Time) error {
	g.Keys = slices.Clone(g.Keys)
	if set.DropKey {
		if len(g.Keys) < 2 {
			return fmt.Errorf("%w: it has no former key that could be dropped", store.ErrInvalid)
		}
		g.Keys = g.Keys[:1]
	}
	key := set.Key
	switch {
	case set.GenerateKey && len(key) > 0:
		return fmt.Errorf("%w: a key is given, and one is to be made", store.ErrInvalid)
	case set.GenerateKey:
		key = make([]byte, generatedGroupKey)
		if _, err := rand.Read(key); err != nil {
			return fmt.Errorf("generate key: %w", err)
		}
	case len(key) == 0:
		return nil
	}
	next := store.GroupKey{ID: 1, Key: lwm2m.NewSecret(key), Created: now}
	for _, k := range g.Keys {
		next.ID = max(next.ID, k.ID+1)
		if k.Key.Equal(next.Key) {
			return fmt.Errorf("%w: it has this key already", store.ErrInvalid)
		}
	}
	if len(g.Keys) == store.MaxGroupKeys {
		return fmt.Errorf("%w: it has two keys: drop the former one first", store.ErrInvalid)
	}
	g.Keys = append([]store.GroupKey{next}, g.Keys...)
	return nil
}

// groupWarnings are what could be better about g.
func (l *Local) groupWarnings(ctx context.Context, g store.Group, set GroupSettings) (warnings []string, err error) {
	all, err := l.Store.Groups(ctx)
	if err != nil {
		return nil, err
	}
	if set.Match != nil || set.Key != nil || set.GenerateKey || set.CAs != nil {
		warnings = append(warnings, overlaps(g, all.All)...)
	}
	p, err := l.Store.Profile(ctx, g.Profile)
	if err != nil {
		return nil, err
	}
	if set.Profile != nil || set.Match != nil {
		warnings = append(warnings, l.sampleMistakes(g, p)...)
	}
	for _, ep := range set.Deny {
		d, err := l.Store.Device(ctx, ep)
		if err == nil && d.Group != g.Name {
			warnings = append(warnings, fmt.Sprintf("device %q has a record and is not in this group, so that this does not refuse it: lwbs device disable does", ep))
		}
	}
	return warnings, nil
}

// overlaps tells of patterns of g that match names which patterns of other groups match too.
func overlaps(g store.Group, others []store.Group) (warnings []string) {
	for _, other := range others {
		if other.Name == g.Name || len(g.Keys)*len(other.Keys) == 0 && len(g.CAs)*len(other.CAs) == 0 {
			continue
		}
		for _, a := range g.Match {
			for _, b := range other.Match {
				if enrol.Overlap(a, b) {
					warnings = append(warnings, fmt.Sprintf("%q and %q of group %q match some of the same names: %s", a, b, other.Name, precedence(g, a, other, b)))
				}
			}
		}
	}
	return warnings
}

// precedence says to which of two groups a name belongs that matches a pattern of each.
func precedence(g store.Group, a string, other store.Group, b string) string {
	switch n, m := enrol.Fixed(a), enrol.Fixed(b); {
	case n > m:
		return fmt.Sprintf("these belong to group %q, whose pattern has more fixed characters, also while it is disabled or full", g.Name)
	case n < m:
		return fmt.Sprintf("these belong to group %q, whose pattern has more fixed characters, also while it is disabled or full", other.Name)
	}
	return fmt.Sprintf("these belong to group %q, as both have as many fixed characters and its name comes first, also while it is disabled or full", min(g.Name, other.Name))
}

// sampleMistakes tells why a device that g enrols would be given nothing.
func (l *Local) sampleMistakes(g store.Group, p store.Profile) (warnings []string) {
	if len(g.Match) == 0 {
		return nil
	}
	name := cmp.Or(strings.ReplaceAll(g.Match[0], "*", ""), "device")
	d := store.Device{Endpoint: lwm2m.EndpointName(name), Profile: g.Profile, Tags: g.Tags}
	if _, err := profile.FillKeys(p, &d, rand.Reader); err != nil {
		return nil
	}
	errs, _ := split(profile.CheckDevice(p, d, l.Objects))
	for _, f := range errs {
		warnings = append(warnings, fmt.Sprintf("a device that this group enrols would be given nothing: %s", f))
	}
	return warnings
}

// applyGroup puts d into a group or takes it out of its group, if set says so.
func (l *Local) applyGroup(ctx context.Context, d *store.Device, set DeviceSettings) error {
	if set.Group == nil {
		return nil
	}
	d.Credentials = slices.DeleteFunc(slices.Clone(d.Credentials), func(c store.Credential) bool { return c.Group != "" && c.Group != *set.Group })
	if d.Group = *set.Group; d.Group == "" {
		return nil
	}
	g, err := l.Store.Group(ctx, d.Group)
	if err != nil {
		return err
	}
	if g.Denies(d.Endpoint) {
		return fmt.Errorf("%w: group %q denies this name: lwbs group allow takes that back", store.ErrInvalid, g.Name)
	}
	if d.Profile == "" {
		d.Profile = g.Profile
		if set.Tags == nil {
			d.Tags = append(slices.Clone(g.Tags), d.Tags...)
		}
	}
	add := func(kind store.CredentialKind) {
		if !slices.ContainsFunc(d.Credentials, func(c store.Credential) bool { return c.Kind == kind && c.Identity == string(d.Endpoint) }) {
			d.Credentials = append(d.Credentials, store.Credential{Kind: kind, Identity: string(d.Endpoint), Group: g.Name, Created: time.Now().UTC()})
		}
	}
	if len(g.Keys) > 0 {
		add(store.CredentialPSK)
	}
	if len(g.CAs) > 0 {
		add(store.CredentialCertificateName)
	}
	return nil
}

// matchedBy warns of a record whose device a group would enrol otherwise.
func (l *Local) matchedBy(ctx context.Context, ep lwm2m.EndpointName) (warnings []string) {
	all, err := l.Store.Groups(ctx)
	if err != nil {
		return nil
	}
	g, found := enrol.Choose(all.All, string(ep), func(store.Group) bool { return true })
	if !found {
		return nil
	}
	return []string{fmt.Sprintf("group %q matches this name: as there is a record now, the device is accepted with what the record has, and not with a key or certificate of the group", g.Name)}
}
