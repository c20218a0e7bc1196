package content

import (
	"encoding/binary"
	"errors"
	"math"
	"math/big"
	"strconv"
	"time"

	"lwbs/lwm2m"

	"github.com/fxamacker/cbor/v2"
)

// Major types (RFC 8949 §3.1).
const (
	cborMajorUnsigned = 0
	cborMajorNegative = 1
	cborMajorBytes    = 2
	cborMajorText     = 3
	cborMajorArray    = 4
	cborMajorMap      = 5
)

// Single bytes of major type 7, and the end of an item of indefinite length.
const (
	cborFalse   = 0xf4
	cborTrue    = 0xf5
	cborFloat32 = 0xfa
	cborFloat64 = 0xfb
	cborBreak   = 0xff
)

// appendCBORHead appends the head of a data item, in the shortest form.
func appendCBORHead(dst []byte, major byte, n uint64) []byte {
	major <<= 5
	switch {
	case n < 24:
		return append(dst, major|byte(n))
	case n <= math.MaxUint8:
		return append(dst, major|24, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, major|25), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(dst, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, major|27), n)
}

func appendCBORInt(dst []byte, i int64) []byte {
	if i < 0 {
		return appendCBORHead(dst, cborMajorNegative, uint64(-1-i))
	}
	return appendCBORHead(dst, cborMajorUnsigned, uint64(i))
}

func appendCBORText(dst []byte, s string) []byte {
	return append(appendCBORHead(dst, cborMajorText, uint64(len(s))), s...)
}

// appendCBORValue appends v as one data item. A Float takes four bytes where that
// loses nothing; the form of two, which small readers lack, is not used.
//
// Spec: Core 1.1.1 Appendix C, RFC 8949 §4.1.
func appendCBORValue(dst []byte, v lwm2m.Value) []byte {
	switch v.Type() {
	case lwm2m.TypeString, lwm2m.TypeCoreLink:
		return appendCBORText(dst, v.Text())
	case lwm2m.TypeInteger:
		return appendCBORInt(dst, v.Int())
	case lwm2m.TypeTime:
		return appendCBORInt(dst, v.Time().Unix())
	case lwm2m.TypeUnsigned:
		return appendCBORHead(dst, cborMajorUnsigned, v.Uint())
	case lwm2m.TypeFloat:
		return appendCBORFloat(dst, v.Float())
	case lwm2m.TypeBoolean:
		if v.Bool() {
			return append(dst, cborTrue)
		}
		return append(dst, cborFalse)
	case lwm2m.TypeObjectLink:
		return appendCBORText(dst, v.Link().String())
	}
	raw := v.Bytes()
	return append(appendCBORHead(dst, cborMajorBytes, uint64(len(raw))), raw...)
}

func appendCBORFloat(dst []byte, f float64) []byte {
	if short := float32(f); float64(short) == f {
		return binary.BigEndian.AppendUint32(append(dst, cborFloat32), math.Float32bits(short))
	}
	return binary.BigEndian.AppendUint64(append(dst, cborFloat64), math.Float64bits(f))
}

// cborInput reads CBOR of any well-formed spelling, of indefinite length too, but
// nothing deeper or wider than content can be, and no key twice.
var cborInput = newCBORInput()

func newCBORInput() cbor.DecMode {
	mode, err := cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		MaxNestedLevels:  8, // four of content, a path as key, a tag with an array
		MaxArrayElements: MaxValues,
		MaxMapPairs:      MaxValues,
		IntDec:           cbor.IntDecConvertNone,
		UTF8:             cbor.UTF8RejectInvalid,
	}.DecMode()
	if err != nil {
		panic(err) // the options are constant: only a new release of cbor could refuse them
	}
	return mode
}

var errCBORValue = errors.New("the data item is no value of LwM2M")

// cborScalar returns what package cbor made of a data item as a scalar: of whole
// numbers int64 where it fits, of a decimal fraction (tag 4) the float.
func cborScalar(item any) (scalar, error) {
	switch v := item.(type) {
	case string, []byte, bool, float64, int64:
		return v, nil
	case uint64:
		if v <= math.MaxInt64 {
			return int64(v), nil
		}
		return v, nil
	case big.Int:
		return bigScalar(&v)
	case time.Time:
		if !v.IsZero() { // what package cbor makes of a time that is not a number
			return v, nil
		}
	case cbor.Tag:
		if v.Number == 4 {
			return decimalFraction(v.Content)
		}
	}
	return nil, errCBORValue
}

func bigScalar(v *big.Int) (scalar, error) {
	switch {
	case v.IsInt64():
		return v.Int64(), nil
	case v.IsUint64():
		return v.Uint64(), nil
	}
	return nil, errCBORValue
}

// decimalFraction reads [exponent, mantissa] (RFC 8949 §3.4.4).
func decimalFraction(content any) (scalar, error) {
	pair, ok := content.([]any)
	if !ok || len(pair) != 2 {
		return nil, errCBORValue
	}
	exponent, err1 := cborScalar(pair[0])
	mantissa, err2 := cborScalar(pair[1])
	e, ok1 := exponent.(int64)
	m, ok2 := mantissa.(int64)
	if err1 != nil || err2 != nil || !ok1 || !ok2 {
		return nil, errCBORValue
	}
	f, err := strconv.ParseFloat(strconv.FormatInt(m, 10)+"e"+strconv.FormatInt(e, 10), 64)
	if err != nil {
		return nil, errCBORValue
	}
	return f, nil
}
