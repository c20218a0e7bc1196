package profile

import (
	"time"

	"lwbs/store"
	"lwbs/store/grammar"
)

// A DueReason is why a device that was bootstrapped is to bootstrap again.
type DueReason string

// The reasons, in the order in which they are told.
const (
	DueProfile  DueReason = "profile"  // its profile gives something else since
	DueRecord   DueReason = "record"   // its record gives something else since
	DueRotation DueReason = "rotation" // an operator asked for other keys
	DueAge      DueReason = "age"      // a key is older than its profile permits
)

// DueReasons are all reasons.
var DueReasons = []DueReason{DueProfile, DueRecord, DueRotation, DueAge}

// Due returns why a device under p is to bootstrap again, as far as its record tells. Content is that of p,
// see [ContentOf]. Of a device of which the record does not say what it holds, only its keys tell.
func Due(p store.Profile, content string, o store.DeviceOutline, now time.Time) (reasons []DueReason) {
	if holds := o.Holds; holds != (store.Holding{}) {
		if holds.Content != content {
			reasons = append(reasons, DueProfile)
		}
		if holds.Settings != o.Settings {
			reasons = append(reasons, DueRecord)
		}
	}
	asked, old := false, false
	each := func(key store.KeyOutline) {
		asked = asked || !key.Rotate.IsZero()
		old = old || tooOld(p, key.Made, o.Created, now)
	}
	for _, a := range p.Accounts {
		if key, has := o.Keys[a.Name]; has && replaceable(a) {
			each(key)
		}
	}
	if key, has := o.Keys[store.BootstrapServerAccount]; has && !key.Pending && replacesOwn(p) {
		if key.Group {
			key.Made = now // of no age
		}
		each(key)
	}
	if asked {
		reasons = append(reasons, DueRotation)
	}
	if old {
		reasons = append(reasons, DueAge)
	}
	return reasons
}

// replaceable reports whether lwbs makes the key, or the master secret, of an account, and so can make
// another.
func replaceable(a store.Account) bool {
	if a.OSCORE != nil && a.OSCORE.MasterSecret != store.KeySupplied {
		return true
	}
	switch a.Key {
	case store.KeyRenew, store.KeyGenerate:
		return a.Security != grammar.SecurityNoSec
	case "":
		return a.Security == grammar.SecurityPSK || a.Security == "" && !plainURI(a.URI)
	}
	return false
}

// replacesOwn reports whether p gives devices keys to bootstrap with that lwbs makes.
func replacesOwn(p store.Profile) bool {
	return p.BootstrapServer != nil && p.BootstrapServer.Key != store.KeySupplied
}

// tooOld reports whether a key that was made then is older than p permits. One of which it is not known when
// it was made is at most as old as its record, created then.
func tooOld(p store.Profile, made, created, now time.Time) bool {
	if made.IsZero() {
		made = created
	}
	return p.RotateAfter > 0 && !made.IsZero() && now.Sub(made) > time.Duration(p.RotateAfter)
}
