package store

import (
	"fmt"
	"slices"
	"time"

	"lwbs/lwm2m"
)

// Written lists the Object Instances that a device was given and is assumed to hold: in Discover it
// may report fewer. The operator cannot change it.
type Written struct {
	// Instances are those whose Write the device accepted or did not answer, in the order of their
	// paths; at most MaxWritten.
	Instances []WrittenInstance

	// BootstrapInstance is the Instance that the device reported as its Bootstrap-Server Account; nil
	// where it never did.
	BootstrapInstance *lwm2m.InstanceID
}

// A WrittenInstance is one Object Instance that a device was given.
type WrittenInstance struct {
	Path lwm2m.Path `json:"path"`

	// Account is the name of its account in the profile, and Server the Short Server ID; empty and
	// zero for Instances of Objects other than 0, 1 and 21.
	Account string              `json:"account,omitempty"`
	Server  lwm2m.ShortServerID `json:"server,omitempty"`

	// Target is the Object Instance or Object that an Access Control Instance is for; the root for
	// Instances of other Objects.
	Target lwm2m.Path `json:"target,omitzero"`

	// Unconfirmed is set where the device did not answer the Write, or was given the Instance in a
	// pack: it may not have it.
	Unconfirmed bool `json:"unconfirmed,omitempty"`
}

// MaxWritten is the largest number of Instances that a record lists; no profile has as many.
const MaxWritten = 512

// Equal reports whether both list the same.
func (w Written) Equal(other Written) bool {
	same := (w.BootstrapInstance == nil) == (other.BootstrapInstance == nil) &&
		(w.BootstrapInstance == nil || *w.BootstrapInstance == *other.BootstrapInstance)
	return same && slices.Equal(w.Instances, other.Instances)
}

// clone returns a copy that shares nothing with w.
func (w Written) clone() Written {
	return Written{Instances: slices.Clone(w.Instances), BootstrapInstance: clonePointer(w.BootstrapInstance)}
}

// validate reports why w cannot be stored.
func (w Written) validate() error {
	if n := len(w.Instances); n > MaxWritten {
		return fmt.Errorf("%w: it was given %d Instances, at most %d are stored", ErrInvalid, n, MaxWritten)
	}
	return nil
}

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
