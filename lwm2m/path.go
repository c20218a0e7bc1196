package lwm2m

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A Path addresses a place in the data model of a Client: the root "/", an Object
// "/0", an Object Instance "/0/1", a Resource "/0/1/3" or a Resource Instance
// "/0/1/16/0". The zero Path is the root. Paths are comparable.
type Path struct {
	depth uint8
	ids   [4]uint16
}

// Root is the path "/".
var Root = Path{}

// ErrPath is wrapped by every error of [ParsePath].
var ErrPath = errors.New("not an LwM2M path")

// NewPath returns the path with the given identifiers, at most four; it panics on
// more, which is a mistake of the caller and never of input.
func NewPath(ids ...uint16) Path {
	var p Path
	p.depth = uint8(len(ids))
	if copy(p.ids[:], ids) != len(ids) {
		panic("lwm2m: a path has at most four identifiers")
	}
	return p
}

// ObjectPath returns "/o".
func ObjectPath(o ObjectID) Path { return NewPath(uint16(o)) }

// InstancePath returns "/o/i".
func InstancePath(o ObjectID, i InstanceID) Path { return NewPath(uint16(o), uint16(i)) }

// ResourcePath returns "/o/i/r".
func ResourcePath(o ObjectID, i InstanceID, r ResourceID) Path {
	return NewPath(uint16(o), uint16(i), uint16(r))
}

// ParsePath reads the form that [Path.String] writes: decimal identifiers of 0 to
// 65534 without leading zeros, each after a slash, no slash at the end.
func ParsePath(s string) (Path, error) {
	if s == "/" {
		return Root, nil
	}
	rest, ok := strings.CutPrefix(s, "/")
	if !ok {
		return Path{}, fmt.Errorf("%q: %w: it must begin with a slash", s, ErrPath)
	}
	var p Path
	for part := range strings.SplitSeq(rest, "/") {
		if p.depth == 4 {
			return Path{}, fmt.Errorf("%q: %w: it has more than four parts", s, ErrPath)
		}
		id, err := strconv.ParseUint(part, 10, 16)
		if err != nil || id == MaxID || strconv.FormatUint(id, 10) != part {
			return Path{}, fmt.Errorf("%q: %w: %q is not an identifier of 0 to 65534", s, ErrPath, part)
		}
		p.ids[p.depth] = uint16(id)
		p.depth++
	}
	return p, nil
}

// Depth is the number of identifiers: 0 for the root, 1 for an Object, 2 for an
// Instance, 3 for a Resource, 4 for a Resource Instance.
func (p Path) Depth() int { return int(p.depth) }

// IDs returns the identifiers in order.
func (p Path) IDs() []uint16 { return append([]uint16(nil), p.ids[:p.depth]...) }

// Object returns the first identifier; zero where there is none.
func (p Path) Object() ObjectID { return ObjectID(p.ids[0]) }

// Instance returns the second identifier; zero where there is none.
func (p Path) Instance() InstanceID { return InstanceID(p.ids[1]) }

// Resource returns the third identifier; zero where there is none.
func (p Path) Resource() ResourceID { return ResourceID(p.ids[2]) }

// ResourceInstance returns the fourth identifier; zero where there is none.
func (p Path) ResourceInstance() ResourceInstanceID { return ResourceInstanceID(p.ids[3]) }

// Append returns p with one more identifier. It panics at depth four.
func (p Path) Append(id uint16) Path {
	p.ids[p.depth] = id
	p.depth++
	return p
}

// Contains reports whether q is p or lies below it.
func (p Path) Contains(q Path) bool {
	return q.depth >= p.depth && p.ids == masked(q.ids, p.depth)
}

func masked(ids [4]uint16, depth uint8) [4]uint16 {
	for i := depth; i < 4; i++ {
		ids[i] = 0
	}
	return ids
}

// String returns the path as the specification writes it, "/" for the root.
func (p Path) String() string { return string(p.appendText(nil)) }

func (p Path) appendText(b []byte) []byte {
	if p.depth == 0 {
		return append(b, '/')
	}
	for _, id := range p.ids[:p.depth] {
		b = strconv.AppendUint(append(b, '/'), uint64(id), 10)
	}
	return b
}

// MarshalText writes the form of [Path.String].
func (p Path) MarshalText() ([]byte, error) { return p.appendText(nil), nil }

// UnmarshalText reads the form of [Path.String].
func (p *Path) UnmarshalText(b []byte) error {
	q, err := ParsePath(string(b))
	if err == nil {
		*p = q
	}
	return err
}

// Compare orders paths by their identifiers, a path before those below it.
func (p Path) Compare(q Path) int {
	for i := range min(p.depth, q.depth) {
		if p.ids[i] != q.ids[i] {
			return int(p.ids[i]) - int(q.ids[i])
		}
	}
	return int(p.depth) - int(q.depth)
}
