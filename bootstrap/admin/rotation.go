package admin

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"lwbs/bootstrap/profile"
	"lwbs/store"
)

// RotateAll in DeviceSettings.Rotate stands for each key that lwbs can replace by another.
const RotateAll = "*"

// A Rotation is the replacement of one key of a device by another.
type Rotation struct {
	// Account is whose key it is; "bootstrapServer" is the one that the device bootstraps with.
	Account string        `json:"account"`
	Stage   RotationStage `json:"stage"`

	// Since is when the other key was asked for, or made; zero where that is unknown.
	Since time.Time `json:"since,omitzero"`

	// Identity is the PSK identity of the other key to bootstrap with, and Replaces that of the one which
	// is accepted until the device comes with the other.
	Identity string `json:"identity,omitempty"`
	Replaces string `json:"replaces,omitempty"`
}

// A RotationStage is how far a Rotation has come.
type RotationStage string

// The stages.
const (
	RotationAsked RotationStage = "asked" // another key is made when the device bootstraps
	RotationMade  RotationStage = "made"  // another key was made, and the device is not known to use it
)

// rotationsOf are those of a device.
func rotationsOf(d store.Device) (all []Rotation) {
	pending := false
	for _, c := range d.Credentials {
		if c.Pending {
			pending = true
			all = append(all, Rotation{
				Account: store.BootstrapServerAccount, Stage: RotationMade, Since: c.Created,
				Identity: store.IdentityText([]byte(c.Identity)), Replaces: store.IdentityText([]byte(c.Replaces)),
			})
		}
	}
	for _, c := range d.Credentials {
		if !c.Rotate.IsZero() && !pending {
			all = append(all, Rotation{Account: store.BootstrapServerAccount, Stage: RotationAsked, Since: c.Rotate, Replaces: store.IdentityText([]byte(c.Identity))})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.Accounts)) {
		switch a := d.Accounts[name]; {
		case !a.Pending.IsZero() || !a.PendingMaster.IsZero():
			all = append(all, Rotation{Account: name, Stage: RotationMade, Since: a.PendingMade})
		case !a.Rotate.IsZero():
			all = append(all, Rotation{Account: name, Stage: RotationAsked, Since: a.Rotate})
		}
	}
	return all
}

// rotates reports whether set does nothing but ask for other keys, or withdraw that.
func (set DeviceSettings) rotates() bool { return len(set.Rotate) > 0 || set.CancelRotation }

// rotate asks for the keys of set, or withdraws what was asked for. The warnings tell for which keys that is
// too late.
func (set DeviceSettings) rotate(p store.Profile, d *store.Device) (late []profile.Finding, err error) {
	if len(set.Rotate) > 0 && set.CancelRotation {
		return nil, fmt.Errorf("%w: a rotation is asked for or withdrawn, and not both", store.ErrInvalid)
	}
	possible, now := profile.Rotatable(p, *d), time.Now().UTC()
	for _, name := range set.Rotate {
		switch {
		case name == RotateAll && len(possible) == 0:
			return nil, fmt.Errorf("%w: it has no key that lwbs could replace by another: %w", store.ErrInvalid, profile.NotRotatable(p, *d, store.BootstrapServerAccount))
		case name == RotateAll:
			for _, each := range possible {
				profile.Rotate(d, each, now)
			}
		case !slices.Contains(possible, name):
			return nil, fmt.Errorf("%w: %w", store.ErrInvalid, profile.NotRotatable(p, *d, name))
		default:
			profile.Rotate(d, name, now)
		}
	}
	if set.CancelRotation {
		_, names := profile.CancelRotation(d)
		if len(names) > 0 {
			late = append(late, profile.Finding{Warning: true, Place: "device", Message: fmt.Sprintf("another key of %s was made already, and the device may have it: it is not withdrawn", strings.Join(names, ", "))})
		}
	}
	return late, nil
}

// alters reports whether a device is given something else by its record than before.
func alters(p store.Profile, was, is store.Device) bool {
	profile.AdoptRenamed(p, &was)
	return profile.Alters(p, was, is)
}
