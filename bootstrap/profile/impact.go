package profile

import (
	"fmt"
	"slices"

	"lwbs/bootstrap/plan"
	"lwbs/lwm2m"
	"lwbs/lwm2m/object"
	"lwbs/store"
)

// An Impact is what a profile means for the devices that have it, where it replaces what
// they are given now.
type Impact struct {
	Devices  int `json:"devices"`  // that have the profile
	Examined int `json:"examined"` // of these, spread evenly over all in the order of names

	// Failing are those examined that are given something now and would be given nothing,
	// by the reason; FailedBefore is how many are given nothing now, and would be given
	// nothing either.
	Failing      []Effect `json:"failing,omitempty"`
	FailedBefore int      `json:"failedBefore,omitempty"`

	// KeysLost are those that have a key, which their LwM2M Server may know, and would be
	// given another one or none in its place. The key stays in the record.
	KeysLost []Effect `json:"keysLost,omitempty"`

	// KeysMade are those for which a key would be made that no LwM2M Server knows yet.
	KeysMade []Effect `json:"keysMade,omitempty"`
}

// An Effect is what becomes of some devices, and why.
type Effect struct {
	Place   string `json:"place,omitempty"` // in the profile; as that of a [Finding]
	Message string `json:"message"`

	Devices int                  `json:"devices"` // how many of those examined
	Names   []lwm2m.EndpointName `json:"names"`   // the first of them, at most five
}

// Bounds of an Impact.
const (
	maxEffects     = 20 // of a kind; further reasons are counted as one
	maxEffectNames = 5
)

// Harmless reports whether no device loses anything.
func (i Impact) Harmless() bool { return len(i.Failing) == 0 && len(i.KeysLost) == 0 }

// A Trial finds out what it means for devices that a profile is replaced.
type Trial struct {
	before  *store.Profile // nil where it cannot be read
	after   store.Profile
	objects *object.Registry
	impact  Impact

	writesBefore, writesAfter plan.Checker
}

// NewTrial begins a trial of after in place of before, nil where that cannot be read.
// Objects are as for [Resolve].
func NewTrial(before *store.Profile, after store.Profile, objects *object.Registry) *Trial {
	return &Trial{before: before, after: after, objects: objects}
}

// Impact is what the trial has found out, about total devices with the profile.
func (t *Trial) Impact(total int) Impact {
	out := t.impact
	out.Devices = total
	return out
}

// Try looks at one device.
func (t *Trial) Try(d store.Device) {
	t.impact.Examined++
	next := d
	AdoptRenamed(t.after, &next)
	if f, bad := firstMistake(checkRecord(t.after, next, t.objects, &t.writesAfter)); bad {
		if t.worked(d) {
			addEffect(&t.impact.Failing, f.Place, f.Message, d.Endpoint)
		} else {
			t.impact.FailedBefore++
		}
	}
	if t.before != nil {
		AdoptRenamed(*t.before, &d)
		t.lost(d, next)
	}
	t.made(d, next)
}

// worked reports whether d was given something before.
func (t *Trial) worked(d store.Device) bool {
	if t.before == nil {
		return true
	}
	AdoptRenamed(*t.before, &d)
	_, bad := firstMistake(checkRecord(*t.before, d, t.objects, &t.writesBefore))
	return !bad
}

func firstMistake(found []Finding) (f Finding, bad bool) {
	i := slices.IndexFunc(found, func(f Finding) bool { return f.fatal || !f.Warning && !f.lenient })
	if i < 0 {
		return f, false
	}
	return found[i], true
}

// lost notes the keys that d is given under the profile as it is and would not be given under the
// new one. Next is the record of d under the new one.
func (t *Trial) lost(d, next store.Device) {
	for _, a := range t.before.Accounts {
		have := d.Accounts[a.Name]
		key := have.Key
		if keySource(&a, &d) == "" {
			key = lwm2m.Secret{} // not given now either
		}
		master := have.MasterSecret
		if a.OSCORE == nil {
			master = lwm2m.Secret{}
		}
		if key.IsZero() && master.IsZero() {
			continue
		}
		i := slices.IndexFunc(t.after.Accounts, func(b store.Account) bool {
			return b.Name == a.Name || slices.Contains(b.RenamedFrom, a.Name)
		})
		if i < 0 {
			addEffect(&t.impact.KeysLost, "accounts", fmt.Sprintf("there is no account %q any more: what is given in its place has another key", a.Name), d.Endpoint)
			continue
		}
		place, b := fmt.Sprintf("accounts[%d]", i), t.after.Accounts[i]
		kept := next.Accounts[b.Name]
		switch source := keySource(&b, &next); {
		case !key.IsZero() && source == store.KeyGenerate && kept.Key.IsZero(), !master.IsZero() && b.OSCORE != nil && kept.MasterSecret.IsZero():
			addEffect(&t.impact.KeysLost, place, fmt.Sprintf("the record has the key of account %q under a name that the account had before", b.Name), d.Endpoint)
			continue
		case key.IsZero():
		case source == "":
			addEffect(&t.impact.KeysLost, place+".security", fmt.Sprintf("account %q has no key any more", b.Name), d.Endpoint)
		case source == store.KeyRenew && keySource(&a, &d) != store.KeyRenew:
			addEffect(&t.impact.KeysLost, place+".key", fmt.Sprintf("the key of account %q is made anew at each bootstrap", b.Name), d.Endpoint)
		}
		if !master.IsZero() && b.OSCORE == nil {
			addEffect(&t.impact.KeysLost, place, fmt.Sprintf("account %q has no OSCORE any more, and no master secret", b.Name), d.Endpoint)
		}
	}
}

// made notes the keys that would be made for d under the new profile and not under the one as it
// is. Next is the record of d under the new one.
func (t *Trial) made(d, next store.Device) {
	for i, b := range t.after.Accounts {
		place := fmt.Sprintf("accounts[%d]", i)
		have := next.Accounts[b.Name]
		var before store.Account
		if t.before != nil {
			if j := slices.IndexFunc(t.before.Accounts, func(a store.Account) bool { return a.Name == b.Name }); j >= 0 {
				before = t.before.Accounts[j]
			}
		}
		wasMade := before.Name != "" && keySource(&before, &d) == store.KeyGenerate
		if keySource(&b, &next) == store.KeyGenerate && have.Key.IsZero() && !wasMade {
			addEffect(&t.impact.KeysMade, place, fmt.Sprintf("a key is made for account %q: its LwM2M Server has to be told", b.Name), d.Endpoint)
		}
		if o := b.OSCORE; o != nil && o.MasterSecret != store.KeySupplied && have.MasterSecret.IsZero() && before.OSCORE == nil {
			addEffect(&t.impact.KeysMade, place+".oscore", fmt.Sprintf("a master secret is made for account %q: its LwM2M Server has to be told", b.Name), d.Endpoint)
		}
	}
}

// addEffect counts a device among those of the same reason.
func addEffect(effects *[]Effect, place, message string, ep lwm2m.EndpointName) {
	i := slices.IndexFunc(*effects, func(e Effect) bool { return e.Place == place && e.Message == message })
	if i < 0 && len(*effects) >= maxEffects {
		place, message = "", "for other reasons"
		i = slices.IndexFunc(*effects, func(e Effect) bool { return e.Place == place && e.Message == message })
	}
	if i < 0 {
		*effects = append(*effects, Effect{Place: place, Message: message, Names: []lwm2m.EndpointName{}})
		i = len(*effects) - 1
	}
	e := &(*effects)[i]
	if e.Devices++; len(e.Names) < maxEffectNames {
		e.Names = append(e.Names, ep)
	}
}
