package transfer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/profile"
	"lwbs/lwm2m"
	"lwbs/lwm2m/object"
	"lwbs/store"
	"lwbs/store/importer"
)

// An importing takes over the entries of another server: it decides on each, then writes. An
// entry is written whole or not at all.
type importing struct {
	replace bool
	objects *object.Registry

	profiles []*importingProfile
	entries  []*importingEntry
}

type importingProfile struct {
	profile  store.Profile
	existing *store.Profile // of the same name
	same     bool           // and the same content
	refused  error
	warnings []string
	used     int // entries
	devices  int // of those, devices
}

type importingEntry struct {
	importer.Entry
	profile  *importingProfile // nil where it is not imported
	existing *admin.Device     // of the same name
	warnings []string          // of the API
}

// did says what happens to the profile.
func (p *importingProfile) did() string {
	switch {
	case p.same:
		return "unchanged"
	case p.existing != nil:
		return "replaced"
	}
	return "created"
}

func (e *importingEntry) refuse(err error) {
	if e.Outcome != importer.Imported {
		return
	}
	e.Outcome, e.Why = importer.Refused, err.Error()
	e.profile.used--
	if e.Device.Endpoint != "" {
		e.profile.devices--
	}
}

// decide checks each entry against the rules of the Bootstrap-Server and against the existing
// records.
func (im *importing) decide(r importer.Result, there records) {
	byName := make(map[string]*importingProfile)
	for _, p := range r.Profiles {
		byName[p.Name] = im.decideProfile(p, there)
		im.profiles = append(im.profiles, byName[p.Name])
	}
	for _, e := range r.Entries {
		ie := &importingEntry{Entry: e}
		im.entries = append(im.entries, ie)
		if e.Outcome != importer.Imported {
			continue
		}
		ie.profile = byName[e.Device.Profile]
		ie.profile.used++
		if e.Device.Endpoint != "" {
			ie.profile.devices++
		}
		if d, ok := there.devices[e.Device.Endpoint]; ok {
			ie.existing = &d
		}
		if err := im.decideEntry(ie, there); err != nil {
			ie.refuse(err)
		}
	}
}

func (im *importing) decideProfile(p store.Profile, there records) *importingProfile {
	ip := &importingProfile{profile: p}
	for _, f := range profile.Check(p, im.objects) {
		if f.Warning {
			ip.warnings = append(ip.warnings, f.String())
		} else if ip.refused == nil {
			ip.refused = errors.New(f.String())
		}
	}
	old, ok := there.profiles[p.Name]
	if !ok {
		return ip
	}
	ip.existing, ip.same = &old, sameContent(old, p)
	if !ip.same && !im.replace && ip.refused == nil {
		ip.refused = errors.New("another profile has this name: --replace replaces it, --prefix gives this one another name")
	}
	return ip
}

// sameContent reports whether a and b differ in nothing but revision and times.
func sameContent(a, b store.Profile) bool {
	a.Revision, a.Created, a.Updated = 0, time.Time{}, time.Time{}
	b.Revision, b.Created, b.Updated = 0, time.Time{}, time.Time{}
	x, err1 := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && bytes.Equal(x, y)
}

// records are the existing records.
type records struct {
	devices    map[lwm2m.EndpointName]admin.Device
	identities map[identity]lwm2m.EndpointName
	profiles   map[string]store.Profile // of those to be imported
}

// An identity belongs to one device only.
type identity struct {
	kind store.CredentialKind
	text string
}

// existingRecords reads all devices, and the profiles with the names of those in r.
func existingRecords(ctx context.Context, api admin.API, r importer.Result) (records, error) {
	out := records{make(map[lwm2m.EndpointName]admin.Device), make(map[identity]lwm2m.EndpointName), make(map[string]store.Profile)}
	for _, p := range r.Profiles {
		old, err := api.Profile(ctx, p.Name)
		if err == nil {
			out.profiles[p.Name] = old
		} else if !errors.Is(err, store.ErrNotFound) {
			return out, err
		}
	}
	q := admin.DeviceQuery{Limit: 10_000}
	for {
		page, err := api.Devices(ctx, q)
		if err != nil {
			return out, err
		}
		for _, d := range page {
			out.devices[d.Endpoint] = d
			for _, c := range d.Credentials {
				out.identities[identity{c.Kind, c.Identity}] = d.Endpoint
			}
			q.After = d.Endpoint
		}
		if len(page) < q.Limit {
			return out, nil
		}
	}
}

