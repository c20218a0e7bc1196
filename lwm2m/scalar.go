package lwm2m

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// A scalar is a value as a self-describing format carries it: int64, uint64 (above
// the range of int64), float64, bool, string, []byte, [time.Time] or [ObjectLink].
type scalar any

// addScalar puts s at p, as the type that the Object definitions tell.
func (b *builder) addScalar(p Path, s scalar) error {
	if p.Depth() < 3 {
		return fmt.Errorf("%v: a value stands above the Resources", p)
	}
	v, err := typedValue(p, s)
	if err != nil {
		return fmt.Errorf("%v: %w", p, err)
	}
	return b.add(p, v)
}

func typedValue(p Path, s scalar) (Value, error) {
	t, known := definedType(p)
	if !known {
		return naturalValue(s)
	}
	if t == TypeNone {
		return Value{}, errExecutable
	}
	v, ok := convert(t, s)
	if !ok {
		return Value{}, fmt.Errorf("the value is no %v", t)
	}
	return v, nil
}

// naturalValue is s as the type that it is spelled as.
func naturalValue(s scalar) (Value, error) {
	switch s := s.(type) {
	case int64:
		return IntegerValue(s), nil
	case uint64:
		return UnsignedValue(s), nil
	case float64:
		return FloatValue(s), nil
	case bool:
		return BooleanValue(s), nil
	case string:
		return StringValue(s), nil
	case []byte:
		return OpaqueValue(s), nil
	case time.Time:
		return TimeValue(s), nil
	case ObjectLink:
		return LinkValue(s), nil
	}
	return Value{}, errors.New("the value is of no LwM2M type")
}

// convert returns s as a Value of type t. A whole number may be spelled as a float,
// and an Objlnk as text.
func convert(t Type, s scalar) (v Value, ok bool) {
	switch t {
	case TypeString, TypeCoreLink:
		text, ok := s.(string)
		return textValue(t, text), ok
	case TypeInteger, TypeTime:
		i, ok := scalarInt(s)
		if when, is := s.(time.Time); is && t == TypeTime {
			i, ok = when.Unix(), when.Nanosecond() == 0
		}
		return intValue(t, i), ok
	case TypeUnsigned:
		u, ok := scalarUint(s)
		return UnsignedValue(u), ok
	case TypeFloat:
		f, ok := scalarFloat(s)
		return FloatValue(f), ok
	case TypeBoolean:
		is, ok := s.(bool)
		return BooleanValue(is), ok
	case TypeOpaque:
		raw, ok := s.([]byte)
		return OpaqueValue(raw), ok
	case TypeObjectLink:
		link, ok := s.(ObjectLink)
		if text, is := s.(string); is {
			link, ok = parseObjectLink(text)
		}
		return LinkValue(link), ok
	}
	return v, false
}

func scalarInt(s scalar) (int64, bool) {
	switch n := s.(type) {
	case int64:
		return n, true
	case float64: // 2^63 itself is no int64
		return int64(n), n == math.Trunc(n) && n >= math.MinInt64 && n < math.MaxInt64
	}
	return 0, false
}

func scalarUint(s scalar) (uint64, bool) {
	switch n := s.(type) {
	case int64:
		return uint64(n), n >= 0
	case uint64:
		return n, true
	case float64:
		return uint64(n), n == math.Trunc(n) && n >= 0 && n < math.MaxUint64
	}
	return 0, false
}

func scalarFloat(s scalar) (float64, bool) {
	switch n := s.(type) {
	case int64:
		return float64(n), true
	case uint64:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}

// textValue is a String or a CoreLink.
func textValue(t Type, s string) Value {
	if t == TypeCoreLink {
		return CoreLinkValue(s)
	}
	return StringValue(s)
}

// intValue is an Integer or a Time.
func intValue(t Type, i int64) Value {
	if t == TypeTime {
		return TimeValue(time.Unix(i, 0))
	}
	return IntegerValue(i)
}

// parseObjectLink reads the form "21:0", decimal, and for the null link also
// "FFFF:FFFF", which an example of the specification has.
func parseObjectLink(s string) (ObjectLink, bool) {
	if strings.EqualFold(s, "ffff:ffff") {
		return NullLink, true
	}
	object, instance, ok := strings.Cut(s, ":")
	o, err1 := strconv.ParseUint(object, 10, 16)
	i, err2 := strconv.ParseUint(instance, 10, 16)
	return ObjectLink{ObjectID(o), InstanceID(i)}, ok && err1 == nil && err2 == nil
}

// parseNumber reads a decimal number, exactly where it is a whole one of 64 bits.
func parseNumber(s string) (scalar, error) {
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		return i, nil
	}
	if u, err := strconv.ParseUint(s, 10, 64); err == nil {
		return u, nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return nil, errors.New("the number is out of range or none")
	}
	return f, nil
}
