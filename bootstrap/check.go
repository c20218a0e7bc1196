package bootstrap

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"lwbs/lwm2m"
	"lwbs/store"
)

// CheckProfile returns what is wrong with p, tried on a made-up device. objects are as
// for [Resolve].
func CheckProfile(p store.Profile, objects *lwm2m.Registry) []Finding {
	found := checkWords(p)
	sample := sampleDevice(p)
	sample.Secrets = sampleSecrets(p, objects)
	_, more := Resolve(p, sample, objects)
	for _, f := range more {
		if !aboutSuppliedKey(f, p) {
			found = append(found, f)
		}
	}
	return append(found, checkLimits(p, sample, objects)...)
}

// CheckDevice returns what is wrong with d under its profile p. objects are as for
// [Resolve].
func CheckDevice(p store.Profile, d store.Device, objects *lwm2m.Registry) []Finding {
	found := checkWords(p)
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
	_, more := Resolve(p, filled, objects)
	for name := range d.Accounts {
		if own := name == store.BootstrapServerAccount && p.BootstrapServer != nil; !own && !slices.ContainsFunc(p.Accounts, func(a store.Account) bool { return a.Name == name }) {
			more = append(more, Finding{Place: "device.accounts[" + name + "]", Message: "profile has no account of this name"})
		}
	}
	more = append(more, unusedSecrets(p, d, objects)...)
	if len(d.Credentials) == 0 && !d.NoSec {
		more = append(more, Finding{Place: "device.credentials", Message: "the device has neither a key nor a certificate to authenticate with, and may not come over plain CoAP: it cannot bootstrap", Warning: true})
	}
	return append(append(found, more...), checkLimits(p, filled, objects)...)
}

// zeroes is an endless source of zero bytes, for keys that nobody gets.
type zeroes struct{}

func (zeroes) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

var sampleKey = lwm2m.NewSecret(bytes.Repeat([]byte{1}, defaultKeyLength))

// variable finds the variables of templates.
var variable = regexp.MustCompile(`\.Vars\.([A-Za-z_][A-Za-z0-9_]*)`)

// sampleDevice is a device with a value for each variable and key that p asks for.
func sampleDevice(p store.Profile) store.Device {
	d := store.Device{Endpoint: "sample", Profile: p.Name, Vars: make(map[string]string)}
	give := func(templates string) {
		for _, m := range variable.FindAllStringSubmatch(templates, -1) {
			if _, ok := d.Vars[m[1]]; !ok {
				d.Vars[m[1]] = sampleValue(len(d.Vars))
			}
		}
	}
	if b := p.BootstrapServer; b != nil {
		give(b.URI + b.Identity)
	}
	for i, a := range p.Accounts {
		give(a.URI + a.Identity)
		d.Accounts = withKeys(d.Accounts, a.Name, func(k *store.AccountKeys) { k.Key, k.Pending = sampleKey, sampleKey })
		if a.OSCORE != nil {
			give(a.OSCORE.SenderID + a.OSCORE.RecipientID)
			d.Accounts = withKeys(d.Accounts, a.Name, func(k *store.AccountKeys) { k.MasterSecret = sampleSecret(i) })
		}
	}
	return d
}

// sampleValue is a value for the i-th variable: a digit, which does for numbers, names
// and hexadecimal alike, and no two in a row are the same, for identifiers that must not
// be.
func sampleValue(i int) string { return strconv.Itoa(1 + i%9) }

// sampleSecret is a master secret for the account at a place of a profile. No two are
// the same: contexts must not be.
func sampleSecret(i int) lwm2m.Secret { return lwm2m.NewSecret(fmt.Appendf(nil, "sample %d", i)) }

// aboutSuppliedKey reports whether a finding about a profile is about the made-up key
// of an account whose real ones are in the device records.
func aboutSuppliedKey(f Finding, p store.Profile) bool {
	for i, a := range p.Accounts {
		mode := securityName(a, sampleDevice(p))
		if (mode == securityRPK || mode == securityCertificate) && f.Place == fmt.Sprintf("accounts[%d].key", i) {
			return strings.Contains(f.Message, "private key")
		}
	}
	return false
}
