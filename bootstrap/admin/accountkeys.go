package admin

import (
	"fmt"

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
		change(name, func(a *store.AccountKeys) { a.Key = lwm2m.NewSecret(key) })
	}
	for name, certificate := range set.AccountCertificates {
		change(name, func(a *store.AccountKeys) { a.Certificate = certificate })
	}
	for name, secret := range set.AccountMasterSecrets {
		change(name, func(a *store.AccountKeys) { a.MasterSecret = lwm2m.NewSecret(secret) })
	}
	for name, identity := range set.AccountIdentities {
		change(name, func(a *store.AccountKeys) { a.Identity = identity })
	}
	return out
}

// normalize turns the private keys and certificates that set has given d, whose map of
// accounts is nobody else's by then, into the forms in which devices are given them: tools
// write others.
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
