package auth

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"lwbs/bootstrap/enrol"
	"lwbs/bootstrap/outcome"
	"lwbs/lwm2m"
	"lwbs/store"
)

// groups are the enrolment groups as one look at the store had them, with what is believed of their
// certificates. They do not change and may be used concurrently.
type groups struct {
	store.Groups
	rules  *Trust            // whose name rules count
	trusts map[string]*Trust // of those with CAs, by name
}

// groups returns the groups as they are now. Compiling them takes a while, so that is done again only
// where something has changed.
func (a *Authorizer) groups(ctx context.Context) (*groups, error) {
	all, err := a.Store.Groups(ctx)
	if err != nil {
		return nil, err
	}
	trust := a.Trust()
	if have := a.compiled.Load(); have != nil && have.Version == all.Version && have.rules == trust {
		return have, nil
	}
	now := &groups{Groups: all, rules: trust, trusts: make(map[string]*Trust)}
	for _, g := range all.All {
		if len(g.CAs) == 0 {
			continue
		}
		t, err := TrustOf(g, trust.nameRules())
		if err != nil { // which the edit has checked
			a.Logger.Error("certificates of a group cannot be read: no certificate is accepted for it", "group", g.Name, "error", err)
			continue
		}
		now.trusts[g.Name] = t
	}
	a.compiled.Store(now)
	return now, nil
}

// TrustOf returns what is believed of certificates because of the CAs of a group. Its error says what
// is wrong with its certificates or lists.
func TrustOf(g store.Group, rules []NameRule) (*Trust, error) {
	var cas []*x509.Certificate
	for _, der := range g.CAs {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		cas = append(cas, c)
	}
	var lists []*x509.RevocationList
	for _, der := range g.RevocationLists {
		list, err := x509.ParseRevocationList(der)
		if err != nil {
			return nil, err
		}
		lists = append(lists, list)
	}
	return NewTrust(cas, lists, rules)
}

// hasKeys reports whether devices of a group may come with a key.
func hasKeys(g store.Group) bool { return len(g.Keys) > 0 }

// Keys returns the pre-shared keys that a peer with this identity may have, the likeliest first: that of
// the record, those that follow from the group of the record, or those that follow from the group
// that would enrol the device. There are two while the key of a group is changed, and none where the
// identity is unknown. The error is [ErrLookUp]; a damaged record has no key, and the log says why.
//
// A disabled device still authenticates, so that its refusal can be explained.
func (a *Authorizer) Keys(ctx context.Context, identity string) ([]lwm2m.Secret, error) {
	d, err := a.Store.DeviceByIdentity(ctx, store.CredentialPSK, identity)
	_, ok := a.Found(d, err)
	if err := lookUpError(err); err != nil {
		return nil, err
	}
	all, err := a.groups(ctx)
	failed := lookUpError(err)
	if err != nil {
		a.storeFault(err)
		all = &groups{}
	}
	if !ok {
		return a.newKeys(ctx, all, identity), failed
	}
	for _, c := range d.Credentials {
		switch {
		case c.Kind != store.CredentialPSK || c.Identity != identity:
		case c.Group == "":
			return []lwm2m.Secret{c.Key}, nil
		default:
			g, _ := all.Named(c.Group)
			return secretsOf(derived(g, c)), failed
		}
	}
	return nil, nil
}

// lookUpError is ErrLookUp for an error of the store that may be over soon; nil for none, and for one about what it has.
func lookUpError(err error) error {
	if err == nil || errors.Is(err, store.ErrNotFound) || outcome.IsUnreadable(err) {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrLookUp, err)
}

// A derivedKey is the key of a device that follows from one key of its group.
type derivedKey struct {
	id  int // of the key of the group
	key lwm2m.Secret
}

// derived returns the keys that a credential of g may have, the one that its device came with last
// first.
func derived(g store.Group, c store.Credential) (keys []derivedKey) {
	for _, k := range g.Keys {
		key, err := enrol.DeviceKey(g.Derivation, g.KeyLength, k.Key, c.Identity)
		if err == nil {
			keys = append(keys, derivedKey{k.ID, key})
		}
	}
	slices.SortStableFunc(keys, func(a, b derivedKey) int {
		switch c.GroupKey {
		case a.id:
			return -1
		case b.id:
			return 1
		}
		return 0
	})
	return keys
}

