package content

import (
	"math"
	"math/big"
	"testing"
	"time"

	"lwbs/lwm2m"

	"github.com/fxamacker/cbor/v2"
)

// The Object definitions have no Resource of some of the types; all convert the same.
func TestConvert(t *testing.T) {
	moment := time.Unix(1767225600, 0)
	tests := []struct {
		in   scalar
		typ  lwm2m.Type
		want lwm2m.Value // the zero Value: refused
	}{
		{int64(-5), lwm2m.TypeInteger, lwm2m.IntegerValue(-5)},
		{uint64(math.MaxUint64), lwm2m.TypeInteger, lwm2m.Value{}},
		{float64(1 << 62), lwm2m.TypeInteger, lwm2m.IntegerValue(1 << 62)},
		{float64(1 << 63), lwm2m.TypeInteger, lwm2m.Value{}},
		{float64(-1 << 63), lwm2m.TypeInteger, lwm2m.IntegerValue(math.MinInt64)},
		{math.NaN(), lwm2m.TypeInteger, lwm2m.Value{}},
		{true, lwm2m.TypeInteger, lwm2m.Value{}},
		{int64(5), lwm2m.TypeUnsigned, lwm2m.UnsignedValue(5)},
		{int64(-5), lwm2m.TypeUnsigned, lwm2m.Value{}},
		{uint64(math.MaxUint64), lwm2m.TypeUnsigned, lwm2m.UnsignedValue(math.MaxUint64)},
		{float64(1 << 63), lwm2m.TypeUnsigned, lwm2m.UnsignedValue(1 << 63)},
		{float64(1<<63) * 2, lwm2m.TypeUnsigned, lwm2m.Value{}},
		{"5", lwm2m.TypeUnsigned, lwm2m.Value{}},
		{int64(5), lwm2m.TypeFloat, lwm2m.FloatValue(5)},
		{uint64(1 << 63), lwm2m.TypeFloat, lwm2m.FloatValue(1 << 63)},
		{21.5, lwm2m.TypeFloat, lwm2m.FloatValue(21.5)},
		{"21.5", lwm2m.TypeFloat, lwm2m.Value{}},
		{int64(1), lwm2m.TypeBoolean, lwm2m.Value{}},
		{true, lwm2m.TypeBoolean, lwm2m.BooleanValue(true)},
		{"x", lwm2m.TypeString, lwm2m.StringValue("x")},
		{"</1>", lwm2m.TypeCoreLink, lwm2m.CoreLinkValue("</1>")},
		{[]byte("x"), lwm2m.TypeString, lwm2m.Value{}},
		{[]byte("x"), lwm2m.TypeOpaque, lwm2m.OpaqueValue([]byte("x"))},
		{"x", lwm2m.TypeOpaque, lwm2m.Value{}},
		{moment, lwm2m.TypeTime, lwm2m.TimeValue(moment)},
		{moment.Add(1), lwm2m.TypeTime, lwm2m.Value{}},
		{moment, lwm2m.TypeInteger, lwm2m.Value{}},
		{int64(1767225600), lwm2m.TypeTime, lwm2m.TimeValue(moment)},
		{lwm2m.ObjectLink{Object: 21, Instance: 0}, lwm2m.TypeObjectLink, lwm2m.LinkValue(lwm2m.ObjectLink{Object: 21, Instance: 0})},
		{"21:0", lwm2m.TypeObjectLink, lwm2m.LinkValue(lwm2m.ObjectLink{Object: 21, Instance: 0})},
		{"21", lwm2m.TypeObjectLink, lwm2m.Value{}},
		{"21:0:1", lwm2m.TypeObjectLink, lwm2m.Value{}},
		{int64(1), lwm2m.TypeNone, lwm2m.Value{}},
	}
	for _, tt := range tests {
		got, ok := convert(tt.typ, tt.in)
		if ok != (tt.want.Type() != lwm2m.TypeNone) || ok && !got.Equal(tt.want) {
			t.Errorf("%v (%T) as %v = %v, %v, want %v", tt.in, tt.in, tt.typ, got, ok, tt.want)
		}
	}
}

// Float and CoreLink have no Resource in the Object definitions, but a form in TLV.
func TestTLVValueOfEveryType(t *testing.T) {
	for _, v := range []lwm2m.Value{
		lwm2m.StringValue("x"), lwm2m.CoreLinkValue("</1>"), lwm2m.IntegerValue(-5), lwm2m.UnsignedValue(5), lwm2m.FloatValue(0.1), lwm2m.FloatValue(21.5),
		lwm2m.BooleanValue(true), lwm2m.OpaqueValue([]byte("x")), lwm2m.TimeValue(time.Unix(1767225600, 0)), lwm2m.LinkValue(lwm2m.NullLink),
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
