package profile

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"lwbs/bootstrap/plan"
	"lwbs/lwm2m"
	"lwbs/lwm2m/object"
	"lwbs/store"
	"lwbs/store/grammar"
)

// Check returns what is wrong with p, whatever the device. Objects are as for [Resolve].
//
//  1. The words of p are checked: what no device can change.
//  2. A made-up device that lacks nothing is given p: what is wrong with the result.
//  3. What is wrong with the made-up device only, and need not be with a real one, is left out.
func Check(p store.Profile, objects *object.Registry) []Finding {
	sample, templates := SampleDevice(p, objects), templatesOf(p)
	found := checkWords(p, sample)
	_, more := checkGiven(p, sample, objects, new(plan.Checker))
	for _, f := range more {
		if !aboutDeviceKeys(f, p) && !aboutSampleValues(f, templates, p, sample, objects) {
			found = append(found, f)
		}
	}
	return found
}

// CheckDevice returns what is wrong with d under its profile p. Objects are as for [Resolve].
func CheckDevice(p store.Profile, d store.Device, objects *object.Registry) []Finding {
	return NewChecker(p, objects).Device(d)
}

// A Checker checks devices under one profile. What is the same for all of them it does once. Its methods
// may be called concurrently.
type Checker struct {
	profile store.Profile
	objects *object.Registry

	words  []Finding // about the words of the profile; nil where they depend on the device
	varies bool      // they do
	writes plan.Checker
}

// NewChecker returns a Checker for devices of p, which must not be changed any more.
func NewChecker(p store.Profile, objects *object.Registry) *Checker {
	c := &Checker{profile: p, objects: objects}
	c.varies = slices.ContainsFunc(p.Accounts, func(a store.Account) bool { return a.Security == "" && isTemplate(a.URI) })
	if !c.varies {
		c.words = checkWords(p, store.Device{})
	}
	return c
}

// Device is [CheckDevice] for one of the devices.
func (c *Checker) Device(d store.Device) []Finding {
	words := c.words
	if c.varies {
		words = checkWords(c.profile, d)
	}
	found := slices.Concat(words, checkRecord(c.profile, d, c.objects, &c.writes))
	for i := range found {
		found[i].Warning = found[i].Warning || found[i].lenient // a fault of the profile, about which its own check tells
	}
	return found
}

// checkRecord is CheckDevice but for what is wrong with p whatever the device. Keys that are
// missing have others that stand in for them.
func checkRecord(p store.Profile, d store.Device, objects *object.Registry, writes *plan.Checker) (found []Finding) {
	AdoptRenamed(p, &d)
	filled := d
	_, err1 := FillKeys(p, &filled, zeroes{})
	_, err2 := renewKeys(p, &filled, zeroes{})
	if err1 != nil || err2 != nil {
		found = append(found, Finding{Message: "keys cannot be generated"})
	}
	missing, places := missingKeys(p, d, &filled)
	found = append(found, missing...)
	info, more := checkGiven(p, filled, objects, writes)
	found = append(found, slices.DeleteFunc(more, func(f Finding) bool { return slices.Contains(places, f.Place) })...) // about keys that stand in
	found = append(found, unusedKeys(p, d)...)
	found = append(found, unusedSecrets(p, d, objects)...)
	return append(found, checkAuthentication(p, d, info, objects)...)
}

// checkGiven returns what d is given under p, and what is wrong with that: it cannot be
// resolved, contradicts itself, or is more than this kind of device holds.
func checkGiven(p store.Profile, d store.Device, objects *object.Registry, writes *plan.Checker) (lwm2m.BootstrapInfo, []Finding) {
	info, found := Resolve(p, d, objects)
	return info, append(found, checkLimits(p, d, info, writes)...)
}

