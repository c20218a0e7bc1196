package enrol

import (
	"fmt"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
)

// Refuses returns why g does not enrol the device ep now, with a sentence that completes "it matches
// group g, which"; empty where it does. Size is how many devices the group has.
func Refuses(g store.Group, ep lwm2m.EndpointName, size int, now time.Time) (why store.Variant, text string) {
	switch {
	case g.Denies(ep):
		return store.VariantGroupDenied, "denies this name"
	case g.Disabled:
		return store.VariantGroupDisabled, "is disabled"
	case !g.Until.IsZero() && !now.Before(g.Until):
		return store.VariantGroupEnded, fmt.Sprintf("has enrolled devices until %s", g.Until.UTC().Format(time.DateTime+" UTC"))
	case g.MaxDevices > 0 && size >= g.MaxDevices:
		return store.VariantGroupFull, fmt.Sprintf("is full: it has %d of at most %d devices", size, g.MaxDevices)
	}
	return "", ""
}
