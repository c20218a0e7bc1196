package profile

import (
	"slices"

	"lwbs/lwm2m"
	"lwbs/store"
)

// PSKIdentities returns the PSK identities that d is given under p, by the names of the
// accounts that have one, as [store.IdentityText] has them: those of the record, else of the
// profile, else the endpoint name. One that cannot be made is absent.
func PSKIdentities(p store.Profile, d store.Device) map[string]string {
	out := make(map[string]string, len(p.Accounts))
	for _, a := range p.Accounts {
		if securityModes[securityName(&a, &d)] != lwm2m.SecurityPSK {
			continue
		}
		r := &resolver{device: d}
		identity := r.account(0, a).Security.PublicKeyOrIdentity
		if !slices.ContainsFunc(r.findings, func(f Finding) bool {
			return f.Place == "accounts[0].identity" || f.Place == "accounts[0].securityResources[3]"
		}) {
			out[a.Name] = store.IdentityText(identity)
		}
	}
	return out
}