// missingKeys are the keys that p takes from d and that d does not have. It gives filled other
// keys in their place; places are where findings would be about those.
func missingKeys(p store.Profile, d store.Device, filled *store.Device) (found []Finding, places []string) {
	fail := func(place, format string, args ...any) {
		found = append(found, Finding{Place: place, Message: fmt.Sprintf(format, args...)})
		places = append(places, place)
	}
	for i, a := range p.Accounts {
		place := fmt.Sprintf("accounts[%d]", i)
		if keySource(&a, &d) == store.KeySupplied && d.Accounts[a.Name].Key.IsZero() {
			fail(place+".key", "the key of account %q is to be supplied, and the device has none: --account-key-file %s=FILE", a.Name, a.Name)
			filled.Accounts = withKeys(filled.Accounts, a.Name, func(k *store.AccountKeys) { k.Key = sampleKey })
			if a.Security == grammar.SecurityRPK {
				places = append(places, place+".identity") // which is derived from the key
			}
		}
		if o := a.OSCORE; o != nil && o.MasterSecret == store.KeySupplied && d.Accounts[a.Name].MasterSecret.IsZero() {
			fail(place+".oscore.masterSecret", "the master secret of account %q is to be supplied, and the device has none: --account-master-secret-file %s=FILE", a.Name, a.Name)
			filled.Accounts = withKeys(filled.Accounts, a.Name, func(k *store.AccountKeys) { k.MasterSecret = sampleSecret(i) })
		}
	}
	if b := p.BootstrapServer; b != nil && b.Key == store.KeySupplied && d.Accounts[store.BootstrapServerAccount].Key.IsZero() {
		fail("bootstrapServer.key", "the key of the Bootstrap-Server Account is to be supplied, and the device has none: --account-key-file %s=FILE", store.BootstrapServerAccount)
	}
	return found, places
}

// checkAuthentication warns of a device that cannot authenticate, or is given nothing over plain
// CoAP.
func checkAuthentication(p store.Profile, d store.Device, info lwm2m.BootstrapInfo, objects *object.Registry) []Finding {
	info.BootstrapServer = nil // given to authenticated devices only
	switch {
	case len(d.Credentials) > 0:
		return nil
	case !d.NoSec:
		return []Finding{{Place: "device.credentials", Message: "the device has neither a key nor a certificate to authenticate with, and may not come over plain CoAP: it cannot bootstrap", Warning: true}}
	case !p.SecretsOverNoSec && givesSecrets(p, info, objects):
		return []Finding{{Place: "device.noSec", Message: "the device can only come over plain CoAP, and its profile does not permit its secrets to be sent there: it is given nothing without a credential, or secretsOverNoSec: true in the profile", Warning: true, fatal: true}}
	}
	return nil
}

// zeroes is an endless source of zero bytes, for keys that no device gets.
type zeroes struct{}

func (zeroes) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// unusedKeys warns of keys in the record that no account of the profile uses.
func unusedKeys(p store.Profile, d store.Device) (out []Finding) {
	for _, name := range slices.Sorted(maps.Keys(d.Accounts)) {
		own := name == store.BootstrapServerAccount && p.BootstrapServer != nil
		if !own && !slices.ContainsFunc(p.Accounts, func(a store.Account) bool { return a.Name == name }) {
			out = append(out, Finding{Place: "device.accounts[" + name + "]", Message: "profile has no account of this name: what the record has of it is not given", Warning: true})
		}
	}
	for _, a := range p.Accounts {
		keys, mode := d.Accounts[a.Name], securityName(&a, &d)
		warn := func(what string) {
			out = append(out, Finding{
				Place:   fmt.Sprintf("device.accounts[%s].%s", a.Name, what),
				Message: fmt.Sprintf("an account with security %s has none of the device: it is not given this one", mode), Warning: true,
			})
		}
		if len(keys.Certificate) > 0 && !isKeyPair(mode) {
			warn("certificate")
		}
		if keys.Identity != "" && mode != grammar.SecurityPSK {
			warn("identity")
		}
	}
	return out
}

// maxCheckers is for how many profiles a checker is kept.
const maxCheckers = 64

// Checkers are those of the profiles that were used last. The zero Checkers is ready for use; its method
// may be called concurrently.
type Checkers struct {
	mu  sync.Mutex
	all map[version]*Checker // guarded by mu
}

// A version is a profile as one edit left it. A profile that was deleted and made anew has the
// same revisions again.
type version struct {
	name     string
	revision store.Revision
	updated  time.Time
}

// Of returns the checker for devices of p. Objects are the same at each call.
func (c *Checkers) Of(p store.Profile, objects *object.Registry) *Checker {
	v := version{p.Name, p.Revision, p.Updated}
	c.mu.Lock()
	defer c.mu.Unlock()
	if kept := c.all[v]; kept != nil {
		return kept
	}
	if len(c.all) >= maxCheckers || c.all == nil {
		c.all = make(map[version]*Checker)
	}
	c.all[v] = NewChecker(p, objects)
	return c.all[v]
}
