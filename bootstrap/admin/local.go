package admin

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"lwbs/bootstrap"
	"lwbs/bootstrap/profile"
	"lwbs/lwm2m"
	"lwbs/lwm2m/content"
	"lwbs/lwm2m/object"
	"lwbs/store"
)

// A Backend is a store that can be looked after.
type Backend interface {
	store.Store
	Check(ctx context.Context) error
	Backup(ctx context.Context, file string) error
	WriteBackup(ctx context.Context, w io.Writer) error
	Unreadable() []*store.UnreadableError
}

// Local is the API over a store in this process.
type Local struct {
	Store Backend

	// Objects are those that records are checked against; nil knows those that are built
	// in.
	Objects *object.Registry

	// Server tells of the running server; nil where there is none.
	Server func() Status

	// Running returns the session of a device that is running, where there is none a request in
	// its name that waits for its first answer (Proof is none), nil for neither; nil where
	// there is no server.
	Running func(ep lwm2m.EndpointName) *store.Session

	// Database is the file that the records are in, for those who read about it.
	Database string

	// Events is where Watch gets its events; nil where there is no server.
	Events *Hub

	// Version of the program.
	Version string

	keys keyIndex
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

// SetDevice implements [API]. Without a revision it begins anew where somebody else, such
// as a session, changed the record meanwhile: each time one of them comes through.
func (l *Local) SetDevice(ctx context.Context, ep lwm2m.EndpointName, rev store.Revision, set DeviceSettings) (Device, error) {
	for {
		d, err := l.Store.Device(ctx, ep)
		if err != nil {
			return Device{}, err
		}
		if rev != 0 && rev != d.Revision {
			return Device{}, fmt.Errorf("device %q: revision is %d, not %d: %w", ep, d.Revision, rev, store.ErrConflict)
		}
		changed, err := l.put(ctx, d, set)
		if rev != 0 || !errors.Is(err, store.ErrConflict) {
			return changed, err
		}
	}
}

// put applies set to d, checks and keeps it. What was generated is shown in the
// answer.
func (l *Local) put(ctx context.Context, d store.Device, set DeviceSettings) (Device, error) {
	if set.Format != nil && *set.Format != 0 && !content.Writable(*set.Format) {
		return Device{}, fmt.Errorf("device %q: %w: nothing can be written in the format %v", d.Endpoint, store.ErrInvalid, *set.Format)
	}
	was := d
	p, generated, err := l.edited(ctx, &d, set)
	if err != nil {
		return Device{}, fmt.Errorf("device %q: %w", d.Endpoint, err)
	}
	before := maps.Clone(d.Accounts)
	if _, err := profile.FillKeys(p, &d, rand.Reader); err != nil {
		return Device{}, err
	}
	errs, warnings := split(append(set.unknownAccounts(p), profile.CheckDevice(p, d, l.Objects)...))
	errs, more := l.news(errs, p, was, set)
	warnings = append(warnings, more...)
	if len(errs) > 0 {
		return Device{}, &InvalidError{fmt.Sprintf("device %q", d.Endpoint), errs}
	}
	kept, err := l.Store.PutDevice(ctx, d)
	if err != nil {
		return Device{}, err
	}
	out := view(p, kept, false)
	if generated {
		out.Credentials = view(p, kept, true).Credentials
	}
	for name, a := range kept.Accounts {
		shown, all := out.Accounts[name], accountView(a, true)
		if !before[name].Key.Equal(a.Key) {
			shown.Key = all.Key
		}
		if !before[name].MasterSecret.Equal(a.MasterSecret) {
			shown.MasterSecret = all.MasterSecret
		}
		out.Accounts[name] = shown
	}
	for _, w := range warnings {
		out.Warnings = append(out.Warnings, w.String())
	}
	out.Warnings = append(out.Warnings, l.sharedKeys(ctx, kept, set)...)
	return out, nil
}

// news parts errors in those that are new and those that the record had before under the same
// profile, as warnings: they are no reason to refuse an edit of something else.
func (l *Local) news(errs []profile.Finding, p store.Profile, was store.Device, set DeviceSettings) (news, known []profile.Finding) {
	if len(errs) == 0 || was.Profile != p.Name || set.Reset {
		return errs, nil
	}
	before := profile.CheckDevice(p, was, l.Objects)
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
func (l *Local) edited(ctx context.Context, d *store.Device, set DeviceSettings) (p store.Profile, generated bool, err error) {
	if generated, err = set.apply(d); err != nil {
		return p, false, err
	}
	if err := d.Validate(); err != nil { // before checks that take longer the more there is
		return p, false, err
	}
	if p, err = l.Store.Profile(ctx, d.Profile); err != nil {
		return p, false, err
	}
	if err := set.normalize(p, d); err != nil {
		return p, false, err
	}
	profile.AdoptRenamed(p, d)
	return p, generated, set.forget(p, d)
}

// apply changes d, and reports whether it made a key for it.
func (set DeviceSettings) apply(d *store.Device) (generated bool, err error) {
	if set.Reset {
		*d = store.Device{Endpoint: d.Endpoint, Revision: d.Revision, Written: d.Written} // which the device still has
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
	d.Accounts = set.applyAccounts(d.Accounts)
	d.Secrets = set.applySecrets(d.Secrets)
	d.Vars = set.applyVars(d.Vars)
	return generated, nil
}

// applyVars returns a copy of have with the variables that are set.
func (set DeviceSettings) applyVars(have map[string]string) map[string]string {
	if len(set.Vars) == 0 {
		return have
	}
	out := copied(have)
	for name, value := range set.Vars {
		if out[name] = value; value == "" {
			delete(out, name)
		}
	}
	return out
}

// copied is a copy of a map, never nil.
func copied[K comparable, V any](m map[K]V) map[K]V {
	out := make(map[K]V, len(m))
	maps.Copy(out, m)
	return out
}

// applySecrets returns a copy of have with the secrets that are set.
func (set DeviceSettings) applySecrets(have map[lwm2m.Path]lwm2m.Secret) map[lwm2m.Path]lwm2m.Secret {
	if len(set.Secrets) == 0 {
		return have
	}
	out := copied(have)
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

// split parts errors and warnings.
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
	return l.withLast(ctx, view(p, d, reveal))
}

// Devices implements [API].
func (l *Local) Devices(ctx context.Context, q store.DeviceQuery) ([]Device, error) {
	page, err := l.Store.Devices(ctx, q)
	if err != nil {
		return nil, err
	}
	out := make([]Device, 0, len(page))
	profiles := make(map[string]store.Profile)
	for _, d := range page {
		p, ok := profiles[d.Profile]
		if !ok {
			if p, err = l.profileOf(ctx, d); err != nil {
				return nil, err
			}
			profiles[d.Profile] = p
		}
		v, err := l.withLast(ctx, view(p, d, false))
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// profileOf is the profile of d; the zero Profile where d was given another since it was
// read, and its own was deleted.
func (l *Local) profileOf(ctx context.Context, d store.Device) (store.Profile, error) {
	p, err := l.Store.Profile(ctx, d.Profile)
	if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	return p, err
}

// withLast adds what was last seen of d: what tells of its state, and what came after that
// under its name.
func (l *Local) withLast(ctx context.Context, d Device) (Device, error) {
	if s := l.running(d.Endpoint); s != nil && s.Proof.Counts() {
		d.Running = s
	}
	newest, err := l.Store.Sessions(ctx, store.SessionQuery{Endpoint: d.Endpoint, Limit: 1})
	if err != nil || len(newest) == 0 {
		return d, err
	}
	switch s := &newest[0]; {
	case s.Endpoint != d.Endpoint || !s.Proof.Counts():
		d.Unproved = s
	case s.Cause != store.CauseIdle: // as almost always
		d.Last = s
		return d, nil
	}
	own, err := l.Store.Sessions(ctx, store.SessionQuery{Endpoint: d.Endpoint, Own: true, Limit: lastOwn})
	if len(own) > 0 {
		// That it idles says less than how it was bootstrapped.
		d.Last = &own[max(0, slices.IndexFunc(own, func(s store.Session) bool { return s.Cause != store.CauseIdle }))]
	}
	return d, err
}

// lastOwn is how many attempts of a device are looked at for the last one that tells of its
// state.
const lastOwn = 5

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
	out, err := l.withLast(ctx, view(p, d, false))
	was, is := profile.PSKIdentities(p, old), profile.PSKIdentities(p, d)
	for _, name := range slices.Sorted(maps.Keys(is)) {
		if was[name] != is[name] {
			out.Warnings = append(out.Warnings, fmt.Sprintf("account %q: from its next bootstrap on the device has the identity %q in place of %q there, which the LwM2M Server must know; to keep the old one, set it for this account", name, is[name], was[name]))
		}
	}
	return out, err
}

// view is d, whose profile is p, as it is shown.
func view(p store.Profile, d store.Device, reveal bool) Device {
	out := Device{
		Endpoint: d.Endpoint, Revision: d.Revision, Profile: d.Profile, Disabled: d.Disabled, NoSec: d.NoSec,
		Credentials: []Credential{}, Accounts: make(map[string]Account, len(d.Accounts)),
		Vars: d.Vars, Tags: slices.Clone(d.Tags), Format: d.Format, Note: d.Note, Created: d.Created, Updated: d.Updated,
		Written: slices.Clone(d.Written.Instances),
	}
	for _, c := range d.Credentials {
		v := Credential{Kind: c.Kind, Identity: c.Identity, KeyLength: c.Key.Len(), Created: c.Created, Pending: c.Pending}
		if c.Kind == store.CredentialPSK {
			v.Identity, v.Replaces = store.IdentityText([]byte(c.Identity)), store.IdentityText([]byte(c.Replaces))
		}
		if reveal {
			v.Key = hex.EncodeToString(c.Key.Reveal())
		}
		out.Credentials = append(out.Credentials, v)
	}
	given := profile.PSKIdentities(p, d)
	for name, a := range d.Accounts {
		v := accountView(a, reveal)
		v.Identity = cmp.Or(v.Identity, given[name])
		out.Accounts[name] = v
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
	v := Account{Identity: a.Identity, Certificate: a.Certificate, KeyLength: a.Key.Len(), MasterSecretLength: a.MasterSecret.Len(), Delivered: a.Delivered}
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

// Session implements [API].
func (l *Local) Session(ctx context.Context, id string) (store.Session, error) {
	return l.Store.Session(ctx, id)
}

// Sessions implements [API].
func (l *Local) Sessions(ctx context.Context, q store.SessionQuery) ([]store.Session, error) {
	if q.Before != "" && !bootstrap.IsSessionID(q.Before) {
		if _, err := l.Store.Session(ctx, q.Before); err != nil {
			return nil, fmt.Errorf("before: %w", err)
		}
	}
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
	s.Version, s.Database = l.Version, l.Database
	var err error
	s.Store, err = l.Store.Stats(ctx)
	return s, err
}

// Unreadable implements [API].
func (l *Local) Unreadable(context.Context) ([]Unreadable, error) {
	out := []Unreadable{}
	for _, part := range l.Store.Unreadable() {
		out = append(out, Unreadable{part.What(), part.Err.Error()})
	}
	return out, nil
}

// Check implements [API].
func (l *Local) Check(ctx context.Context) error { return l.Store.Check(ctx) }

// Backup implements [API].
func (l *Local) Backup(ctx context.Context, file string) error { return l.Store.Backup(ctx, file) }

// WriteBackup implements [API].
func (l *Local) WriteBackup(ctx context.Context, w io.Writer) error {
	return l.Store.WriteBackup(ctx, w)
}

// Close closes the store.
func (l *Local) Close() error { return l.Store.Close() }
