package profile

import (
	"fmt"

	"lwbs/bootstrap/plan"
	"lwbs/lwm2m"
	"lwbs/store"
)

// checkLimits checks info, what d is given, against what its kind of device can hold.
func checkLimits(p store.Profile, d store.Device, info lwm2m.BootstrapInfo, writes *plan.Checker) (found []Finding) {
	for i, a := range info.Accounts {
		found = append(found, checkSizes(p.Device, fmt.Sprintf("accounts[%d]", i), a.Security)...)
	}
	if info.BootstrapServer != nil {
		found = append(found, checkSizes(p.Device, "bootstrapServer", *info.BootstrapServer)...)
	}
	for _, problem := range writes.Check(p, d, info) {
		found = append(found, Finding{Place: placeOf(problem.Path, p), Message: problem.Message, Warning: problem.Warning})
	}
	return found
}

// checkSizes checks one Security Instance, which stands at a place of the profile.
func checkSizes(limits store.DeviceLimits, place string, s lwm2m.SecurityInstance) (found []Finding) {
	for _, l := range []struct {
		key, what   string
		have, limit int
	}{
		{"identity", "identity", len(s.PublicKeyOrIdentity), limits.MaxIdentity},
		{"key", "key", s.SecretKey.Len(), limits.MaxKey},
		{"uri", "server URI", len(s.ServerURI), limits.MaxURI},
	} {
		if l.limit > 0 && l.have > l.limit {
			found = append(found, Finding{
				Place:   place + "." + l.key,
				Message: fmt.Sprintf("%s has %d bytes, and this kind of device holds %d", l.what, l.have, l.limit),
			})
		}
	}
	return found
}
