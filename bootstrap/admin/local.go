package admin

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"

	"lwbs/bootstrap"
	"lwbs/lwm2m"
	"lwbs/store"
)

// A Backend is a store that can be looked after.
type Backend interface {
	store.Store
	Check(ctx context.Context) error
	Backup(ctx context.Context, file string) error
}

// Local is the API over a store in this process.
type Local struct {
	Store Backend

	// Objects are those that records are checked against; nil knows those that are built
	// in.
	Objects *lwm2m.Registry

	// Server tells of the running server; nil where there is none.
	Server func() Status

	// Events is where Watch gets its events; nil where there is no server.
	Events *Hub

	// Version of the program.
	Version string
}

var _ API = (*Local)(nil)

// generatedKey is the length of a PSK that is made here, in bytes: what every client
// has room for.
const generatedKey = 16

// AddDevice implements [API].
func (l *Local) AddDevice(ctx context.Context, ep lwm2m.EndpointName, set DeviceSettings) (Device, error) {
	if err := ep.Validate(); err != nil { // else an identity made of it is to blame
		return Device{}, fmt.Errorf("device %q: %w: %w", ep, store.ErrInvalid, err)
	}
	return l.put(ctx, store.Device{Endpoint: ep}, set)
}

// SetDevice implements [API].
func (l *Local) SetDevice(ctx context.Context, ep lwm2m.EndpointName, rev store.Revision, set DeviceSettings) (Device, error) {
	d, err := l.Store.Device(ctx, ep)
	if err != nil {
		return Device{}, err
	}
	if rev != 0 && rev != d.Revision {
		return Device{}, fmt.Errorf("device %q: revision is %d, not %d: %w", ep, d.Revision, rev, store.ErrConflict)
	}
	return l.put(ctx, d, set)
}

// put applies set to d, checks and keeps it. What was generated is shown in the
// answer.
func (l *Local) put(ctx context.Context, d store.Device, set DeviceSettings) (Device, error) {
	generated, err := set.apply(&d)
	if err != nil {
		return Device{}, fmt.Errorf("device %q: %w", d.Endpoint, err)
	}
	p, err := l.Store.Profile(ctx, d.Profile)
	if err != nil {
		return Device{}, fmt.Errorf("device %q: %w", d.Endpoint, err)
	}
	before := maps.Clone(d.Accounts)
	if _, err := bootstrap.FillKeys(p, &d, rand.Reader); err != nil {
		return Device{}, err
	}
	errs, warnings := split(bootstrap.CheckDevice(p, d, l.Objects))
	if len(errs) > 0 {
		return Device{}, &InvalidError{fmt.Sprintf("device %q", d.Endpoint), errs}
	}
	kept, err := l.Store.PutDevice(ctx, d)
	if err != nil {
		return Device{}, err
	}
	out := view(kept, false)
	if generated {
		out.Credentials = view(kept, true).Credentials
	}
	given := identities(p, kept, l.Objects)
	for name, a := range kept.Accounts {
		if !before[name].Key.Equal(a.Key) || !before[name].MasterSecret.Equal(a.MasterSecret) {
			shown := accountView(a, true)
			shown.Identity = given[name]
			out.Accounts[name] = shown
		}
	}
	for _, w := range warnings {
		out.Warnings = append(out.Warnings, w.String())
	}
	return out, nil
}

// identities are the PSK identities that d is given, by account.
func identities(p store.Profile, d store.Device, objects *lwm2m.Registry) map[string]string {
	info, _ := bootstrap.Resolve(p, d, objects)
	out := make(map[string]string, len(info.Accounts))
	for i, a := range info.Accounts {
		if a.Security.Mode == lwm2m.SecurityPSK {
			out[p.Accounts[i].Name] = string(a.Security.PublicKeyOrIdentity)
		}
	}
	return out
}

