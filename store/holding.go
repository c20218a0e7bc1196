package store

import "time"

// A Holding is what a device was given in its last bootstrap that succeeded, or in its last pack. The
// zero Holding is for none since this is recorded.
type Holding struct {
	Profile  string   `json:"profile"`
	Revision Revision `json:"revision"` // of the profile

	// Content tells what the profile gives to devices apart from what it gave in other revisions.
	Content string `json:"content"`

	// Settings are those of the [Device] at that time.
	Settings uint64 `json:"settings,omitempty"`

	Since time.Time `json:"since"` // when the device was given it first
}

// Same reports whether both are of the same profile, content and settings.
func (h Holding) Same(other Holding) bool {
	h.Since = other.Since
	return h == other
}
