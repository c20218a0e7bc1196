package profile

import (
	"fmt"
	"io"
	"slices"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
)

// Rotatable returns the keys of d under p in whose place another can be made, by the name of their account;
// [store.BootstrapServerAccount] is the one that the device bootstraps with.
func Rotatable(p store.Profile, d store.Device) (names []string) {
	keys := d.Outline().Keys
	for _, a := range p.Accounts {
		if _, has := keys[a.Name]; has && replaceable(a) {
			names = append(names, a.Name)
		}
	}
	if _, has := keys[store.BootstrapServerAccount]; has && replacesOwn(p) {
		names = append(names, store.BootstrapServerAccount)
	}
	return names
}

// NotRotatable says why no other key can be made in place of one of d under p, and what to do.
func NotRotatable(p store.Profile, d store.Device, name string) error {
	if name == store.BootstrapServerAccount {
		switch {
		case p.BootstrapServer == nil:
			return fmt.Errorf("profile %q has no bootstrapServer, by which the device would be given another key to bootstrap with: add it there", p.Name)
		case !replacesOwn(p):
			return fmt.Errorf("its key to bootstrap with is supplied: give the next one with lwbs device set %s --account-key-file %s=FILE", d.Endpoint, name)
		}
		return fmt.Errorf("it has no pre-shared key to bootstrap with")
	}
	i := slices.IndexFunc(p.Accounts, func(a store.Account) bool { return a.Name == name })
	switch {
	case i < 0:
		return fmt.Errorf("profile %q has no account %q", p.Name, name)
	case !replaceable(p.Accounts[i]):
		return fmt.Errorf("lwbs does not make the key of account %q: give the next one with lwbs device set %s --account-key-file %s=FILE", name, d.Endpoint, name)
	}
	return fmt.Errorf("it has no key of account %q yet: one is made when it bootstraps", name)
}

// Rotate asks for another key in place of one of d, and reports whether that is new: where another was asked
// for or made already, which is not known to be in use, d stays as it is.
func Rotate(d *store.Device, name string, now time.Time) (changed bool) {
	if name != store.BootstrapServerAccount {
		if have := d.Accounts[name]; have.Rotate.IsZero() && have.Pending.IsZero() && have.PendingMaster.IsZero() {
			d.Accounts = withKeys(d.Accounts, name, func(k *store.AccountKeys) { k.Rotate = now })
			return true
		}
		return false
	}
	if slices.ContainsFunc(d.Credentials, func(c store.Credential) bool { return c.Pending }) {
		return false
	}
	d.Credentials = slices.Clone(d.Credentials)
	for i := range d.Credentials {
		if c := &d.Credentials[i]; c.Kind == store.CredentialPSK && c.Rotate.IsZero() {
			c.Rotate, changed = now, true
		}
	}
	return changed
}

// CancelRotation withdraws what was asked for with Rotate, and returns the keys of which that is too late,
// since another was made: the device may have it already.
func CancelRotation(d *store.Device) (changed bool, late []string) {
	for name, k := range d.Accounts {
		switch {
		case !k.Pending.IsZero() || !k.PendingMaster.IsZero():
			late = append(late, name)
		case !k.Rotate.IsZero():
			d.Accounts = withKeys(d.Accounts, name, func(k *store.AccountKeys) { k.Rotate = time.Time{} })
			changed = true
		}
	}
	slices.Sort(late)
	if slices.ContainsFunc(d.Credentials, func(c store.Credential) bool { return c.Pending }) {
		return changed, append(late, store.BootstrapServerAccount)
	}
	d.Credentials = slices.Clone(d.Credentials)
	for i := range d.Credentials {
		if c := &d.Credentials[i]; !c.Rotate.IsZero() {
			c.Rotate, changed = time.Time{}, true
		}
	}
	return changed, late
}

// rotateKeys makes a pending key in place of each that is generated once and that is to be replaced, since
// that was asked for, or since it is older than p permits. One that is pending already is used again.
func rotateKeys(p store.Profile, d *store.Device, rand io.Reader, now time.Time) (changed bool, err error) {
	for _, a := range p.Accounts {
		have := d.Accounts[a.Name]
		if have.Rotate.IsZero() && !tooOld(p, have.KeyMade, d.Created, now) {
			continue
		}
		if keySource(&a, d) == store.KeyGenerate && !have.Key.IsZero() && have.Pending.IsZero() {
			if have.Pending, err = generateKey(a.KeyLength, rand); err != nil {
				return false, fmt.Errorf("generate key of account %q: %w", a.Name, err)
			}
			have.PendingMade, changed = now, true
		}
		if generatesMaster(&a) && !have.MasterSecret.IsZero() && have.PendingMaster.IsZero() {
			if have.PendingMaster, err = generateKey(a.OSCORE.MasterSecretLength, rand); err != nil {
				return false, fmt.Errorf("generate master secret of account %q: %w", a.Name, err)
			}
			have.PendingMade, changed = now, true
		}
		d.Accounts = withKeys(d.Accounts, a.Name, func(k *store.AccountKeys) { *k = have })
	}
	return changed, nil
}

// generatesMaster reports whether the master secret of an account is generated.
func generatesMaster(a *store.Account) bool {
	return a.OSCORE != nil && a.OSCORE.MasterSecret != store.KeySupplied
}

// masterToSend is the master secret that a session writes: the pending one, where there is one.
func masterToSend(a store.Account, d store.Device) lwm2m.Secret {
	if keys := d.Accounts[a.Name]; generatesMaster(&a) && !keys.PendingMaster.IsZero() {
		return keys.PendingMaster
	}
	return d.Accounts[a.Name].MasterSecret
}

// WithoutRotation is d without a reason to make other keys that was not there when a session began: what is
// asked for while it runs is for the next one.
func WithoutRotation(d store.Device, now time.Time) store.Device {
	now = now.Add(minRotateAfter) // of no age for as long as it is looked at
	for name := range d.Accounts {
		d.Accounts = withKeys(d.Accounts, name, func(k *store.AccountKeys) { k.Rotate, k.KeyMade = time.Time{}, now })
	}
	d.Credentials = slices.Clone(d.Credentials)
	for i := range d.Credentials {
		if c := &d.Credentials[i]; !slices.ContainsFunc(d.Credentials, func(other store.Credential) bool { return other.Pending }) {
			c.Rotate, c.Created = time.Time{}, now
		}
	}
	return d
}
