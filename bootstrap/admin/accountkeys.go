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
