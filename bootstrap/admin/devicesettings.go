package admin

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"lwbs/bootstrap/profile"
	"lwbs/lwm2m"
	"lwbs/store"
)

// DeviceSettings are what an edit changes: whatever is not nil or empty.
type DeviceSettings struct {
	// Reset begins with an empty record: what is not named here is gone. The history of
	// the device stays.
	Reset bool `json:"reset,omitempty"`

	Profile *string `json:"profile,omitempty"`

	// Group puts the device into this group: it may come with a key that is derived from one of the
	// group and its endpoint name, or with a certificate of a CA of the group for this name. A new
	// record without a Profile has that of the group, and its tags. Empty takes the device out of
	// its group, and these credentials with it.
	Group *string `json:"group,omitempty"`

	Disabled *bool         `json:"disabled,omitempty"`
	NoSec    *bool         `json:"noSec,omitempty"`
	Format   *lwm2m.Format `json:"format,omitempty"`
	Note     *string       `json:"note,omitempty"`
	Tags     *[]string     `json:"tags,omitempty"`

	// AddTags and RemoveTags change the tags one by one, behind Tags.
	AddTags    []string `json:"addTags,omitempty"`
	RemoveTags []string `json:"removeTags,omitempty"`

	// PSK replaces the pre-shared keys to bootstrap with by this one; NoPSK removes them.
	PSK   *PSK `json:"psk,omitempty"`
	NoPSK bool `json:"noPSK,omitempty"`

	// PSKIdentity gives the pre-shared key that the device has another identity, written as
	// in PSK. It is for a device that has one, and none is pending.
	PSKIdentity *string `json:"pskIdentity,omitempty"`

	// Certificates replace those that the device may come with, by their SHA-256
	// fingerprints; CertificateNames replace the names for which it may come with any
	// certificate of a CA that the server trusts.
	Certificates     *[]string `json:"certificates,omitempty"`
	CertificateNames *[]string `json:"certificateNames,omitempty"`

	// CertificateExpiries are when certificates expire, by their fingerprints; of one that is not named
	// it becomes known when the device comes with it.
	CertificateExpiries map[string]time.Time `json:"certificateExpiries,omitempty"`

	// AccountKeys, AccountIdentities and AccountMasterSecrets (of OSCORE) are by the
	// account's name in the profile.
	AccountKeys          map[string][]byte `json:"accountKeys,omitempty"`
	AccountIdentities    map[string]string `json:"accountIdentities,omitempty"`
	AccountMasterSecrets map[string][]byte `json:"accountMasterSecrets,omitempty"`

	// AccountCertificates are Resources 0/x/3 of accounts with certificates or raw public
	// keys. They, and the private keys among AccountKeys, may be PEM or DER, the keys in
	// PKCS#8, SEC1 or PKCS#1.
	AccountCertificates map[string][]byte `json:"accountCertificates,omitempty"`

	// Rotate are the keys in whose place the device is to be given others at its next bootstrap, by the
	// name of their account; "bootstrapServer" is the one that it bootstraps with, and [RotateAll] stands
	// for all that lwbs can make. Those of which that is under way already stay as they are.
	Rotate []string `json:"rotate,omitempty"`

	// CancelRotation withdraws what was asked for by Rotate, where no other key was made yet.
	CancelRotation bool `json:"cancelRotation,omitempty"`

	// ForgetAccounts are accounts of which the record forgets everything: those that the
	// profile does not have any more.
	ForgetAccounts []string `json:"forgetAccounts,omitempty"`

	// Secrets are values of secret Resources, by path, such as /11/0/6; set one by one, an
	// empty value removes one.
	Secrets map[lwm2m.Path][]byte `json:"secrets,omitempty"`

	// Vars are set one by one; an empty value removes one.
	Vars map[string]string `json:"vars,omitempty"`
}

// A PSK is a pre-shared key to be set.
type PSK struct {
	Identity string `json:"identity,omitempty"` // text, hex:… or base64:…; empty: the endpoint name
	Key      []byte `json:"key,omitempty"`      // empty: one of 16 bytes is generated
}

// apply changes d, and reports whether it made a key for it.
func (set DeviceSettings) apply(d *store.Device) (generated bool, err error) {
	if set.Reset {
		*d = store.Device{ // which the device, and its LwM2M Servers, still have
			Endpoint: d.Endpoint, Revision: d.Revision, Written: d.Written, Holds: d.Holds, Settings: d.Settings, HandedOver: d.HandedOver,
		}
	}
	assign(&d.Profile, set.Profile)
	assign(&d.Disabled, set.Disabled)
	assign(&d.NoSec, set.NoSec)
	assign(&d.Format, set.Format)
	assign(&d.Note, set.Note)
	assign(&d.Tags, set.Tags)
	d.Tags = set.applyTags(d.Tags)
	if generated, err = set.applyCredentials(d); err != nil {
		return false, err
	}
	d.Accounts = set.applyAccounts(d.Accounts)
	d.Secrets = set.applySecrets(d.Secrets)
	d.Vars = set.applyVars(d.Vars)
	return generated, nil
}