// decideEntry reports why e cannot be imported.
func (im *importing) decideEntry(e *importingEntry, there records) error {
	if e.profile.refused != nil {
		return fmt.Errorf("profile %s: %w", e.profile.profile.Name, e.profile.refused)
	}
	if e.Device.Endpoint == "" {
		return nil
	}
	if e.existing != nil && !im.replace {
		return errors.New("the device exists: --replace replaces its record")
	}
	for _, c := range e.Device.Credentials {
		if of, ok := there.identities[identity{c.Kind, c.Identity}]; ok && of != e.Device.Endpoint {
			return fmt.Errorf("device %s has its identity %q", of, c.Identity)
		}
	}
	for _, f := range profile.CheckDevice(e.profile.profile, e.Device, im.objects) {
		if !f.Warning {
			return errors.New(f.String())
		}
	}
	return nil
}

// importWriters is how many devices are written at a time: concurrent edits share a transaction.
const importWriters = 32

// keeps reports whether any entry is to be imported.
func (im *importing) keeps() bool {
	return slices.ContainsFunc(im.entries, func(e *importingEntry) bool { return e.Outcome == importer.Imported })
}

// write writes the entries that are to be imported. One that the API refuses becomes a refused
// entry.
func (im *importing) write(ctx context.Context, api admin.API) {
	for _, p := range im.profiles {
		if p.used > 0 && !p.same {
			_, p.refused = api.ApplyProfile(ctx, p.profile, admin.ApplyOptions{ReplaceKeys: im.replace, AllowFailing: im.replace})
		}
	}
	errs := make([]error, len(im.entries))
	slots := make(chan struct{}, importWriters)
	var writers sync.WaitGroup
	for i, e := range im.entries {
		switch {
		case e.Outcome != importer.Imported:
		case e.profile.refused != nil:
			errs[i] = e.profile.refused
		case e.Device.Endpoint != "":
			slots <- struct{}{}
			writers.Go(func() {
				errs[i] = writeDevice(ctx, api, e)
				<-slots
			})
		}
	}
	writers.Wait()
	for i, e := range im.entries {
		if errs[i] != nil {
			e.refuse(errs[i])
		}
	}
	im.tidy(ctx, api)
}

// tidy removes the new profiles all of whose entries were refused in the end. Where that fails, a
// profile without devices is left.
func (im *importing) tidy(ctx context.Context, api admin.API) {
	for _, p := range im.profiles {
		if p.used == 0 && p.existing == nil && p.refused == nil {
			_ = api.DeleteProfile(ctx, p.profile.Name, 0)
		}
	}
}

func writeDevice(ctx context.Context, api admin.API, e *importingEntry) error {
	d := e.Device
	set := admin.DeviceSettings{
		Profile: &d.Profile, NoSec: &d.NoSec, Tags: &d.Tags, Vars: d.Vars,
		AccountKeys: make(map[string][]byte), AccountIdentities: make(map[string]string), AccountMasterSecrets: make(map[string][]byte),
		AccountCertificates: make(map[string][]byte),
	}
	for _, c := range d.Credentials {
		switch c.Kind {
		case store.CredentialPSK:
			set.PSK = &admin.PSK{Identity: store.IdentityText([]byte(c.Identity)), Key: c.Key.Reveal()}
		case store.CredentialCertificateName:
			set.CertificateNames = &[]string{c.Identity}
		}
	}
	for name, a := range d.Accounts {
		if !a.Key.IsZero() {
			set.AccountKeys[name] = a.Key.Reveal()
		}
		if !a.MasterSecret.IsZero() {
			set.AccountMasterSecrets[name] = a.MasterSecret.Reveal()
		}
		if len(a.Certificate) > 0 {
			set.AccountCertificates[name] = a.Certificate
		}
		if a.Identity != "" {
			set.AccountIdentities[name] = a.Identity
		}
	}
	if e.existing == nil {
		kept, err := api.AddDevice(ctx, d.Endpoint, set)
		e.warnings = kept.Warnings
		return err
	}
	set.Reset, set.Note = true, &e.existing.Note
	tags := append(e.existing.Tags, d.Tags...)
	set.Tags = &tags
	kept, err := api.SetDevice(ctx, d.Endpoint, e.existing.Revision, set)
	e.warnings = kept.Warnings
	return err
}
