package transfer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/profile"
	"lwbs/lwm2m/object"
	"lwbs/store"
	"lwbs/store/importer"
)

// An importing takes over the entries of another server, one after the other. An entry is taken over whole
// or not at all.
type importing struct {
	data         *importer.Data
	replace, dry bool
	objects      *object.Registry
	report       *entryReport

	profiles map[string]*importingProfile
	order    []*importingProfile

	mu    sync.Mutex
	queue []*importingEntry // without a result, in their order; guarded by mu
	err   error             // that ended the reading; guarded by mu
}

type importingProfile struct {
	profile  store.Profile
	existing *store.Profile // of the same name
	same     bool           // and the same content
	refused  error
	warnings []string
	checker  *profile.Checker
	told     bool // it was sent with a row of a dry run
	used     int  // entries
	devices  int  // of those, devices
}

// did says what happens to the profile.
func (p *importingProfile) did() string {
	switch {
	case p.same:
		return unchanged
	case p.existing != nil:
		return "replaced"
	}
	return "created"
}

// An importingEntry is an entry on its way.
type importingEntry struct {
	importer.Entry
	profile *importingProfile // nil where it is not imported
	sent    bool              // it has a result of its own
}

// run takes over all entries. A nil API is that of no database, with nothing in it.
func (im *importing) run(ctx context.Context, api admin.API) error {
	if err := im.decide(ctx, api); err != nil {
		return err
	}
	if !im.dry {
		im.applyProfiles(ctx, api)
	}
	put := im.check
	if api != nil {
		put = func(ctx context.Context) error {
			return api.PutDevices(ctx, admin.BatchOptions{DryRun: im.dry}, im.rows, func(r admin.BatchResult) error { return im.settle(&r) })
		}
	}
	err := errors.Join(put(ctx), im.err)
	if err == nil {
		err = im.settle(nil)
	}
	if !im.dry && err == nil {
		im.tidy(ctx, api)
	}
	var told []importProfile
	for _, p := range im.order {
		if p.used > 0 {
			told = append(told, importProfile{p.profile.Name, p.did(), p.devices, p.warnings})
		}
	}
	im.report.end(told)
	return errors.Join(err, im.report.err)
}

// decide checks each profile by the rules of the Bootstrap-Server, and compares it with that of its name.
func (im *importing) decide(ctx context.Context, api admin.API) error {
	for _, p := range im.data.Profiles {
		ip := &importingProfile{profile: p.Profile, checker: profile.NewChecker(p.Profile, im.objects)}
		im.profiles[p.Name], im.order = ip, append(im.order, ip)
		for _, f := range profile.Check(p.Profile, im.objects) {
			if f.Warning {
				ip.warnings = append(ip.warnings, f.String())
			} else if ip.refused == nil {
				ip.refused = errors.New(f.String())
			}
		}
		if api == nil {
			continue
		}
		old, err := api.Profile(ctx, p.Name)
		switch {
		case errors.Is(err, store.ErrNotFound):
			continue
		case err != nil:
			return err
		}
		ip.existing, ip.same = &old, sameContent(old, p.Profile)
		if !ip.same && !im.replace && ip.refused == nil {
			ip.refused = errors.New("another profile has this name: --replace replaces it, --prefix gives this one another name")
		}
	}
	return nil
}

// sameContent reports whether a and b differ in nothing but revision and times.
func sameContent(a, b store.Profile) bool {
	a.Revision, a.Created, a.Updated = 0, time.Time{}, time.Time{}
	b.Revision, b.Created, b.Updated = 0, time.Time{}, time.Time{}
	x, err1 := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && bytes.Equal(x, y)
}

// applyProfiles applies the profiles that entries may be given.
func (im *importing) applyProfiles(ctx context.Context, api admin.API) {
	for _, p := range im.order {
		if p.refused == nil && !p.same && api != nil {
			_, p.refused = api.ApplyProfile(ctx, p.profile, admin.ApplyOptions{ReplaceKeys: im.replace, AllowFailing: im.replace})
		}
	}
}

// tidy removes the new profiles all of whose entries were refused in the end. Where that fails, a
// profile without devices is left.
func (im *importing) tidy(ctx context.Context, api admin.API) {
	for _, p := range im.order {
		if p.used == 0 && p.existing == nil && p.refused == nil && api != nil {
			_ = api.DeleteProfile(ctx, p.profile.Name, 0)
		}
	}
}

// errEnough ends the reading of entries that are not taken any more.
var errEnough = errors.New("enough")

