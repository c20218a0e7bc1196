package store

import (
	"fmt"
	"slices"

	"lwbs/lwm2m"
)

// Written is what a record remembers of the Object Instances that its device holds, as far
// as the device was given them: what it tells by itself, when it comes again, may be less.
// The operator cannot change it.
type Written struct {
	// Instances are those that the device accepted, or did not answer the Write of, in the
	// order of their paths; at most MaxWritten.
	Instances []WrittenInstance

	// BootstrapInstance is where the device said it has its Bootstrap-Server Account; nil
	// where it never did.
	BootstrapInstance *lwm2m.InstanceID
}

// A WrittenInstance is one Object Instance that a device was given.
type WrittenInstance struct {
	Path lwm2m.Path `json:"path"`

	// Account is the name in the profile of the account that it belongs to, and Server the
	// Short Server ID; empty and zero of Instances of other Objects than 0, 1 and 21.
	Account string              `json:"account,omitempty"`
	Server  lwm2m.ShortServerID `json:"server,omitempty"`

	// Target is what an Access Control Instance is about: an Object Instance, or an Object
	// as a whole; the root for Instances of other Objects.
	Target lwm2m.Path `json:"target,omitzero"`

	// Unconfirmed is set where the device did not answer the Write, or was given the
	// Instance in a pack, so that it may not have it.
	Unconfirmed bool `json:"unconfirmed,omitempty"`
}

// MaxWritten bounds the Instances that a record remembers: more than a profile has.
const MaxWritten = 512

// Equal reports whether both remember the same.
func (w Written) Equal(other Written) bool {
	same := (w.BootstrapInstance == nil) == (other.BootstrapInstance == nil) &&
		(w.BootstrapInstance == nil || *w.BootstrapInstance == *other.BootstrapInstance)
	return same && slices.Equal(w.Instances, other.Instances)
}

// clone returns a copy that shares nothing with w.
func (w Written) clone() Written {
	return Written{Instances: slices.Clone(w.Instances), BootstrapInstance: clonePointer(w.BootstrapInstance)}
}

// validate reports why w cannot be kept.
func (w Written) validate() error {
	if n := len(w.Instances); n > MaxWritten {
		return fmt.Errorf("%w: it was given %d Instances, at most %d are remembered", ErrInvalid, n, MaxWritten)
	}
	return nil
}

// A writtenRow is Written as it is kept.
type writtenRow struct {
	Instances         []WrittenInstance `json:"instances,omitempty"`
	BootstrapInstance *lwm2m.InstanceID `json:"bootstrapInstance,omitempty"`
}