// apply changes d, and reports whether it made a key for it.
func (set DeviceSettings) apply(d *store.Device) (generated bool, err error) {
	if set.Reset {
		*d = store.Device{Endpoint: d.Endpoint, Revision: d.Revision}
	}
	assign(&d.Profile, set.Profile)
	assign(&d.Disabled, set.Disabled)
	assign(&d.NoSec, set.NoSec)
	assign(&d.Format, set.Format)
	assign(&d.Note, set.Note)
	assign(&d.Tags, set.Tags)
	if generated, err = set.applyCredentials(d); err != nil {
		return false, err
	}
	for name, key := range set.AccountKeys {
		d.Accounts = with(d.Accounts, name, func(a *store.AccountKeys) { a.Key = lwm2m.NewSecret(key) })
	}
	for name, secret := range set.AccountMasterSecrets {
		d.Accounts = with(d.Accounts, name, func(a *store.AccountKeys) { a.MasterSecret = lwm2m.NewSecret(secret) })
	}
	for name, identity := range set.AccountIdentities {
		d.Accounts = with(d.Accounts, name, func(a *store.AccountKeys) { a.Identity = identity })
	}
	d.Secrets = set.applySecrets(d.Secrets)
	for name, value := range set.Vars {
		if d.Vars = maps.Clone(d.Vars); d.Vars == nil {
			d.Vars = make(map[string]string)
		}
		if d.Vars[name] = value; value == "" {
			delete(d.Vars, name)
		}
	}
	return generated, nil
}

// applySecrets returns a copy of have with the secrets that are set.
func (set DeviceSettings) applySecrets(have map[lwm2m.Path]lwm2m.Secret) map[lwm2m.Path]lwm2m.Secret {
	if len(set.Secrets) == 0 {
		return have
	}
	out := make(map[lwm2m.Path]lwm2m.Secret, len(have)+len(set.Secrets))
	maps.Copy(out, have)
	for path, value := range set.Secrets {
		if out[path] = lwm2m.NewSecret(value); len(value) == 0 {
			delete(out, path)
		}
	}
	return out
}

func assign[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}

// with returns a copy of m in which the value of name is changed.
func with(m map[string]store.AccountKeys, name string, change func(*store.AccountKeys)) map[string]store.AccountKeys {
	out := maps.Clone(m)
	if out == nil {
		out = make(map[string]store.AccountKeys)
	}
	a := out[name]
	change(&a)
	out[name] = a
	return out
}

// split parts errors and warnings.
func split(findings []bootstrap.Finding) (errs, warnings []bootstrap.Finding) {
	for _, f := range findings {
		if f.Warning {
			warnings = append(warnings, f)
		} else {
			errs = append(errs, f)
		}
	}
	return errs, warnings
}

// Device implements [API].
func (l *Local) Device(ctx context.Context, ep lwm2m.EndpointName, reveal bool) (Device, error) {
	d, err := l.Store.Device(ctx, ep)
	if err != nil {
		return Device{}, err
	}
	return l.withLast(ctx, view(d, reveal))
}