// rows yields the devices that can be put.
func (im *importing) rows(yield func(admin.BatchRow) bool) {
	n := 0
	err := im.data.Each(func(e importer.Entry) error {
		n++
		ie := im.entry(e)
		row := admin.BatchRow{Row: n, Endpoint: ie.Device.Endpoint}
		if ie.sent {
			row.Settings, row.Mode = settingsOf(ie.Device), admin.BatchAdd
			if im.replace {
				row.Mode = admin.BatchReplace
			}
			if im.dry && !ie.profile.same && !ie.profile.told {
				row.With, ie.profile.told = &ie.profile.profile, true
			}
		}
		im.mu.Lock()
		im.queue = append(im.queue, ie)
		im.mu.Unlock()
		if ie.sent && !yield(row) {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		im.mu.Lock()
		im.err = err
		im.mu.Unlock()
	}
}

// entry decides on an entry as far as that is possible here.
func (im *importing) entry(e importer.Entry) *importingEntry {
	ie := &importingEntry{Entry: e}
	if e.Outcome != importer.Imported {
		return ie
	}
	if ie.profile = im.profiles[e.Device.Profile]; ie.profile.refused != nil {
		ie.Outcome, ie.Why = importer.Refused, fmt.Sprintf("profile %s: %v", ie.profile.profile.Name, ie.profile.refused)
		return ie
	}
	ie.sent = e.Device.Endpoint != ""
	return ie
}

// check tells what would become of the entries in a new database.
func (im *importing) check(ctx context.Context) error {
	return im.data.Each(func(e importer.Entry) error {
		ie := im.entry(e)
		r := admin.BatchResult{Outcome: admin.BatchAdded}
		if ie.sent {
			for _, f := range ie.profile.checker.Device(ie.Device) {
				if f.Warning {
					r.Warnings = append(r.Warnings, f.String())
				} else if r.Error == "" {
					r.Outcome, r.Error = admin.BatchRefused, f.String()
				}
			}
		}
		im.tell(ie, r)
		return errors.Join(ctx.Err(), im.report.err)
	})
}

// keeps reports whether any entry can be taken over into a new database.
func (im *importing) keeps(ctx context.Context) bool {
	trial := &importing{data: im.data, dry: true, objects: im.objects, report: newEntryReport(io.Discard, false, true), profiles: make(map[string]*importingProfile)}
	err := errors.Join(trial.decide(ctx, nil), trial.check(ctx))
	return err != nil || trial.report.summary[importer.Imported] > 0
}

// settle tells of the entries up to the one that r is about, of all where that is nil.
func (im *importing) settle(r *admin.BatchResult) error {
	for {
		im.mu.Lock()
		if len(im.queue) == 0 {
			im.mu.Unlock()
			return im.report.err
		}
		ie := im.queue[0]
		im.queue[0] = nil
		im.queue = im.queue[1:]
		im.mu.Unlock()
		switch {
		case !ie.sent:
			im.tell(ie, admin.BatchResult{Outcome: admin.BatchAdded})
		case r != nil:
			im.tell(ie, *r)
			return im.report.err
		}
	}
}

// tell counts and reports an entry with its result.
func (im *importing) tell(ie *importingEntry, r admin.BatchResult) {
	out := importEntry{Source: ie.Source, Endpoint: string(ie.Device.Endpoint), Outcome: ie.Outcome, Why: ie.Why, Changes: ie.Changes}
	if ie.Outcome != importer.Imported {
		im.report.add(out)
		return
	}
	switch r.Outcome {
	case admin.BatchRefused:
		out.Outcome, out.Why = importer.Refused, r.Error
		if r.Error == "the device exists" {
			out.Why = "the device exists: --replace replaces its record"
		}
		im.report.add(out)
		return
	case admin.BatchSame:
		out.Outcome = unchanged
	case admin.BatchChanged:
		out.Replaced = true
	}
	ie.profile.used++
	if out.Endpoint != "" {
		ie.profile.devices++
	}
	out.Profile, out.Warnings = ie.profile.profile.Name, r.Warnings
	im.report.add(out)
}

// settingsOf are what the record of d is made with.
func settingsOf(d store.Device) admin.DeviceSettings {
	set := admin.DeviceSettings{Profile: &d.Profile, NoSec: &d.NoSec, AddTags: d.Tags, Vars: d.Vars}
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
			put(&set.AccountKeys, name, a.Key.Reveal())
		}
		if !a.MasterSecret.IsZero() {
			put(&set.AccountMasterSecrets, name, a.MasterSecret.Reveal())
		}
		if len(a.Certificate) > 0 {
			put(&set.AccountCertificates, name, a.Certificate)
		}
		if a.Identity != "" {
			put(&set.AccountIdentities, name, a.Identity)
		}
	}
	return set
}

func put[V any](into *map[string]V, name string, v V) {
	if *into == nil {
		*into = make(map[string]V)
	}
	(*into)[name] = v
}
