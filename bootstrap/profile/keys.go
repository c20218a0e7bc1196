package profile

import (
	"fmt"
	"io"
	"maps"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/grammar"
)

// defaultKeyLength of a generated key, in bytes: what every client has room for.
const defaultKeyLength = 16

// FillKeys generates each key that p wants generated once for a device and that d
// does not have yet, and reports whether there was any. Its error is that of rand.
func FillKeys(p store.Profile, d *store.Device, rand io.Reader) (changed bool, err error) {
	secrets, err := fillMasterSecrets(p, d, rand)
	if err != nil {
		return false, err
	}
	keys, err := makeKeys(p, d, rand, func(a store.Account, have store.AccountKeys) bool {
		return keySource(&a, d) == store.KeyGenerate && have.Key.IsZero()
	}, func(have *store.AccountKeys, key lwm2m.Secret) { have.Key, have.KeyMade = key, time.Now().UTC() })
	return secrets || keys, err
}

// renewKeys makes a pending key for each account that wants a new one at every
// bootstrap. One that is pending already is used again: the device may have accepted it without
// the server knowing, and must not be given a third.
func renewKeys(p store.Profile, d *store.Device, rand io.Reader) (changed bool, err error) {
	return makeKeys(p, d, rand, func(a store.Account, have store.AccountKeys) bool {
		return keySource(&a, d) == store.KeyRenew && have.Pending.IsZero()
	}, func(have *store.AccountKeys, key lwm2m.Secret) {
		have.Pending, have.PendingMade = key, time.Now().UTC()
	})
}

// makeKeys makes a key for each account for which wanted reports true; put keeps it.
// The map of d is not changed but replaced: others may hold it.
func makeKeys(p store.Profile, d *store.Device, rand io.Reader, wanted func(store.Account, store.AccountKeys) bool, put func(*store.AccountKeys, lwm2m.Secret)) (changed bool, err error) {
	for _, a := range p.Accounts {
		if !wanted(a, d.Accounts[a.Name]) {
			continue
		}
		key, err := generateKey(a.KeyLength, rand)
		if err != nil {
			return false, fmt.Errorf("generate key of account %q: %w", a.Name, err)
		}
		d.Accounts = withKeys(d.Accounts, a.Name, func(k *store.AccountKeys) { put(k, key) })
		changed = true
	}
	return changed, nil
}

// withKeys returns a copy of accounts in which the keys of one are changed.
func withKeys(accounts map[string]store.AccountKeys, name string, change func(*store.AccountKeys)) map[string]store.AccountKeys {
	out := make(map[string]store.AccountKeys, len(accounts)+1)
	maps.Copy(out, accounts)
	a := out[name]
	change(&a)
	out[name] = a
	return out
}

// generateKey makes a key of so many bytes, of the default length for zero.
func generateKey(length int, rand io.Reader) (lwm2m.Secret, error) {
	if length == 0 {
		length = defaultKeyLength
	}
	key := make([]byte, min(max(length, 1), store.MaxKey))
	_, err := io.ReadFull(rand, key)
	return lwm2m.NewSecret(key), err
}

// keySource is where the key of an account comes from; empty for one without a key.
func keySource(a *store.Account, d *store.Device) string {
	switch mode := securityName(a, d); {
	case mode == grammar.SecurityNoSec:
		return ""
	case a.Key != "":
		return a.Key
	case mode == grammar.SecurityPSK:
		return store.KeyGenerate
	}
	return store.KeySupplied
}

// keyToSend is the key that a session writes: of an account whose key is renewed, or is being replaced,
// the pending one.
func keyToSend(a *store.Account, d *store.Device) lwm2m.Secret {
	switch keys := d.Accounts[a.Name]; keySource(a, d) {
	case "":
		return lwm2m.Secret{}
	case store.KeyRenew:
		return keys.Pending
	case store.KeyGenerate:
		if !keys.Pending.IsZero() {
			return keys.Pending
		}
	}
	return d.Accounts[a.Name].Key
}