// Devices implements [API].
func (l *Local) Devices(ctx context.Context, q store.DeviceQuery) ([]Device, error) {
	page, err := l.Store.Devices(ctx, q)
	if err != nil {
		return nil, err
	}
	out := make([]Device, 0, len(page))
	for _, d := range page {
		v, err := l.withLast(ctx, view(d, false))
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

func (l *Local) withLast(ctx context.Context, d Device) (Device, error) {
	last, err := l.Store.Sessions(ctx, store.SessionQuery{Endpoint: d.Endpoint, Limit: 1})
	if len(last) > 0 {
		d.Last = &last[0]
	}
	return d, err
}

func view(d store.Device, reveal bool) Device {
	out := Device{
		Endpoint: d.Endpoint, Revision: d.Revision, Profile: d.Profile, Disabled: d.Disabled, NoSec: d.NoSec,
		Credentials: []Credential{}, Accounts: make(map[string]Account, len(d.Accounts)),
		Vars: d.Vars, Tags: slices.Clone(d.Tags), Format: d.Format, Note: d.Note, Created: d.Created, Updated: d.Updated,
	}
	for _, c := range d.Credentials {
		v := Credential{Kind: c.Kind, Identity: c.Identity, KeyLength: c.Key.Len(), Created: c.Created, Pending: c.Pending, Replaces: c.Replaces}
		if reveal {
			v.Key = hex.EncodeToString(c.Key.Reveal())
		}
		out.Credentials = append(out.Credentials, v)
	}
	for name, a := range d.Accounts {
		out.Accounts[name] = accountView(a, reveal)
	}
	if len(d.Secrets) > 0 {
		out.Secrets = make(map[lwm2m.Path]Secret, len(d.Secrets))
	}
	for path, s := range d.Secrets {
		v := Secret{Length: s.Len()}
		if reveal {
			v.Value = hex.EncodeToString(s.Reveal())
		}
		out.Secrets[path] = v
	}
	return out
}

func accountView(a store.AccountKeys, reveal bool) Account {
	v := Account{Identity: a.Identity, KeyLength: a.Key.Len(), MasterSecretLength: a.MasterSecret.Len(), Delivered: a.Delivered}
	if reveal {
		v.Key = hex.EncodeToString(a.Key.Reveal())
		v.MasterSecret = hex.EncodeToString(a.MasterSecret.Reveal())
	}
	return v
}

// DeleteDevice implements [API].
func (l *Local) DeleteDevice(ctx context.Context, ep lwm2m.EndpointName, rev store.Revision) error {
	return l.Store.DeleteDevice(ctx, ep, rev)
}

// ApplyProfile implements [API].
func (l *Local) ApplyProfile(ctx context.Context, p store.Profile) (Applied, error) {
	errs, warnings := split(bootstrap.CheckProfile(p, l.Objects))
	if len(errs) > 0 {
		return Applied{}, &InvalidError{fmt.Sprintf("profile %q", p.Name), errs}
	}
	created := false
	if p.Revision == 0 {
		old, err := l.Store.Profile(ctx, p.Name)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return Applied{}, err
		}
		p.Revision, created = old.Revision, old.Revision == 0
	}
	kept, err := l.Store.PutProfile(ctx, p)
	return Applied{Profile: kept, Warnings: warnings, Created: created}, err
}

// Profile implements [API].
func (l *Local) Profile(ctx context.Context, name string) (store.Profile, error) {
	return l.Store.Profile(ctx, name)
}

// Profiles implements [API].
func (l *Local) Profiles(ctx context.Context, q store.ProfileQuery) ([]store.Profile, error) {
	return l.Store.Profiles(ctx, q)
}

// DeleteProfile implements [API].
func (l *Local) DeleteProfile(ctx context.Context, name string, rev store.Revision) error {
	return l.Store.DeleteProfile(ctx, name, rev)
}

// Session implements [API].
func (l *Local) Session(ctx context.Context, id string) (store.Session, error) {
	return l.Store.Session(ctx, id)
}

// Sessions implements [API].
func (l *Local) Sessions(ctx context.Context, q store.SessionQuery) ([]store.Session, error) {
	return l.Store.Sessions(ctx, q)
}

// Watch implements [API].
func (l *Local) Watch(ctx context.Context, each func(Event) error) error {
	if l.Events == nil {
		return ErrNoServer
	}
	return l.Events.watch(ctx, each)
}

// Status implements [API].
func (l *Local) Status(ctx context.Context) (Status, error) {
	var s Status
	if l.Server != nil {
		s = l.Server()
		s.Server = true
	}
	s.Version = l.Version
	var err error
	s.Store, err = l.Store.Stats(ctx)
	return s, err
}

// draining reports whether the server is about to stop.
func (l *Local) draining() bool { return l.Server != nil && l.Server().Draining }

// Check implements [API].
func (l *Local) Check(ctx context.Context) error { return l.Store.Check(ctx) }

// Backup implements [API].
func (l *Local) Backup(ctx context.Context, file string) error { return l.Store.Backup(ctx, file) }

// Close closes the store.
func (l *Local) Close() error { return l.Store.Close() }
