package admin

import (
	"cmp"
	"crypto/x509"
	"encoding/hex"
	"slices"
	"time"

	"lwbs/bootstrap/profile"
	"lwbs/lwm2m"
	"lwbs/store"
)

// view is d, whose profile is p, as it is shown.
func view(p store.Profile, d store.Device, reveal bool) Device {
	out := Device{
		Endpoint: d.Endpoint, Revision: d.Revision, Profile: d.Profile, Group: d.Group, Disabled: d.Disabled, NoSec: d.NoSec,
		Credentials: []Credential{}, Accounts: make(map[string]Account, len(d.Accounts)),
		Vars: d.Vars, Tags: slices.Clone(d.Tags), Format: d.Format, Note: d.Note, Created: d.Created, Updated: d.Updated,
		Written: slices.Clone(d.Written.Instances), Rotating: d.Rotating(), Rotations: rotationsOf(d),
	}
	o := d.Outline()
	out.Expires, out.Due = o.Expires, profile.Due(p, profile.ContentOf(p), o, time.Now())
	if h := d.Holds; h != (store.Holding{}) {
		out.Holds = &Holding{h.Profile, h.Revision, h.Since}
	}
	for _, c := range d.Credentials {
		v := Credential{Kind: c.Kind, Identity: c.Identity, KeyLength: c.Key.Len(), Created: c.Created, Group: c.Group, GroupKey: c.GroupKey, Pending: c.Pending, Expires: c.Expires}
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
	v := Account{Identity: a.Identity, OwnIdentity: a.Identity != "", Certificate: a.Certificate, KeyLength: a.Key.Len(), MasterSecretLength: a.MasterSecret.Len(), Delivered: a.Delivered}
	if c, err := x509.ParseCertificate(a.Certificate); err == nil {
		v.Expires = c.NotAfter
	}
	if reveal {
		v.Key = hex.EncodeToString(a.Key.Reveal())
		v.MasterSecret = hex.EncodeToString(a.MasterSecret.Reveal())
	}
	return v
}

// viewOfMade is d as it is shown to whoever edited it: with the keys of accounts that were made
// for it, as they differ from those that it had before, and with its key to bootstrap with where
// that was made, too.
func viewOfMade(p store.Profile, d store.Device, before map[string]store.AccountKeys, credential bool) Device {
	out := view(p, d, false)
	if credential {
		out.Credentials = view(p, d, true).Credentials
	}
	for name, a := range d.Accounts {
		shown, all := out.Accounts[name], accountView(a, true)
		if !before[name].Key.Equal(a.Key) {
			shown.Key = all.Key
		}
		if !before[name].MasterSecret.Equal(a.MasterSecret) {
			shown.MasterSecret = all.MasterSecret
		}
		out.Accounts[name] = shown
	}
	return out
}
