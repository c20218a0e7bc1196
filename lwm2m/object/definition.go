package object

import (
	"strings"

	"lwbs/lwm2m"
)

// Operations is what an LwM2M Server may do with a Resource. A Bootstrap-Server is
// not bound by it (Core 1.1.1 §6.1.7.5), but for executable Resources, which have no
// value.
type Operations uint8

// The operations.
const (
	Readable Operations = 1 << iota
	Writable
	Executable
)

// A Definition describes an Object: the facts of the OMA registry that bootstrapping needs.
type Definition struct {
	ID        lwm2m.ObjectID
	Name      string
	Version   lwm2m.Version // of the Object, which is not that of the enabler
	Multiple  bool          // may have several Instances
	Mandatory bool          // every Client has it
	Resources []ResourceDefinition
}

// A ResourceDefinition describes one Resource of an Object.
type ResourceDefinition struct {
	ID         lwm2m.ResourceID
	Name       string
	Type       lwm2m.Type
	Multiple   bool // has Resource Instances
	Mandatory  bool
	Operations Operations

	// Min and Max bound the value of a number, or the length in bytes of a String or
	// an Opaque. Both zero: no bounds.
	Min, Max int64

	// Unit of a number, such as "s"; mostly empty.
	Unit string

	// Since is the first version of the Object that has it.
	Since lwm2m.Version

	// Secret values are never shown.
	Secret bool

	// Kept is whether the Client itself maintains the value, so that writing it has no effect.
	Kept bool

	// Allowed bounds a number or a length where Min and Max cannot: with gaps, or with fractions.
	// Empty means Min and Max.
	Allowed []Interval
}

// Settable reports whether a Bootstrap-Server has reason to write the Resource.
func (d ResourceDefinition) Settable() bool { return d.Type != lwm2m.TypeNone && !d.Kept }

// Lookup returns the built-in definition of an Object; ok is false for one that is not in the table.
// A [Registry] may have more.
func Lookup(id lwm2m.ObjectID) (def Definition, ok bool) {
	return (*Registry)(nil).Object(id)
}

// Resource returns the definition of a Resource.
func (d Definition) Resource(id lwm2m.ResourceID) (ResourceDefinition, bool) {
	for _, r := range d.Resources {
		if r.ID == id {
			return r, true
		}
	}
	return ResourceDefinition{}, false
}

// ResourceNamed returns the Resource of that name, letter case and all but letters
// and digits ignored: "defaultMinimumPeriod" is "Default Minimum Period".
func (d Definition) ResourceNamed(name string) (ResourceDefinition, bool) {
	want := fold(name)
	for _, r := range d.Resources {
		if fold(r.Name) == want {
			return r, true
		}
	}
	return ResourceDefinition{}, false
}

func fold(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		}
		return -1
	}, name)
}
