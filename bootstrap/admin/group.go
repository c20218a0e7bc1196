package admin

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/hex"
	"slices"
	"time"

	"lwbs/bootstrap/enrol"
	"lwbs/lwm2m"
	"lwbs/store"
)

// A Group is an enrolment group as an operator sees it. Keys are absent unless asked for.
type Group struct {
	Name            string               `json:"name"`
	Revision        store.Revision       `json:"revision"`
	Profile         string               `json:"profile"`
	Tags            []string             `json:"tags,omitempty"`
	Match           []string             `json:"match"`
	Derivation      store.Derivation     `json:"derivation,omitempty"`      // of the keys of devices; empty where the group has no key
	DeviceKeyLength int                  `json:"deviceKeyLength,omitempty"` // bytes of these; zero where the group has no key
	Keys            []GroupKey           `json:"keys,omitempty"`            // the current one first
	CAs             []CA                 `json:"cas,omitempty"`
	RevocationLists []GroupList          `json:"revocationLists,omitempty"`
	Denied          []lwm2m.EndpointName `json:"denied,omitempty"`
	Approve         bool                 `json:"approve,omitempty"` // devices wait for approval
	Disabled        bool                 `json:"disabled"`
	MaxDevices      int                  `json:"maxDevices,omitempty"` // zero is no limit
	Until           time.Time            `json:"until,omitzero"`       // zero is no end
	Note            string               `json:"note,omitempty"`

	// Devices is how many devices it has; State is whether it takes more.
	Devices int        `json:"devices"`
	State   GroupState `json:"state"`

	Created time.Time `json:"created"`
	Updated time.Time `json:"updated"`

	// Warnings are what could be better about the group; told by edits only.
	Warnings []string `json:"warnings,omitempty"`
}

// A GroupKey is one key of a group.
type GroupKey struct {
	ID      int       `json:"id"`
	Length  int       `json:"length"`        // bytes
	Key     string    `json:"key,omitempty"` // hexadecimal
	Created time.Time `json:"created"`

	// Devices is how many devices came last with a key that is derived from this one. It is told of
	// one group, while that has two keys.
	Devices *int `json:"devices,omitempty"`
}

// A GroupList is a list of revoked certificates of a group.
type GroupList struct {
	Issuer     string    `json:"issuer"`
	Revoked    int       `json:"revoked"` // certificates in it
	NextUpdate time.Time `json:"nextUpdate,omitzero"`
}

// A GroupState is whether a group enrols devices.
type GroupState string

// The states. Of two that fit, the earlier in this list counts.
const (
	GroupDisabled GroupState = "disabled"
	GroupEnded    GroupState = "ended" // its end date has passed
	GroupFull     GroupState = "full"
	GroupEmpty    GroupState = "keyless" // it has neither a key nor a CA, or no pattern
	GroupOpen     GroupState = "open"    // it enrols devices
)

// GroupSettings are what an edit of a group changes: whatever is not nil, empty or false.
type GroupSettings struct {
	Profile *string   `json:"profile,omitempty"`
	Tags    *[]string `json:"tags,omitempty"`
	Match   *[]string `json:"match,omitempty"`
	Note    *string   `json:"note,omitempty"`

	// Derivation and DeviceKeyLength (bytes; zero is the default) say how the keys of devices follow
	// from the key of the group. They cannot be changed while devices have such keys.
	Derivation      *store.Derivation `json:"derivation,omitempty"`
	DeviceKeyLength *int              `json:"deviceKeyLength,omitempty"`

	// Key becomes the current key, and GenerateKey makes one of 32 bytes. The current one becomes the
	// former one, with which devices are accepted until DropKey removes it. A group has two keys at
	// the most.
	Key         []byte `json:"key,omitempty"`
	GenerateKey bool   `json:"generateKey,omitempty"`
	DropKey     bool   `json:"dropKey,omitempty"`

	// LockOut permits DropKey while devices would be refused from then on.
	LockOut bool `json:"lockOut,omitempty"`

	// CAs replace the certificates of CAs, DER; RevocationLists the lists of revoked certificates,
	// DER, which these CAs must have signed.
	CAs             *[][]byte `json:"cas,omitempty"`
	RevocationLists *[][]byte `json:"revocationLists,omitempty"`

	// Approve lets devices wait for approval in place of enrolling them.
	Approve *bool `json:"approve,omitempty"`

	Disabled   *bool      `json:"disabled,omitempty"`
	MaxDevices *int       `json:"maxDevices,omitempty"` // zero removes the limit
	Until      *time.Time `json:"until,omitempty"`      // the zero time removes the end

	// Deny are names that are neither enrolled nor served from now on; Allow takes names back from
	// that.
	Deny  []lwm2m.EndpointName `json:"deny,omitempty"`
	Allow []lwm2m.EndpointName `json:"allow,omitempty"`
}

// Group implements [API].
func (l *Local) Group(ctx context.Context, name string, reveal bool) (Group, error) {
	g, err := l.Store.Group(ctx, name)
	if err != nil {
		return Group{}, err
	}
	v, err := l.groupView(ctx, g, reveal)
	if err == nil && len(g.Keys) > 1 {
		err = l.countKeys(ctx, &v)
	}
	return v, err
}

