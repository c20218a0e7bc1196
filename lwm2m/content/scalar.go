package content

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"lwbs/lwm2m"
)

// A scalar is a value as a self-describing format carries it: int64, uint64 (above
// the range of int64), float64, bool, string, []byte, [time.Time] or [lwm2m.ObjectLink].
type scalar any

// addScalar puts s at p, as the type that the Object definitions tell.
func (b *builder) addScalar(p lwm2m.Path, s scalar) error {
	if p.Depth() < 3 {
		return fmt.Errorf("%v: a value stands above the Resources", p)
	}
	v, err := typedValue(p, s)
	if err != nil {
		return fmt.Errorf("%v: %w", p, err)
	}
	return b.add(p, v)
}

func typedValue(p lwm2m.Path, s scalar) (lwm2m.Value, error) {
	t, known := definedType(p)
	if !known {
		return naturalValue(s)
	}
	if t == lwm2m.TypeNone {
		return lwm2m.Value{}, errExecutable
	}
	v, ok := convert(t, s)
	if !ok {
		return lwm2m.Value{}, fmt.Errorf("the value is no %v", t)
	}
	return v, nil
}

// naturalValue returns s with the type of its spelling.
func naturalValue(s scalar) (lwm2m.Value, error) {
	switch s := s.(type) {
	case int64:
		return lwm2m.IntegerValue(s), nil
	case uint64:
		return lwm2m.UnsignedValue(s), nil
	case float64:
		return lwm2m.FloatValue(s), nil
	case bool:
		return lwm2m.BooleanValue(s), nil
	case string:
		return lwm2m.StringValue(s), nil
	case []byte:
		return lwm2m.OpaqueValue(s), nil
	case time.Time:
		return lwm2m.TimeValue(s), nil
	case lwm2m.ObjectLink:
		return lwm2m.LinkValue(s), nil
	}
	return lwm2m.Value{}, errors.New("the value is of no LwM2M type")
}

// convert returns s as a Value of type t. A whole number may be spelled as a float,
// and an Objlnk as text.
func convert(t lwm2m.Type, s scalar) (v lwm2m.Value, ok bool) {
	switch t {
	case lwm2m.TypeString, lwm2m.TypeCoreLink:
		text, ok := s.(string)
		return textValue(t, text), ok
	case lwm2m.TypeInteger, lwm2m.TypeTime:
		i, ok := scalarInt(s)
		if when, is := s.(time.Time); is && t == lwm2m.TypeTime {
			i, ok = when.Unix(), when.Nanosecond() == 0
		}
		return intValue(t, i), ok
	case lwm2m.TypeUnsigned:
		u, ok := scalarUint(s)
		return lwm2m.UnsignedValue(u), ok
	case lwm2m.TypeFloat:
		f, ok := scalarFloat(s)
		return lwm2m.FloatValue(f), ok
	case lwm2m.TypeBoolean:
		is, ok := s.(bool)
		return lwm2m.BooleanValue(is), ok
	case lwm2m.TypeOpaque:
		raw, ok := s.([]byte)
		return lwm2m.OpaqueValue(raw), ok
	case lwm2m.TypeObjectLink:
		link, ok := s.(lwm2m.ObjectLink)
		if text, is := s.(string); is {
			link, ok = parseObjectLink(text)
		}
		return lwm2m.LinkValue(link), ok
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
func textValue(t lwm2m.Type, s string) lwm2m.Value {
	if t == lwm2m.TypeCoreLink {
		return lwm2m.CoreLinkValue(s)
	}
	return lwm2m.StringValue(s)
}

// intValue is an Integer or a Time.
func intValue(t lwm2m.Type, i int64) lwm2m.Value {
	if t == lwm2m.TypeTime {
		return lwm2m.TimeValue(time.Unix(i, 0))
	}
	return lwm2m.IntegerValue(i)
}

// parseObjectLink reads the form "21:0", decimal, and for the null link also
// "FFFF:FFFF", which an example of the specification has.
func parseObjectLink(s string) (lwm2m.ObjectLink, bool) {
	if strings.EqualFold(s, "ffff:ffff") {
		return lwm2m.NullLink, true
	}
	object, instance, ok := strings.Cut(s, ":")
	o, err1 := strconv.ParseUint(object, 10, 16)
	i, err2 := strconv.ParseUint(instance, 10, 16)
	return lwm2m.ObjectLink{Object: lwm2m.ObjectID(o), Instance: lwm2m.InstanceID(i)}, ok && err1 == nil && err2 == nil
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
