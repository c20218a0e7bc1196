package profile

import (
	"maps"
	"slices"

	"lwbs/store"
)

// AdoptRenamed moves what d has of an account under a name that the account had before to
// the one that it has now, and reports whether there was any. Where d has a key under the
// new name already, both stay as they are. The map of d is not changed but replaced: others
// may hold it.
func AdoptRenamed(p store.Profile, d *store.Device) (changed bool) {
	for _, a := range p.Accounts {
		own := d.Accounts[a.Name]
		i := slices.IndexFunc(a.RenamedFrom, func(old string) bool { _, has := d.Accounts[old]; return has })
		if i < 0 || !own.Key.IsZero() || !own.Pending.IsZero() || !own.MasterSecret.IsZero() {
			continue
		}
		accounts := maps.Clone(d.Accounts)
		old := accounts[a.RenamedFrom[i]]
		delete(accounts, a.RenamedFrom[i])
		if own.Identity != "" {
			old.Identity = own.Identity
		}
		if len(own.Certificate) > 0 {
			old.Certificate = own.Certificate
		}
		accounts[a.Name] = old
		d.Accounts, changed = accounts, true
	}
	return changed
}
