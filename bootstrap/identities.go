package bootstrap

import (
	"lwbs/lwm2m"
	"lwbs/store"
)

// PSKIdentities returns the PSK identities that d is given under p, by the names of the
// accounts that have one: those of the record, else of the profile, else the endpoint
// name. One that cannot be made is absent.
func PSKIdentities(p store.Profile, d store.Device) map[string]string {
	out := make(map[string]string, len(p.Accounts))
	for _, a := range p.Accounts {
		if securityModes[securityName(a, d)] != lwm2m.SecurityPSK {
			continue
		}
		r := &resolver{device: d}
		if identity := r.identity(a, ""); len(r.findings) == 0 {
			out[a.Name] = identity
		}
	}
	return out
}
