package object_test

import (
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"lwbs/lwm2m"
	"lwbs/lwm2m/object"
)

func TestParseText(t *testing.T) {
	tests := []struct {
		typ  lwm2m.Type
		text string
		want lwm2m.Value
	}{
		{lwm2m.TypeString, "U", lwm2m.StringValue("U")},
		{lwm2m.TypeInteger, "-5", lwm2m.IntegerValue(-5)},
		{lwm2m.TypeUnsigned, "0xC0A8", lwm2m.UnsignedValue(49320)},
		{lwm2m.TypeUnsigned, "010", lwm2m.UnsignedValue(10)},
		{lwm2m.TypeUnsigned, "18446744073709551615", lwm2m.UnsignedValue(math.MaxUint64)},
		{lwm2m.TypeInteger, "010", lwm2m.IntegerValue(10)},
		{lwm2m.TypeCoreLink, "</1>", lwm2m.CoreLinkValue("</1>")},
		{lwm2m.TypeOpaque, "hex:", lwm2m.OpaqueValue(nil)},
		{lwm2m.TypeFloat, "21.5", lwm2m.FloatValue(21.5)},
		{lwm2m.TypeFloat, "0.1", lwm2m.FloatValue(0.1)},
		{lwm2m.TypeFloat, "-.5e1", lwm2m.FloatValue(-5)},
		{lwm2m.TypeFloat, "-0", lwm2m.FloatValue(math.Copysign(0, -1))},
		{lwm2m.TypeFloat, "5e-324", lwm2m.FloatValue(math.SmallestNonzeroFloat64)},
		{lwm2m.TypeFloat, "1.7976931348623157e308", lwm2m.FloatValue(math.MaxFloat64)},
		{lwm2m.TypeFloat, "0.1000000000000000055511151231257827021181583404541015625", lwm2m.FloatValue(0.1)},
		{lwm2m.TypeFloat, "9007199254740992", lwm2m.FloatValue(1 << 53)},
		{lwm2m.TypeBoolean, "true", lwm2m.BooleanValue(true)},
		{lwm2m.TypeOpaque, "hex:00ff", lwm2m.OpaqueValue([]byte{0, 255})},
		{lwm2m.TypeOpaque, "HEX: 00 FF", lwm2m.OpaqueValue([]byte{0, 255})},
		{lwm2m.TypeOpaque, "base64:AP8=", lwm2m.OpaqueValue([]byte{0, 255})},
		{lwm2m.TypeTime, "2026-01-01T00:00:00Z", lwm2m.TimeValue(time.Unix(1767225600, 0))},
		{lwm2m.TypeTime, "1767225600", lwm2m.TimeValue(time.Unix(1767225600, 0))},
		{lwm2m.TypeObjectLink, "21:0", lwm2m.LinkValue(lwm2m.ObjectLink{Object: 21})},
	}
	for _, tt := range tests {
		if got, err := (object.ResourceDefinition{Type: tt.typ}).ParseText(tt.text); err != nil || !got.Equal(tt.want) {
			t.Errorf("%v %q is %v, %v; want %v", tt.typ, tt.text, got, err, tt.want)
		}
	}
}

func TestParseTextRefuses(t *testing.T) {
	for _, tt := range []struct {
		typ  lwm2m.Type
		text string
	}{
		{lwm2m.TypeInteger, "five"}, {lwm2m.TypeInteger, "9223372036854775808"}, {lwm2m.TypeInteger, ""},
		{lwm2m.TypeUnsigned, "-1"}, {lwm2m.TypeUnsigned, "1_0"}, {lwm2m.TypeUnsigned, "0x"}, {lwm2m.TypeUnsigned, "0xG"},
		{lwm2m.TypeUnsigned, "18446744073709551616"}, {lwm2m.TypeInteger, "1e3"}, {lwm2m.TypeInteger, "1.0"},
		{lwm2m.TypeFloat, "x"}, {lwm2m.TypeFloat, "NaN"}, {lwm2m.TypeFloat, "nan"}, {lwm2m.TypeFloat, "Inf"}, {lwm2m.TypeFloat, "-Infinity"}, {lwm2m.TypeFloat, "+inf"},
		{lwm2m.TypeFloat, "0x1p4"}, {lwm2m.TypeFloat, "1_0"}, {lwm2m.TypeFloat, "1e400"}, {lwm2m.TypeFloat, "1e-400"}, {lwm2m.TypeFloat, "1e99999999999999999999"},
		{lwm2m.TypeFloat, "9007199254740993"}, {lwm2m.TypeFloat, "3.14159265358979323846"}, {lwm2m.TypeFloat, "."}, {lwm2m.TypeFloat, ""},
		{lwm2m.TypeFloat, "0." + strings.Repeat("1", 2000)}, {lwm2m.TypeTime, "2026-01-01T00:00:00.5Z"},
		{lwm2m.TypeBoolean, "maybe"}, {lwm2m.TypeTime, "today"},
		{lwm2m.TypeObjectLink, "21"}, {lwm2m.TypeObjectLink, "21:"}, {lwm2m.TypeObjectLink, "65536:0"},
		{lwm2m.TypeNone, "x"},
	} {
		if v, err := (object.ResourceDefinition{Name: "Colour", Type: tt.typ}).ParseText(tt.text); err == nil || !strings.Contains(err.Error(), "Colour") {
			t.Errorf("%v %q is %v, %v; want an error that names the Resource", tt.typ, tt.text, v, err)
		}
	}
}

