package lwm2m

import (
	"math"
	"math/big"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// The Object definitions have no Resource of some of the types; all convert the same.
func TestConvert(t *testing.T) {
	moment := time.Unix(1767225600, 0)
	tests := []struct {
		in   scalar
		typ  Type
		want Value // the zero Value: refused
	}{
		{int64(-5), TypeInteger, IntegerValue(-5)},
		{uint64(math.MaxUint64), TypeInteger, Value{}},
		{float64(1 << 62), TypeInteger, IntegerValue(1 << 62)},
		{float64(1 << 63), TypeInteger, Value{}},
		{float64(-1 << 63), TypeInteger, IntegerValue(math.MinInt64)},
		{math.NaN(), TypeInteger, Value{}},
		{true, TypeInteger, Value{}},
		{int64(5), TypeUnsigned, UnsignedValue(5)},
		{int64(-5), TypeUnsigned, Value{}},
		{uint64(math.MaxUint64), TypeUnsigned, UnsignedValue(math.MaxUint64)},
		{float64(1 << 63), TypeUnsigned, UnsignedValue(1 << 63)},
		{float64(1<<63) * 2, TypeUnsigned, Value{}},
		{"5", TypeUnsigned, Value{}},
		{int64(5), TypeFloat, FloatValue(5)},
		{uint64(1 << 63), TypeFloat, FloatValue(1 << 63)},
		{21.5, TypeFloat, FloatValue(21.5)},
		{"21.5", TypeFloat, Value{}},
		{int64(1), TypeBoolean, Value{}},
		{true, TypeBoolean, BooleanValue(true)},
		{"x", TypeString, StringValue("x")},
		{"</1>", TypeCoreLink, CoreLinkValue("</1>")},
		{[]byte("x"), TypeString, Value{}},
		{[]byte("x"), TypeOpaque, OpaqueValue([]byte("x"))},
		{"x", TypeOpaque, Value{}},
		{moment, TypeTime, TimeValue(moment)},
		{moment.Add(1), TypeTime, Value{}},
		{moment, TypeInteger, Value{}},
		{int64(1767225600), TypeTime, TimeValue(moment)},
		{ObjectLink{21, 0}, TypeObjectLink, LinkValue(ObjectLink{21, 0})},
		{"21:0", TypeObjectLink, LinkValue(ObjectLink{21, 0})},
		{"21", TypeObjectLink, Value{}},
		{"21:0:1", TypeObjectLink, Value{}},
		{int64(1), TypeNone, Value{}},
	}
	for _, tt := range tests {
		got, ok := convert(tt.typ, tt.in)
		if ok != (tt.want.Type() != TypeNone) || ok && !got.Equal(tt.want) {
			t.Errorf("%v (%T) as %v = %v, %v, want %v", tt.in, tt.in, tt.typ, got, ok, tt.want)
		}
	}
}

// Float and CoreLink have no Resource in the Object definitions, but a form in TLV.
func TestTLVValueOfEveryType(t *testing.T) {
	for _, v := range []Value{
		StringValue("x"), CoreLinkValue("</1>"), IntegerValue(-5), UnsignedValue(5), FloatValue(0.1), FloatValue(21.5),
		BooleanValue(true), OpaqueValue([]byte("x")), TimeValue(time.Unix(1767225600, 0)), LinkValue(NullLink),
	} {
		if back, err := parseTLVValue(v.Type(), tlvValue(v)); err != nil || !back.Equal(v) {
			t.Errorf("%v %v became %v, %v", v.Type(), v, back, err)
		}
	}
}

func TestCBORScalar(t *testing.T) {
	beyond := new(big.Int).Lsh(big.NewInt(1), 64)
	above := new(big.Int).Sub(beyond, big.NewInt(1))
	tests := []struct {
		in   any
		want scalar // nil: refused
	}{
		{uint64(5), int64(5)},
		{uint64(math.MaxUint64), uint64(math.MaxUint64)},
		{*big.NewInt(-5), int64(-5)},
		{*above, uint64(math.MaxUint64)},
		{*beyond, nil},
		{cbor.Tag{Number: 4, Content: []any{int64(-1), uint64(215)}}, 21.5},
		{cbor.Tag{Number: 4, Content: []any{int64(-1)}}, nil},
		{cbor.Tag{Number: 4, Content: []any{int64(-1), "215"}}, nil},
		{cbor.Tag{Number: 4, Content: []any{uint64(999), uint64(1)}}, nil},
		{cbor.Tag{Number: 4, Content: uint64(1)}, nil},
		{cbor.Tag{Number: 5, Content: []any{int64(-1), uint64(215)}}, nil},
		{time.Time{}, nil},
		{nil, nil},
		{[]any{}, nil},
		{cbor.SimpleValue(99), nil},
	}
	for _, tt := range tests {
		got, err := cborScalar(tt.in)
		if (err == nil) != (tt.want != nil) || got != tt.want {
			t.Errorf("%#v = %v (%T), %v, want %v", tt.in, got, got, err, tt.want)
		}
	}
}