// applyTags returns a copy of have with the tags that are added and without those removed.
func (set DeviceSettings) applyTags(have []string) []string {
	if len(set.AddTags)+len(set.RemoveTags) == 0 {
		return have
	}
	out := slices.DeleteFunc(slices.Clone(have), func(tag string) bool { return slices.Contains(set.RemoveTags, tag) })
	for _, tag := range set.AddTags {
		if !slices.Contains(out, tag) {
			out = append(out, tag)
		}
	}
	return out
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

// copied is a copy of a map, never nil.
func copied[K comparable, V any](m map[K]V) map[K]V {
	out := make(map[K]V, len(m))
	maps.Copy(out, m)
	return out
}

func assign[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}

// supplies reports whether set brings a key along.
func (set DeviceSettings) supplies() bool {
	return set.PSK != nil && len(set.PSK.Key) > 0 || len(set.AccountKeys)+len(set.AccountMasterSecrets) > 0
}

// applyAccounts returns a copy of have with what is set of accounts.
func (set DeviceSettings) applyAccounts(have map[string]store.AccountKeys) map[string]store.AccountKeys {
	if len(set.AccountKeys)+len(set.AccountCertificates)+len(set.AccountMasterSecrets)+len(set.AccountIdentities) == 0 {
		return have
	}
	out := copied(have)
	change := func(name string, change func(*store.AccountKeys)) {
		a := out[name]
		change(&a)
		out[name] = a
	}
	for name, key := range set.AccountKeys {
		change(name, func(a *store.AccountKeys) { replaceKey(a, &a.Key, lwm2m.NewSecret(key)) })
	}
	for name, certificate := range set.AccountCertificates {
		change(name, func(a *store.AccountKeys) { a.Certificate = certificate })
	}
	for name, secret := range set.AccountMasterSecrets {
		change(name, func(a *store.AccountKeys) { replaceKey(a, &a.MasterSecret, lwm2m.NewSecret(secret)) })
	}
	for name, identity := range set.AccountIdentities {
		change(name, func(a *store.AccountKeys) { a.Identity = identity })
	}
	return out
}

// replaceKey puts a key that an operator supplies in the place of one of a. One that was to replace that is
// dropped.
func replaceKey(a *store.AccountKeys, key *lwm2m.Secret, by lwm2m.Secret) {
	if key.Equal(by) {
		return
	}
	*key = by
	a.KeyMade, a.Rotate = time.Time{}, time.Time{}
	a.Pending, a.PendingMaster, a.PendingMade = lwm2m.Secret{}, lwm2m.Secret{}, time.Time{}
}

// unknownAccounts are the accounts that are named and that the profile does not have.
func (set DeviceSettings) unknownAccounts(p store.Profile) (out []profile.Finding) {
	names := slices.Concat(slices.Collect(maps.Keys(set.AccountKeys)), slices.Collect(maps.Keys(set.AccountCertificates)),
		slices.Collect(maps.Keys(set.AccountMasterSecrets)), slices.Collect(maps.Keys(set.AccountIdentities)))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		message := "profile has no account of this name"
		switch i := slices.IndexFunc(p.Accounts, func(a store.Account) bool { return a.Name == name || slices.Contains(a.RenamedFrom, name) }); {
		case name == store.BootstrapServerAccount && p.BootstrapServer != nil, i >= 0 && p.Accounts[i].Name == name:
			continue
		case i >= 0:
			message += fmt.Sprintf(": it is called %q now", p.Accounts[i].Name)
		}
		out = append(out, profile.Finding{Place: "device.accounts[" + name + "]", Message: message})
	}
	return out
}

// forget drops what d has of accounts that p does not have.
func (set DeviceSettings) forget(p store.Profile, d *store.Device) error {
	for _, name := range set.ForgetAccounts {
		if slices.ContainsFunc(p.Accounts, func(a store.Account) bool { return a.Name == name }) {
			return fmt.Errorf("%w: account %q cannot be forgotten: profile %q has it", store.ErrInvalid, name, p.Name)
		}
		if _, has := d.Accounts[name]; !has {
			return fmt.Errorf("%w: the record has nothing of an account %q", store.ErrInvalid, name)
		}
		d.Accounts = copied(d.Accounts)
		delete(d.Accounts, name)
	}
	return nil
}

// normalize turns the private keys and certificates that set has given d into the forms in which
// devices are given them: tools write others. The map of accounts of d is a copy by then.
func (set DeviceSettings) normalize(p store.Profile, d *store.Device) error {
	for _, account := range p.Accounts {
		public := lwm2m.CertificateDER
		switch account.Security {
		case "certificate":
		case "rpk":
			public = lwm2m.PublicKeyDER
		default:
			continue
		}
		if key := set.AccountKeys[account.Name]; len(key) > 0 {
			der, err := lwm2m.PrivateKeyDER(key)
			if err != nil {
				return fmt.Errorf("%w: key of account %q: %w", store.ErrInvalid, account.Name, err)
			}
			keys := d.Accounts[account.Name]
			keys.Key = lwm2m.NewSecret(der)
			d.Accounts[account.Name] = keys
		}
		if certificate := set.AccountCertificates[account.Name]; len(certificate) > 0 {
			der, err := public(certificate)
			if err != nil {
				return fmt.Errorf("%w: certificate of account %q: %w", store.ErrInvalid, account.Name, err)
			}
			keys := d.Accounts[account.Name]
			keys.Certificate = der
			d.Accounts[account.Name] = keys
		}
	}
	return nil
}
