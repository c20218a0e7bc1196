package bootstrap

import (
	"fmt"

	"lwbs/lwm2m"
	"lwbs/lwm2m/content"
	"lwbs/store"
	"lwbs/store/grammar"
)

// checkLimits checks info, what d is given, against what its kind of device can hold.
func checkLimits(p store.Profile, d store.Device, info lwm2m.BootstrapInfo) (found []Finding) {
	for i, a := range info.Accounts {
		found = append(found, checkSizes(p.Device, fmt.Sprintf("accounts[%d]", i), a.Security)...)
	}
	if info.BootstrapServer != nil {
		found = append(found, checkSizes(p.Device, "bootstrapServer", *info.BootstrapServer)...)
	}
	found = append(found, checkEncoding(p, d, info)...)
	return append(found, checkPayloads(p, d, info)...)
}

// checkEncoding checks that all can be written, in the format that the profile or the
// device record prescribes, else in one of those that may be tried.
func checkEncoding(p store.Profile, d store.Device, info lwm2m.BootstrapInfo) (found []Finding) {
	objects, err := info.Objects(policyOf(p).emptyResources)
	if err != nil {
		return nil // what does not make Objects was complained of
	}
	first := writeFormat(d, p, nil)
	formats := append([]lwm2m.Format{first}, fallbacks(p, first)...)
	l := &layout{certain: true}
	for _, w := range l.writesOf(objects, info.BootstrapServer, policyOf(p)) {
		var errs []error
		for _, f := range formats {
			if err := encodes([]operation{w}, f); err != nil {
				errs = append(errs, err)
			}
		}
		if len(errs) > 0 {
			found = append(found, Finding{Place: placeOf(w.path, p), Message: errs[0].Error(), Warning: len(errs) < len(formats)})
		}
	}
	return found
}

// checkPayloads checks that what cannot be divided is not too large to be written at
// all, in the format that is most likely.
func checkPayloads(p store.Profile, d store.Device, info lwm2m.BootstrapInfo) (found []Finding) {
	objects, err := info.Objects(policyOf(p).emptyResources)
	if p.Device.MaxPayload == 0 || err != nil {
		return nil // what does not make Objects was complained of
	}
	format := writeFormat(d, p, nil)
	l := &layout{certain: true}
	for _, w := range l.writesOf(objects, info.BootstrapServer, policy{writes: grammar.WritesResource}) {
		payload, err := content.Encode(format, w.path, w.objects)
		if err == nil && len(payload) > p.Device.MaxPayload {
			found = append(found, Finding{
				Place:   placeOf(w.path, p),
				Message: fmt.Sprintf("it takes %d bytes in %v, and this kind of device holds %d", len(payload), format, p.Device.MaxPayload),
			})
		}
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
