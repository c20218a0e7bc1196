package leshan

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"regexp"
	"slices"

	"lwbs/bootstrap/admin"
	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/importer"
)

// Tag is the tag of the devices that this API shows and edits.
const Tag = "leshan-api"

// Unconfigured is the profile of a device whose credential is known and whose configuration is not. The device
// is disabled until then.
const Unconfigured = "leshan-unconfigured"

// unconfigured has the one account that a profile needs. No device is given it.
var unconfigured = store.Profile{
	Name: Unconfigured, Delete: store.DeletePolicy{Mode: store.DeleteNone},
	Accounts: []store.Account{{Name: "none", URI: "coap://unconfigured.invalid", ShortServerID: 1, Security: "nosec"}},
}

// waiting is the note on a device without configuration.
const waiting = "disabled until its configuration comes: POST /api/bootstrap/ with its name"

// configured reports whether there is a configuration of d.
func configured(d store.Device) bool { return d.Revision != 0 && d.Profile != Unconfigured }

// An edit is what becomes of a device: new settings, or nothing of it.
type edit struct {
	set    admin.DeviceSettings
	remove bool
}

// maxConflicts is how often an edit begins anew, since a session or an operator edited the device meanwhile.
const maxConflicts = 20

// edit changes the record of ep as decide says, which gets the record as it is, or the zero Device where there is
// none. A profile of this API that no device has any more is removed. The caller holds editing.
func (s *Server) edit(ctx context.Context, ep lwm2m.EndpointName, decide func(store.Device) (edit, error)) error {
	for range maxConflicts {
		d, err := s.own(ctx, ep)
		if err != nil {
			return err
		}
		e, err := decide(d)
		if err != nil {
			return err
		}
		switch {
		case e.remove:
			err = s.API.DeleteDevice(ctx, ep, d.Revision)
		case d.Revision == 0:
			_, err = s.API.AddDevice(ctx, ep, e.set)
		default:
			_, err = s.API.SetDevice(ctx, ep, d.Revision, e.set)
		}
		if !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrExists) && !errors.Is(err, store.ErrNotFound) {
			if err == nil && (e.remove || e.set.Profile != nil && *e.set.Profile != d.Profile) {
				s.dropProfile(ctx, d.Profile)
			}
			return err
		}
	}
	return refuse(http.StatusConflict, "the record of %q was edited again and again: repeat the request", ep)
}

// own returns the record of ep, or the zero Device where there is none. One that this API did not make is an error.
func (s *Server) own(ctx context.Context, ep lwm2m.EndpointName) (store.Device, error) {
	d, err := s.Records.Device(ctx, ep)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return store.Device{}, nil
	case err != nil:
		return store.Device{}, err
	case !slices.Contains(d.Tags, Tag):
		return store.Device{}, refuse(http.StatusConflict, "%q was not made through this API: an operator can permit it to edit the device with lwbs device set --add-tag %s", ep, Tag)
	}
	return d, nil
}

// devices ranges over the devices with the tag, in the order of their names.
func (s *Server) devices(ctx context.Context) iter.Seq2[store.Device, error] {
	return func(yield func(store.Device, error) bool) {
		q := store.DeviceQuery{Tag: Tag, Limit: 100}
		for {
			page, err := s.Records.Devices(ctx, q)
			if err != nil {
				yield(store.Device{}, err)
				return
			}
			for _, d := range page {
				if !yield(d, nil) {
					return
				}
			}
			if len(page) < q.Limit {
				return
			}
			q.After = page[len(page)-1].Endpoint
		}
	}
}

// keepProfile makes p a profile with a name for its content, where there is none yet, and returns the name.
func (s *Server) keepProfile(ctx context.Context, p store.Profile) (string, error) {
	content := importer.ContentName(p)
	p.Name = content
	for n := 2; ; n++ {
		kept, err := s.Records.Profile(ctx, p.Name)
		switch {
		case errors.Is(err, store.ErrNotFound):
			_, err = s.API.ApplyProfile(ctx, p, admin.ApplyOptions{})
			return p.Name, err
		case err != nil:
			return "", err
		case importer.ContentName(kept) == content:
			return p.Name, nil
		}
		p.Name = fmt.Sprintf("%s-%d", content, n) // the other one was edited
	}
}

// keepUnconfigured makes the profile of devices without configuration, where there is none.
func (s *Server) keepUnconfigured(ctx context.Context) error {
	_, err := s.Records.Profile(ctx, Unconfigured)
	if errors.Is(err, store.ErrNotFound) {
		_, err = s.API.ApplyProfile(ctx, unconfigured, admin.ApplyOptions{})
	}
	return err
}

// ownProfile matches the names that keepProfile gives.
var ownProfile = regexp.MustCompile(`^leshan-.*[0-9a-f]{10}(-[0-9]+)?$`)

// dropProfile removes a profile that this API made and that nothing uses any more. Where that fails, it stays,
// which does no harm.
func (s *Server) dropProfile(ctx context.Context, name string) {
	if !ownProfile.MatchString(name) {
		return
	}
	p, err := s.Records.Profile(ctx, name)
	content := importer.ContentName(p)
	if err == nil && (name == content || len(name) > len(content) && name[:len(content)+1] == content+"-") { // else an operator edited it
		_ = s.API.DeleteProfile(ctx, name, p.Revision)
	}
}

// ownVar matches the variables of OSCORE that a configuration gives to a device.
var ownVar = regexp.MustCompile(`^(sender|recipient)ID[0-9]+$`)

// given are the settings that give a device with the record old what next has: its accounts and variables.
func given(old, next store.Device) settings {
	set := settings{admin.DeviceSettings{
		AccountKeys: make(map[string][]byte), AccountIdentities: make(map[string]string), AccountMasterSecrets: make(map[string][]byte),
		AccountCertificates: make(map[string][]byte), Vars: maps.Clone(next.Vars),
	}}
	for name, keys := range next.Accounts {
		set.AccountKeys[name], set.AccountIdentities[name] = keys.Key.Reveal(), keys.Identity
		set.AccountMasterSecrets[name], set.AccountCertificates[name] = keys.MasterSecret.Reveal(), keys.Certificate
	}
	for _, name := range slices.Sorted(maps.Keys(old.Accounts)) {
		if _, stays := next.Accounts[name]; !stays {
			set.ForgetAccounts = append(set.ForgetAccounts, name)
		}
	}
	for name := range old.Vars {
		if _, stays := next.Vars[name]; !stays && ownVar.MatchString(name) {
			if set.Vars == nil {
				set.Vars = make(map[string]string)
			}
			set.Vars[name] = ""
		}
	}
	return set
}
