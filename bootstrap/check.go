package bootstrap

import (
	"fmt"
	"slices"

	"lwbs/lwm2m"
	"lwbs/store"
)

// CheckProfile returns what is wrong with p, tried on a made-up device. objects are as
// for [Resolve]. What depends on the variables of a device is wrong where no values of
// them would do.
func CheckProfile(p store.Profile, objects *lwm2m.Registry) []Finding {
	found := checkWords(p)
	sample := sampleDevice(p)
	sample.Secrets = sampleSecrets(p, objects)
	templates := templatesOf(p)
	info, more := Resolve(p, sample, objects)
	for _, f := range append(more, checkLimits(p, sample, info)...) {
		at := slices.IndexFunc(templates, func(t templated) bool { return t.place == f.Place })
		switch {
		case ofTheDevice(f, p):
		case at >= 0 && !f.template && somehowGood(p, sample, templates[at], objects):
		default:
			found = append(found, f)
		}
	}
	return found
}

// CheckDevice returns what is wrong with d under its profile p. objects are as for
// [Resolve].
func CheckDevice(p store.Profile, d store.Device, objects *lwm2m.Registry) []Finding {
	return append(checkWords(p), checkRecord(p, d, objects)...)
}

// checkRecord is CheckDevice but for what is wrong with p whatever the device.
func checkRecord(p store.Profile, d store.Device, objects *lwm2m.Registry) (found []Finding) {
	AdoptRenamed(p, &d)
	filled := d
	_, err1 := FillKeys(p, &filled, zeroes{})
	_, err2 := renewKeys(p, &filled, zeroes{})
	if err1 != nil || err2 != nil {
		found = append(found, Finding{Message: "keys cannot be generated"})
	}
	for i, a := range p.Accounts {
		if keySource(a, d) == store.KeySupplied && d.Accounts[a.Name].Key.IsZero() {
			found = append(found, Finding{
				Place:   fmt.Sprintf("accounts[%d].key", i),
				Message: fmt.Sprintf("the key of account %q is to be supplied, and the device has none: --account-key-file %s=FILE", a.Name, a.Name),
			})
			filled.Accounts = withKeys(filled.Accounts, a.Name, func(k *store.AccountKeys) { k.Key = sampleKey })
		}
		if o := a.OSCORE; o != nil && o.MasterSecret == store.KeySupplied && d.Accounts[a.Name].MasterSecret.IsZero() {
			found = append(found, Finding{
				Place:   fmt.Sprintf("accounts[%d].oscore.masterSecret", i),
				Message: fmt.Sprintf("the master secret of account %q is to be supplied, and the device has none: --account-master-secret-file %s=FILE", a.Name, a.Name),
			})
			filled.Accounts = withKeys(filled.Accounts, a.Name, func(k *store.AccountKeys) { k.MasterSecret = sampleSecret(i) })
		}
	}
	if b := p.BootstrapServer; b != nil && b.Key == store.KeySupplied && d.Accounts[store.BootstrapServerAccount].Key.IsZero() {
		found = append(found, Finding{
			Place:   "bootstrapServer.key",
			Message: fmt.Sprintf("the key of the Bootstrap-Server Account is to be supplied, and the device has none: --account-key-file %s=FILE", store.BootstrapServerAccount),
		})
	}
	info, more := Resolve(p, filled, objects)
	more = append(more, unusedKeys(p, d)...)
	for name := range d.Accounts {
		if own := name == store.BootstrapServerAccount && p.BootstrapServer != nil; !own && !slices.ContainsFunc(p.Accounts, func(a store.Account) bool { return a.Name == name }) {
			more = append(more, Finding{Place: "device.accounts[" + name + "]", Message: "profile has no account of this name: what the record has of it is not given", Warning: true})
		}
	}
	more = append(more, unusedSecrets(p, d, objects)...)
	if len(d.Credentials) == 0 && !d.NoSec {
		more = append(more, Finding{Place: "device.credentials", Message: "the device has neither a key nor a certificate to authenticate with, and may not come over plain CoAP: it cannot bootstrap", Warning: true})
	}
	return append(append(found, more...), checkLimits(p, filled, info)...)
}

// zeroes is an endless source of zero bytes, for keys that nobody gets.
type zeroes struct{}

func (zeroes) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// unusedKeys warns of what a record has for an account that is not given it.
func unusedKeys(p store.Profile, d store.Device) (out []Finding) {
	for _, a := range p.Accounts {
		keys, mode := d.Accounts[a.Name], securityName(a, d)
		warn := func(what string) {
			out = append(out, Finding{
				Place:   fmt.Sprintf("device.accounts[%s].%s", a.Name, what),
				Message: fmt.Sprintf("an account with security %s has none of the device: it is not given this one", mode), Warning: true,
			})
		}
		if len(keys.Certificate) > 0 && !isKeyPair(mode) {
			warn("certificate")
		}
		if keys.Identity != "" && mode != securityPSK {
			warn("identity")
		}
	}
	return out
}