func secretsOf(keys []derivedKey) (out []lwm2m.Secret) {
	for _, k := range keys {
		out = append(out, k.key)
	}
	return out
}

// newKeys returns the keys for an identity that no record has: those that follow from the group which
// would enrol its device now. The work is the same whether there is one or not, so that the time tells
// an unauthenticated peer nothing.
func (a *Authorizer) newKeys(ctx context.Context, all *groups, identity string) []lwm2m.Secret {
	if len(all.All) == 0 {
		return nil
	}
	e, matches := a.enrolment(ctx, all, lwm2m.EndpointName(identity), hasKeys)
	g := decoyGroup
	if matches {
		g = e.Group
	}
	c := store.Credential{Identity: identity}
	keys := secretsOf(derived(g, c))
	for range store.MaxGroupKeys - len(g.Keys) {
		derived(decoyGroup, c)
	}
	if !matches || e.Why != "" {
		return nil
	}
	return keys
}

// decoyGroup is what keys are derived from that are not used.
var decoyGroup = func() store.Group {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return store.Group{Keys: []store.GroupKey{{ID: 1, Key: lwm2m.NewSecret(key)}}}
}()

// An Enrolment is what a group makes of a name that no record has.
type Enrolment struct {
	Group    store.Group // that the name belongs to
	Endpoint lwm2m.EndpointName

	// Why is set where the group does not enrol the device now; Text is that in words, which
	// complete "it matches group NAME, which". Both are empty where it does.
	Why  store.Variant
	Text string

	// Credential is that of the record of the device.
	Credential store.Credential
}

// Pending is the device of an enrolment as one that waits for approval. Asked is the name in its
// request, empty for none.
func (e Enrolment) Pending(peer Peer, asked lwm2m.EndpointName) store.PendingDevice {
	return store.PendingDevice{
		Endpoint: e.Endpoint, Named: asked != "", Transport: peer.Transport, Remote: peer.Remote,
		Kind: e.Credential.Kind, Identity: e.Credential.Identity, Names: []string{e.Credential.Identity},
		Group: e.Group.Name, Profile: e.Group.Profile,
	}
}

// Detail says in words why the group does not enrol the device.
func (e Enrolment) Detail() string {
	return fmt.Sprintf("it matches group %q, which %s", e.Group.Name, e.Text)
}

// enrolment returns what the group that a name belongs to, among those of which may is true, makes of
// it; ok is false where it belongs to none, or can be no endpoint name.
func (a *Authorizer) enrolment(ctx context.Context, all *groups, ep lwm2m.EndpointName, may func(store.Group) bool) (e Enrolment, ok bool) {
	g, ok := enrol.Choose(all.All, string(ep), may)
	if ep.Validate() != nil {
		ok = false
	}
	_, err := a.Store.Device(ctx, ep) // in any case, so that each takes the same time
	size := 0
	if g.MaxDevices > 0 {
		var err error
		if size, err = a.Store.GroupSize(ctx, g.Name); err != nil {
			a.storeFault(err)
			return Enrolment{}, false
		}
	}
	if !ok {
		return Enrolment{}, false
	}
	e = Enrolment{Group: g, Endpoint: ep}
	e.Why, e.Text = enrol.Refuses(g, ep, size, time.Now())
	if _, is := a.Found(store.Device{}, err); is {
		e.Why, e.Text = store.VariantGroupRecord, "enrols no device whose name has a record, and that record does not take the credential of the group"
	} else if !errors.Is(err, store.ErrNotFound) {
		return Enrolment{}, false
	}
	return e, true
}

// Unknown returns the group that an identity belongs to which no record has, and why that does not
// enrol its device; ok is false where it belongs to none. It is for the explanation of a failed
// handshake.
func (a *Authorizer) Unknown(ctx context.Context, identity string) (e Enrolment, ok bool) {
	all, err := a.groups(ctx)
	if err != nil || len(all.All) == 0 || identity == "" {
		return Enrolment{}, false
	}
	return a.enrolment(ctx, all, lwm2m.EndpointName(identity), hasKeys)
}