// A number of a Resource without a definition is kept exactly, or refused.
func TestParseNumber(t *testing.T) {
	for text, want := range map[string]lwm2m.Value{
		"0": lwm2m.IntegerValue(0), "-9223372036854775808": lwm2m.IntegerValue(math.MinInt64), "9223372036854775808": lwm2m.UnsignedValue(1 << 63),
		"18446744073709551615": lwm2m.UnsignedValue(math.MaxUint64), "1.0": lwm2m.FloatValue(1), "1e3": lwm2m.FloatValue(1000),
	} {
		if got, err := lwm2m.ParseNumber(text); err != nil || !got.Equal(want) {
			t.Errorf("%s is %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"18446744073709551616", "-9223372036854775809", "0.12345678901234567891", "1e999", "NaN", "", "x"} {
		if got, err := lwm2m.ParseNumber(text); err == nil {
			t.Errorf("%s is %v", text, got)
		}
	}
}

// FuzzParseNumber: what is taken has the value that was written.
func FuzzParseNumber(f *testing.F) {
	for _, s := range []string{"1", "-0.5", "1e-7", "123456789012345678", "18446744073709551615", "2.5e+10", "0.30000000000000004", "00.10"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := lwm2m.ParseNumber(text)
		if _, exponent, _ := strings.Cut(strings.ToLower(text), "e"); err != nil || len(exponent) > 4 {
			return // of zero any exponent will do, but package big counts them out
		}
		written, ok := new(big.Rat).SetString(text)
		if !ok {
			t.Fatalf("%q is taken for the number %v", text, v)
		}
		if v.Type() != lwm2m.TypeFloat {
			if got, _ := new(big.Rat).SetString(v.String()); got.Cmp(written) != 0 {
				t.Errorf("%s became %v", text, v)
			}
			return
		}
		shortest, _ := new(big.Rat).SetString(v.String())
		if shortest.Cmp(written) != 0 && new(big.Rat).SetFloat64(v.Float()).Cmp(written) != 0 {
			t.Errorf("%s became %v", text, v)
		}
	})
}

// What stands where an Opaque should may be a key.
func TestOpaqueErrorsDoNotRepeatTheText(t *testing.T) {
	const key = "0badc0ffee0ddf00d"
	d := object.ResourceDefinition{Name: "Secret Key", Type: lwm2m.TypeOpaque, Max: 4}
	for _, text := range []string{key, "HEX:" + key, "hex:" + key, "hex:" + key + "zz", "base64:" + key, "base64:" + key + "!", "hex:" + key[1:], ""} {
		_, err := d.ParseText(text)
		if err == nil {
			t.Errorf("%q is accepted", text)
		} else if strings.Contains(err.Error(), key[1:]) {
			t.Errorf("the error repeats the key: %v", err)
		}
	}
	if err := d.Check(lwm2m.OpaqueValue([]byte(key))); err == nil || strings.Contains(err.Error(), key) {
		t.Errorf("five bytes and more: %v", err)
	}
	if err := d.Check(lwm2m.StringValue(key)); err == nil || strings.Contains(err.Error(), key) {
		t.Errorf("a String for an Opaque: %v", err)
	}
}

func TestCheck(t *testing.T) {
	number := object.ResourceDefinition{Name: "N", Type: lwm2m.TypeInteger, Min: 1, Max: 9}
	natural := object.ResourceDefinition{Name: "U", Type: lwm2m.TypeUnsigned, Max: 9}
	text := object.ResourceDefinition{Name: "S", Type: lwm2m.TypeString, Min: 2, Max: 3}
	opaque := object.ResourceDefinition{Name: "O", Type: lwm2m.TypeOpaque, Max: 2}
	anyNumber := object.ResourceDefinition{Name: "A", Type: lwm2m.TypeInteger}
	anyFloat := object.ResourceDefinition{Name: "R", Type: lwm2m.TypeFloat}
	anyText := object.ResourceDefinition{Name: "T", Type: lwm2m.TypeString}
	share := object.ResourceDefinition{Name: "F", Type: lwm2m.TypeFloat, Max: 1}
	tenths := object.ResourceDefinition{Name: "D", Type: lwm2m.TypeFloat, Allowed: []object.Interval{{Min: 0.1, Max: 0.5}}}
	gaps := object.ResourceDefinition{Name: "G", Type: lwm2m.TypeInteger, Allowed: []object.Interval{{Min: 0, Max: 3}, {Min: 99, Max: 99}}}
	lengths := object.ResourceDefinition{Name: "L", Type: lwm2m.TypeOpaque, Allowed: []object.Interval{{Min: 1, Max: 1}, {Min: 3, Max: 3}}}
	tests := []struct {
		d    object.ResourceDefinition
		v    lwm2m.Value
		want bool
	}{
		{number, lwm2m.IntegerValue(0), false}, {number, lwm2m.IntegerValue(1), true},
		{number, lwm2m.IntegerValue(9), true}, {number, lwm2m.IntegerValue(10), false},
		{number, lwm2m.UnsignedValue(5), false}, {number, lwm2m.Value{}, false},
		{natural, lwm2m.UnsignedValue(0), true}, {natural, lwm2m.UnsignedValue(9), true},
		{natural, lwm2m.UnsignedValue(10), false}, {natural, lwm2m.UnsignedValue(math.MaxUint64), false},
		{text, lwm2m.StringValue("a"), false}, {text, lwm2m.StringValue("ab"), true},
		{text, lwm2m.StringValue("abc"), true}, {text, lwm2m.StringValue("abcd"), false},
		{text, lwm2m.StringValue("\u00fc"), true}, {text, lwm2m.StringValue("a\xff"), false},
		{opaque, lwm2m.OpaqueValue(nil), true}, {opaque, lwm2m.OpaqueValue([]byte{1, 2}), true},
		{opaque, lwm2m.OpaqueValue([]byte{1, 2, 3}), false},
		{anyNumber, lwm2m.IntegerValue(math.MinInt64), true}, {anyText, lwm2m.StringValue(""), true},
		{anyText, lwm2m.StringValue("\xff"), false},
		{share, lwm2m.FloatValue(0.5), true}, {share, lwm2m.FloatValue(1.5), false}, {share, lwm2m.FloatValue(math.NaN()), false},
		{anyFloat, lwm2m.FloatValue(1), true}, {anyFloat, lwm2m.FloatValue(math.NaN()), false}, {anyFloat, lwm2m.FloatValue(math.Inf(-1)), false},
		{tenths, lwm2m.FloatValue(0.1), true}, {tenths, lwm2m.FloatValue(0.6), false},
		{gaps, lwm2m.IntegerValue(3), true}, {gaps, lwm2m.IntegerValue(99), true}, {gaps, lwm2m.IntegerValue(4), false}, {gaps, lwm2m.IntegerValue(100), false},
		{lengths, lwm2m.OpaqueValue([]byte{1}), true}, {lengths, lwm2m.OpaqueValue([]byte{1, 2}), false}, {lengths, lwm2m.OpaqueValue([]byte{1, 2, 3}), true},
	}
	for _, tt := range tests {
		if err := tt.d.Check(tt.v); (err == nil) != tt.want {
			t.Errorf("%v of %s, %v: %v", tt.d.Type, tt.d.Range(), tt.v, err)
		}
	}
}

func TestRange(t *testing.T) {
	for want, d := range map[string]object.ResourceDefinition{
		"":                {},
		"0 to 100":        {Max: 100},
		"-5 to 1000000":   {Min: -5, Max: 1_000_000},
		"0.000001 to 1":   {Allowed: []object.Interval{{Min: 0.000001, Max: 1}}},
		"0 to 3, 99, 255": {Allowed: []object.Interval{{Min: 0, Max: 3}, {Min: 99, Max: 99}, {Min: 255, Max: 255}}},
	} {
		if got := d.Range(); got != want {
			t.Errorf("the range is %q, want %q", got, want)
		}
	}
}

func TestCheckResource(t *testing.T) {
	one := object.ResourceDefinition{ID: 1, Name: "One", Type: lwm2m.TypeInteger, Max: 9}
	many, run, kept := one, one, one
	many.Multiple, kept.Kept, run.Type = true, true, lwm2m.TypeNone
	typeless := run
	run.Operations = object.Executable
	list := func(numbers ...int64) lwm2m.Resource {
		r := lwm2m.Resource{ID: 1, Multiple: true}
		for i, n := range numbers {
			r.Instances = append(r.Instances, lwm2m.ResourceInstance{ID: lwm2m.ResourceInstanceID(i), Value: lwm2m.IntegerValue(n)})
		}
		return r
	}
	five := lwm2m.Single(1, lwm2m.IntegerValue(5))
	tests := []struct {
		name string
		d    object.ResourceDefinition
		r    lwm2m.Resource
		want string // in the error; empty for none
	}{
		{"one", one, five, ""},
		{"one out of range", one, lwm2m.Single(1, lwm2m.IntegerValue(10)), "not within 0 to 9"},
		{"a list for one", one, list(5), "not a list"},
		{"a list", many, list(5, 9), ""},
		{"an empty list", many, list(), ""},
		{"a list with one out of range", many, list(5, 10), "not within 0 to 9"},
		{"one for a list", many, five, "give a list"},
		{"executed", run, five, "executed"},
		{"without a type", typeless, five, "no type in its definition"},
		{"kept by the client", kept, five, "kept by the client"},
	}
	for _, tt := range tests {
		err := tt.d.CheckResource(tt.r)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}
