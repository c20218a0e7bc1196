package lwm2m_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"lwbs/lwm2m"
)

func TestValueAccessors(t *testing.T) {
	moment := time.Date(2026, 1, 1, 0, 0, 0, 0, time.FixedZone("", 3600))
	link := lwm2m.ObjectLink{Object: 21, Instance: 3}
	tests := []struct {
		value  lwm2m.Value
		typ    lwm2m.Type
		get    func(lwm2m.Value) any
		want   any
		prints string
	}{
		{lwm2m.StringValue("U\n"), lwm2m.TypeString, func(v lwm2m.Value) any { return v.Text() }, "U\n", `"U\n"`},
		{lwm2m.CoreLinkValue("</1>"), lwm2m.TypeCoreLink, func(v lwm2m.Value) any { return v.Text() }, "</1>", `"</1>"`},
		{lwm2m.IntegerValue(-5), lwm2m.TypeInteger, func(v lwm2m.Value) any { return v.Int() }, int64(-5), "-5"},
		{lwm2m.UnsignedValue(math.MaxUint64), lwm2m.TypeUnsigned, func(v lwm2m.Value) any { return v.Uint() }, uint64(math.MaxUint64), "18446744073709551615"},
		{lwm2m.FloatValue(21.5), lwm2m.TypeFloat, func(v lwm2m.Value) any { return v.Float() }, 21.5, "21.5"},
		{lwm2m.BooleanValue(true), lwm2m.TypeBoolean, func(v lwm2m.Value) any { return v.Bool() }, true, "true"},
		{lwm2m.BooleanValue(false), lwm2m.TypeBoolean, func(v lwm2m.Value) any { return v.Bool() }, false, "false"},
		{lwm2m.OpaqueValue([]byte("abc")), lwm2m.TypeOpaque, func(v lwm2m.Value) any { return string(v.Bytes()) }, "abc", "[3 bytes]"},
		{lwm2m.TimeValue(moment), lwm2m.TypeTime, func(v lwm2m.Value) any { return v.Time() }, moment.UTC(), "2025-12-31T23:00:00Z"},
		{lwm2m.LinkValue(link), lwm2m.TypeObjectLink, func(v lwm2m.Value) any { return v.Link() }, link, "21:3"},
		{lwm2m.LinkValue(lwm2m.NullLink), lwm2m.TypeObjectLink, func(v lwm2m.Value) any { return v.Link() }, lwm2m.NullLink, "65535:65535"},
		{lwm2m.Value{}, lwm2m.TypeNone, func(v lwm2m.Value) any { return v.Len() }, 0, "none"},
	}
	for _, tt := range tests {
		t.Run(tt.typ.String()+" "+tt.prints, func(t *testing.T) {
			if got := tt.value.Type(); got != tt.typ {
				t.Errorf("Type = %v, want %v", got, tt.typ)
			}
			if got := tt.get(tt.value); got != tt.want {
				t.Errorf("accessor = %v, want %v", got, tt.want)
			}
			if got := fmt.Sprintf("%+v", tt.value); got != tt.prints {
				t.Errorf("it prints %s, want %s", got, tt.prints)
			}
		})
	}
}

func TestValueOfAnotherTypeIsZero(t *testing.T) {
	text, number := lwm2m.StringValue("7"), lwm2m.IntegerValue(7)
	if text.Int() != 0 || text.Bytes() != nil || number.Uint() != 0 || number.Text() != "" || number.Bool() || number.Float() != 0 {
		t.Error("an accessor returns a value of another type")
	}
	if number.Link() != (lwm2m.ObjectLink{}) || !number.Time().Equal(time.Unix(0, 0)) {
		t.Error("an Integer reads as a link or a time")
	}
}

func TestValuesCompare(t *testing.T) {
	if a, b := lwm2m.StringValue("abc"), lwm2m.StringValue(string([]byte("abc"))); !a.Equal(b) || !lwm2m.OpaqueValue(nil).Equal(lwm2m.OpaqueValue([]byte{})) {
		t.Error("equal values differ")
	}
	if lwm2m.StringValue("a").Equal(lwm2m.CoreLinkValue("a")) || lwm2m.IntegerValue(1).Equal(lwm2m.UnsignedValue(1)) {
		t.Error("values of two types are equal")
	}
}

func TestTypeString(t *testing.T) {
	if got := lwm2m.TypeCoreLink.String(); got != "corelnk" {
		t.Errorf("TypeCoreLink prints %q", got)
	}
	if got := lwm2m.Type(77).String(); got != "type 77" {
		t.Errorf("an unknown type prints %q", got)
	}
}
