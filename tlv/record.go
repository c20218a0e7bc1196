package tlv

import "strconv"

// A Kind is what a record stands for; its number is in bits 7 and 6 of the type byte.
type Kind uint8

// The kinds.
const (
	ObjectInstance   Kind = 0 // contains Resources and MultipleResources
	ResourceInstance Kind = 1 // one value of a MultipleResource
	MultipleResource Kind = 2 // contains ResourceInstances
	Resource         Kind = 3 // one value
)

var kindNames = [...]string{"object instance", "resource instance", "multiple resource", "resource"}

// String is the name of the kind in the specification, in lower case.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "kind " + strconv.Itoa(int(k))
}

// container reports whether records of this kind hold records instead of a value.
func (k Kind) container() bool { return k == ObjectInstance || k == MultipleResource }

// within reports whether a record of kind k may stand directly within one of kind
// parent.
func (k Kind) within(parent Kind) bool {
	if parent == ObjectInstance {
		return k == Resource || k == MultipleResource
	}
	return parent == MultipleResource && k == ResourceInstance
}

// A Record is one element of TLV. An ObjectInstance or a MultipleResource has
// Children, the others a Value; either may be empty.
type Record struct {
	Kind     Kind
	ID       uint16
	Value    []byte
	Children []Record
}