// Groups implements [API].
func (l *Local) Groups(ctx context.Context) ([]Group, error) {
	all, err := l.Store.Groups(ctx)
	if err != nil {
		return nil, err
	}
	out := []Group{}
	for _, g := range all.All {
		v, err := l.groupView(ctx, g, false)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// DeleteGroup implements [API].
func (l *Local) DeleteGroup(ctx context.Context, name string, rev store.Revision) error {
	return l.Store.DeleteGroup(ctx, name, rev)
}

// groupView is g as it is shown.
func (l *Local) groupView(ctx context.Context, g store.Group, reveal bool) (Group, error) {
	size, err := l.Store.GroupSize(ctx, g.Name)
	if err != nil {
		return Group{}, err
	}
	out := Group{
		Name: g.Name, Revision: g.Revision, Profile: g.Profile, Tags: slices.Clone(g.Tags), Match: append([]string{}, g.Match...),
		Denied: slices.Clone(g.Denied), Approve: g.Approve, Disabled: g.Disabled, MaxDevices: g.MaxDevices, Until: g.Until, Note: g.Note,
		Devices: size, State: groupState(g, size, time.Now()), Created: g.Created, Updated: g.Updated,
	}
	if len(g.Keys) > 0 {
		out.Derivation = cmp.Or(g.Derivation, store.DerivationHKDF)
		if key, err := enrol.DeviceKey(g.Derivation, g.KeyLength, g.Keys[0].Key, ""); err == nil {
			out.DeviceKeyLength = key.Len()
		}
	}
	for _, k := range g.Keys {
		v := GroupKey{ID: k.ID, Length: k.Key.Len(), Created: k.Created}
		if reveal {
			v.Key = hex.EncodeToString(k.Key.Reveal())
		}
		out.Keys = append(out.Keys, v)
	}
	for _, der := range g.CAs {
		out.CAs = append(out.CAs, viewOfCA(der))
	}
	for _, der := range g.RevocationLists {
		if list, err := x509.ParseRevocationList(der); err == nil {
			out.RevocationLists = append(out.RevocationLists, GroupList{list.Issuer.String(), len(list.RevokedCertificateEntries), list.NextUpdate})
		}
	}
	return out, nil
}

// groupState is whether g enrols devices, of which it has size.
func groupState(g store.Group, size int, now time.Time) GroupState {
	switch why, _ := enrol.Refuses(g, "", size, now); {
	case why == store.VariantGroupDisabled:
		return GroupDisabled
	case why == store.VariantGroupEnded:
		return GroupEnded
	case why == store.VariantGroupFull:
		return GroupFull
	case len(g.Match) == 0 || len(g.Keys)+len(g.CAs) == 0:
		return GroupEmpty
	}
	return GroupOpen
}

// countKeys counts with which keys of a group its devices came last. It reads the record of each.
func (l *Local) countKeys(ctx context.Context, v *Group) error {
	counts := make(map[int]int)
	err := l.eachMember(ctx, v.Name, func(d store.Device) bool {
		for _, c := range d.Credentials {
			if c.Kind == store.CredentialPSK && c.Group == v.Name {
				counts[c.GroupKey]++
			}
		}
		return true
	})
	for i := range v.Keys {
		n := counts[v.Keys[i].ID]
		v.Keys[i].Devices = &n
	}
	return err
}

// eachMember calls each with the devices of a group, until it returns false.
func (l *Local) eachMember(ctx context.Context, group string, each func(store.Device) bool) error {
	q := store.DeviceQuery{Group: group, Limit: scanPage}
	for {
		page, err := l.Store.Devices(ctx, q)
		if err != nil {
			return err
		}
		for _, d := range page {
			if !each(d) {
				return nil
			}
		}
		if len(page) < q.Limit {
			return nil
		}
		q.After = page[len(page)-1].Endpoint
	}
}

// addDerived adds to what is shown of d the keys that are derived from those of its group.
func (l *Local) addDerived(ctx context.Context, d store.Device, v *Device, reveal bool) error {
	if d.Group == "" {
		return nil
	}
	all, err := l.Store.Groups(ctx)
	if err != nil {
		return err
	}
	g, _ := all.Named(d.Group)
	for i, c := range d.Credentials {
		if c.Kind != store.CredentialPSK || c.Group == "" {
			continue
		}
		key := derivedKey(g, c)
		if v.Credentials[i].KeyLength = key.Len(); reveal {
			v.Credentials[i].Key = hex.EncodeToString(key.Reveal())
		}
	}
	return nil
}

// derivedKey is the key of a device of g by the key of g with which it came last, the current one where
// that is gone or unknown; empty where g has no key.
func derivedKey(g store.Group, c store.Credential) lwm2m.Secret {
	k, ok := g.Key(c.GroupKey)
	if !ok && len(g.Keys) > 0 {
		k, ok = g.Keys[0], true
	}
	if !ok {
		return lwm2m.Secret{}
	}
	key, _ := enrol.DeviceKey(g.Derivation, g.KeyLength, k.Key, c.Identity) // which the edit has checked
	return key
}