// Enrolment returns the group that a peer belongs to whose name ep has no record, and whether that
// enrols it; ok is false where there is none. Ep is empty where the peer left it out. The refusal is
// why the peer is not the device of this name.
func (a *Authorizer) Enrolment(ctx context.Context, peer Peer, ep lwm2m.EndpointName) (e Enrolment, ok bool, refused *outcome.Refusal) {
	all, err := a.groups(ctx)
	switch {
	case err != nil:
		return e, false, outcome.OwnFault(a.storeFault(err))
	case !peer.Secure() || len(all.All) == 0 || errors.Is(peer.Stale, ErrKeyUnknown):
		return e, false, nil
	case peer.Stale != nil:
		return e, false, staleRefusal(peer.Stale)
	case len(peer.Chain) > 0:
		e, ok = a.certificateEnrolment(ctx, all, peer.Chain, ep)
		return e, ok, nil
	}
	return a.keyEnrolment(ctx, all, peer, ep)
}

// keyEnrolment is Enrolment for a peer with a pre-shared key.
func (a *Authorizer) keyEnrolment(ctx context.Context, all *groups, peer Peer, ep lwm2m.EndpointName) (e Enrolment, ok bool, refused *outcome.Refusal) {
	e, ok = a.enrolment(ctx, all, lwm2m.EndpointName(peer.Identity), hasKeys)
	if !ok {
		return e, false, nil
	}
	e.Credential = store.Credential{Kind: store.CredentialPSK, Identity: peer.Identity, Group: e.Group.Name, Created: time.Now().UTC()}
	switch id, fits := groupKey(peer, derived(e.Group, e.Credential)); {
	case !fits:
		return e, false, outcome.Unacceptable(store.CauseKeyChanged, "%v", ErrKeyChanged)
	case ep != "" && ep != e.Endpoint && e.Why == "":
		e.Why, e.Text = store.VariantGroupName, "enrols a device only under the name that is its PSK identity"
	default:
		e.Credential.GroupKey = id
	}
	return e, true, nil
}

// groupKey returns which of some keys a peer has proved to have, zero where that is unknown, and
// whether it may be one of them.
func groupKey(peer Peer, keys []derivedKey) (id int, fits bool) {
	if peer.HasKey == nil {
		return 0, true
	}
	for _, k := range keys {
		if peer.HasKey(k.key) {
			return k.id, true
		}
	}
	return 0, false
}

// GroupKey returns which key of its group the device d came with as peer; zero where it came with a
// credential of its own, or that is unknown.
func (a *Authorizer) GroupKey(ctx context.Context, d store.Device, peer Peer) int {
	c, ok := groupCredential(d, peer.Identity)
	if !ok {
		return 0
	}
	all, err := a.groups(ctx)
	if err != nil {
		a.storeFault(err)
		return 0
	}
	g, _ := all.Named(c.Group)
	id, _ := groupKey(peer, derived(g, c))
	return id
}

// groupCredential is the credential of d with this PSK identity, if its key follows from one of its
// group.
func groupCredential(d store.Device, identity string) (store.Credential, bool) {
	i := slices.IndexFunc(d.Credentials, func(c store.Credential) bool {
		return c.Kind == store.CredentialPSK && c.Identity == identity && c.Group != ""
	})
	if i < 0 {
		return store.Credential{}, false
	}
	return d.Credentials[i], true
}

// deniedBy reports whether g, the group of d, denies it: by its name, or by one that it had when it was
// enrolled, which is still in a credential.
func deniedBy(g store.Group, d store.Device) bool {
	return g.Denies(d.Endpoint) || slices.ContainsFunc(d.Credentials, func(c store.Credential) bool {
		return c.Group != "" && g.Denies(lwm2m.EndpointName(c.Identity))
	})
}

// admitted returns why the group of d refuses it: it denies its name, or does not have the key any
// more that the peer came with.
func (a *Authorizer) admitted(ctx context.Context, d store.Device, peer Peer) *outcome.Refusal {
	if d.Group == "" {
		return nil
	}
	all, err := a.groups(ctx)
	if err != nil {
		return outcome.OwnFault(a.storeFault(err))
	}
	g, _ := all.Named(d.Group)
	if c, of := groupCredential(d, peer.Identity); of && len(peer.Chain) == 0 && peer.Secure() {
		if _, fits := groupKey(peer, derived(g, c)); !fits {
			return outcome.Unacceptable(store.CauseKeyChanged, "%v, which is derived from one of group %q", ErrKeyChanged, d.Group)
		}
	}
	if deniedBy(g, d) {
		r := outcome.Unacceptable(store.CauseDisabled, "group %q denies this name", d.Group)
		r.Variant = store.VariantGroupDenied
		return r
	}
	return nil
}
