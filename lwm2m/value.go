package lwm2m

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// A Type is the data type of a Resource (Core 1.1.1 Appendix C).
type Type uint8

// The data types. TypeNone is that of an executable Resource, which has no value.
const (
	TypeNone Type = iota
	TypeString
	TypeInteger
	TypeUnsigned
	TypeFloat
	TypeBoolean
	TypeOpaque
	TypeTime
	TypeObjectLink
	TypeCoreLink
)

var typeNames = [...]string{"none", "string", "integer", "unsigned integer", "float", "boolean", "opaque", "time", "objlnk", "corelnk"}

// String is the name of the type in the specification, in lower case.
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return "type " + strconv.Itoa(int(t))
}

// An ObjectLink refers to an Object Instance (data type Objlnk).
type ObjectLink struct {
	Object   ObjectID
	Instance InstanceID
}

// NullLink is the ObjectLink that refers to nothing, 65535:65535.
var NullLink = ObjectLink{MaxID, MaxID}

// String is the form "21:0" of the specification.
func (l ObjectLink) String() string { return fmt.Sprintf("%d:%d", l.Object, l.Instance) }

// A Value is one typed value of a Resource or a Resource Instance. The zero Value
// has TypeNone.
type Value struct {
	typ  Type
	bits uint64 // Integer, Unsigned, Float, Boolean, Time, ObjectLink
	text hidden // String, CoreLink, Opaque
}

// Constructors, one for each type.
func StringValue(s string) Value   { return Value{typ: TypeString, text: hide(s)} }
func IntegerValue(i int64) Value   { return Value{typ: TypeInteger, bits: uint64(i)} }
func UnsignedValue(u uint64) Value { return Value{typ: TypeUnsigned, bits: u} }
func FloatValue(f float64) Value   { return Value{typ: TypeFloat, bits: math.Float64bits(f)} }
func OpaqueValue(b []byte) Value   { return Value{typ: TypeOpaque, text: hide(string(b))} }
func CoreLinkValue(s string) Value { return Value{typ: TypeCoreLink, text: hide(s)} }
func TimeValue(t time.Time) Value  { return Value{typ: TypeTime, bits: uint64(t.Unix())} }
func LinkValue(l ObjectLink) Value {
	return Value{typ: TypeObjectLink, bits: uint64(l.Object)<<16 | uint64(l.Instance)}
}
func BooleanValue(b bool) (v Value) {
	v.typ = TypeBoolean
	if b {
		v.bits = 1
	}
	return v
}

// Equal reports whether both have the same type and the same value. Floats are compared
// by their bits.
func (v Value) Equal(other Value) bool {
	return v.typ == other.typ && v.bits == other.bits && v.text.equal(other.text)
}

// Type is the data type of the value.
func (v Value) Type() Type { return v.typ }

// Accessors. Each is meant for a value of its own type and returns the zero of Go's
// type for any other.

// Text returns a String or CoreLink.
func (v Value) Text() string {
	if v.typ == TypeString || v.typ == TypeCoreLink {
		return v.text.reveal()
	}
	return ""
}

// Bytes returns a copy of an Opaque value.
func (v Value) Bytes() []byte {
	if v.typ == TypeOpaque {
		return []byte(v.text.reveal())
	}
	return nil
}

// Int returns an Integer.
func (v Value) Int() int64 { return int64(v.bitsOf(TypeInteger)) }

// Uint returns an Unsigned Integer.
func (v Value) Uint() uint64 { return v.bitsOf(TypeUnsigned) }

// Float returns a Float.
func (v Value) Float() float64 { return math.Float64frombits(v.bitsOf(TypeFloat)) }

// Bool returns a Boolean.
func (v Value) Bool() bool { return v.bitsOf(TypeBoolean) == 1 }

// Time returns a Time, in UTC.
func (v Value) Time() time.Time { return time.Unix(int64(v.bitsOf(TypeTime)), 0).UTC() }

// Link returns an ObjectLink.
func (v Value) Link() ObjectLink {
	bits := v.bitsOf(TypeObjectLink)
	return ObjectLink{ObjectID(bits >> 16), InstanceID(bits)}
}

func (v Value) bitsOf(t Type) uint64 {
	if v.typ == t {
		return v.bits
	}
	return 0
}

// Len is the length in bytes of a String, CoreLink or Opaque value, else zero.
func (v Value) Len() int { return len(v.text.reveal()) }

// String is the value for people. An Opaque value may be a key: it shows its length
// only.
func (v Value) String() string {
	switch v.typ {
	case TypeString, TypeCoreLink:
		return strconv.Quote(v.text.reveal())
	case TypeInteger:
		return strconv.FormatInt(v.Int(), 10)
	case TypeUnsigned:
		return strconv.FormatUint(v.bits, 10)
	case TypeFloat:
		return strconv.FormatFloat(v.Float(), 'g', -1, 64)
	case TypeBoolean:
		return strconv.FormatBool(v.Bool())
	case TypeOpaque:
		return fmt.Sprintf("[%d bytes]", v.Len())
	case TypeTime:
		return v.Time().Format(time.RFC3339)
	case TypeObjectLink:
		return v.Link().String()
	}
	return "none"
}

// Format prints [Value.String] for every verb, so that no verb shows a key.
func (v Value) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(v.String())) }
