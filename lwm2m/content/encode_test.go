package content_test

import (
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"lwbs/lwm2m"
	"lwbs/lwm2m/content"
	"lwbs/lwm2m/link"
	"lwbs/lwm2m/object"
)

var formats = []lwm2m.Format{
	lwm2m.FormatTLV, lwm2m.FormatSenMLJSON, lwm2m.FormatSenMLCBOR, lwm2m.FormatLwM2MCBOR,
	lwm2m.FormatText, lwm2m.FormatOpaque, lwm2m.FormatCBOR,
}

func TestFormatsServePaths(t *testing.T) {
	everywhere := []string{"/", "/1", "/1/0", "/1/0/0"}
	serves := map[lwm2m.Format][]string{
		lwm2m.FormatTLV:            everywhere[1:], // it has no Object identifiers
		lwm2m.FormatSenMLJSON:      everywhere,
		lwm2m.FormatSenMLCBOR:      everywhere,
		lwm2m.FormatLwM2MCBOR:      everywhere,
		lwm2m.FormatText:           everywhere[3:],
		lwm2m.FormatCBOR:           everywhere[3:],
		lwm2m.FormatOpaque:         everywhere[3:],
		lwm2m.FormatLink:           nil,
		lwm2m.FormatNumber(11543):  nil, // JSON of LwM2M 1.0
		0:                          nil,
		lwm2m.FormatNumber(0xffff): nil,
	}
	for f, want := range serves {
		for _, at := range append(everywhere, "/1/0/0/0") {
			_, errEncode := content.Encode(f, path(t, at), serverID123)
			_, errDecode := content.Decode(f, path(t, at), nil)
			served := slices.Contains(want, at)
			if errors.Is(errEncode, content.ErrFormat) == served || errors.Is(errDecode, content.ErrFormat) == served {
				t.Errorf("%v at %s: Encode %v, Decode %v; want it served: %v", f, at, errEncode, errDecode, served)
			}
		}
	}
}

func TestEncodeSingleValues(t *testing.T) {
	tests := []struct {
		at         string
		value      lwm2m.Value
		text, cbor string // cbor in hexadecimal
	}{
		{"/1/0/0", lwm2m.IntegerValue(-129), "-129", "3880"},
		{"/1/0/0", lwm2m.IntegerValue(math.MinInt64), "-9223372036854775808", "3b7fffffffffffffff"},
		{"/0/1/13", lwm2m.UnsignedValue(49320), "49320", "19c0a8"},
		{"/3303/0/5700", lwm2m.FloatValue(21.5), "21.5", "fa41ac0000"},
		{"/3303/0/5700", lwm2m.FloatValue(-3), "-3.0", "fac0400000"},
		{"/3303/0/5700", lwm2m.FloatValue(0.1), "0.1", "fb3fb999999999999a"},
		{"/3303/0/5700", lwm2m.FloatValue(1e20), "100000000000000000000.0", "fb4415af1d78b58c40"},
		{"/3303/0/5700", lwm2m.FloatValue(1e300), "1e+300", "fb7e37e43c8800759c"},
		{"/1/0/6", lwm2m.BooleanValue(true), "1", "f5"},
		{"/1/0/6", lwm2m.BooleanValue(false), "0", "f4"},
		{"/1/0/7", lwm2m.StringValue("Ü"), "Ü", "62c39c"},
		{"/1/0/7", lwm2m.StringValue(""), "", "60"},
		{"/0/1/3", lwm2m.OpaqueValue([]byte("\xfb\xff\xfe\x00")), "+//+AA==", "44fbfffe00"},
		{"/0/1/17", lwm2m.LinkValue(lwm2m.NullLink), "65535:65535", "6b36353533353a3635353335"},
		{"/3/0/13", newYear2040.Resources[0].Value, "2208988800", "1a83aa7e80"},
	}
	for _, tt := range tests {
		p := path(t, tt.at)
		objects := oneObject(p.Object(), instance(p.Instance(), lwm2m.Single(p.Resource(), tt.value)))
		for f, want := range map[lwm2m.Format][]byte{
			lwm2m.FormatText: []byte(tt.text),
			lwm2m.FormatCBOR: payload(t, lwm2m.FormatCBOR, tt.cbor),
		} {
			got, err := content.Encode(f, p, objects)
			if err != nil || string(got) != string(want) {
				t.Errorf("%v of %v = %q, %v, want %q", f, tt.value, got, err, want)
			}
		}
	}
	got, err := content.Encode(lwm2m.FormatOpaque, path(t, "/0/1/3"), identityInBits)
	if err != nil || string(got) != "\xfb\xff\xfe" {
		t.Errorf("opaque = %x, %v", got, err)
	}
}

func TestEncodeSenMLJSONEscapesLittle(t *testing.T) {
	objects := oneObject(0, instance(1, text(0, "coap://h/?a=1&b=<2>\n\"\\"), lwm2m.Single(17, lwm2m.LinkValue(lwm2m.NullLink))),
		instance(2, multiple(16, item(3, lwm2m.UnsignedValue(math.MaxUint64)))))
	const want = `[{"bn":"/0/1/","n":"0","vs":"coap://h/?a=1&b=<2>\n\"\\"},{"n":"17","vlo":"65535:65535"},` +
		`{"bn":"/0/2/","n":"16/3","v":18446744073709551615}]`
	got, err := content.Encode(lwm2m.FormatSenMLJSON, path(t, "/0"), objects)
	if err != nil || string(got) != want {
		t.Errorf("Encode = %s, %v\nwant %s", got, err, want)
	}
}

func TestEncodeRefuses(t *testing.T) {
	noValue := lwm2m.Resource{ID: 3}
	both := lwm2m.Resource{ID: 3, Value: lwm2m.IntegerValue(1), Instances: []lwm2m.ResourceInstance{item(0, lwm2m.IntegerValue(1))}}
	multipleWithValue := lwm2m.Resource{ID: 3, Multiple: true, Value: lwm2m.IntegerValue(1)}
	tests := []struct {
		name    string
		formats []lwm2m.Format
		at      string
		in      []lwm2m.Object
		says    string
	}{
		{"another Object", formats[:4], "/1", oneObject(0), "Object 1 alone"},
		{"two Objects", formats[:4], "/1", append(oneObject(1), oneObject(0)...), "Object 1 alone"},
		{"nothing", formats[:4], "/1", nil, "Object 1 alone"},
		{"another Instance", formats[:4], "/1/0", oneObject(1, instance(1)), "Instance 0 alone"},
		{"no Instance", formats[:4], "/1/0", oneObject(1), "Instance 0 alone"},
		{"another Resource", formats, "/1/0/0", oneObject(1, instance(0, integer(1, 1))), "Resource 0 alone"},
		{"no Resource", formats, "/1/0/0", oneObject(1, instance(0)), "Resource 0 alone"},
		{"an Object twice", formats[1:4], "/", append(oneObject(1), oneObject(1)...), "/1: it is there twice"},
		{"an Instance twice", formats[:4], "/1", oneObject(1, instance(0), instance(0)), "/1/0: it is there twice"},
		{"a Resource twice", formats[:4], "/1/0", oneObject(1, instance(0, integer(1, 1), integer(1, 1))), "/1/0/1: it is there twice"},
		{"a Resource Instance twice", formats[:4], "/2/0", oneObject(2, instance(0, multiple(2, item(0, lwm2m.IntegerValue(1)), item(0, lwm2m.IntegerValue(1))))), "/2/0/2/0: it is there twice"},
		{"a reserved identifier", formats[:4], "/1", oneObject(1, instance(lwm2m.MaxID)), "reserved"},
		{"no value", formats[:4], "/1/0", oneObject(1, instance(0, noValue)), "/1/0/3: it has no value"},
		{"single and multiple", formats[:4], "/1/0", oneObject(1, instance(0, both)), "a single Resource has instances"},
		{"multiple with a value", formats[:4], "/1/0", oneObject(1, instance(0, multipleWithValue)), "a value of its own"},
		{"no value in a Resource Instance", formats[:4], "/2/0", oneObject(2, instance(0, multiple(2, item(0, lwm2m.Value{})))), "/2/0/2/0: it has no value"},
		{"not UTF-8", formats[:4], "/1/0", oneObject(1, instance(0, text(7, "\xff"))), "UTF-8"},
		{"empty Object", formats[1:3], "/", oneObject(1), "Object without Instances"},
		{"empty Instance", formats[1:3], "/1", oneObject(1, instance(0)), "Instance without Resources"},
		{"empty Resource", formats[1:3], "/0/1", oneObject(0, instance(1, multiple(16))), "without instances"},
		{"not a number", formats[1:2], "/3303/0", oneObject(3303, instance(0, lwm2m.Single(1, lwm2m.FloatValue(math.NaN())))), "decimal"},
		{"infinite", formats[4:5], "/3303/0/1", oneObject(3303, instance(0, lwm2m.Single(1, lwm2m.FloatValue(math.Inf(-1))))), "decimal"},
		{"multiple", formats[4:], "/0/1/16", oneObject(0, ciphersuites), "one single-instance Resource"},
		{"not opaque", formats[5:6], "/1/0/0", serverID123, "opaque"},
		{"too long for TLV", formats[:1], "/0/1", oneObject(0, instance(1, opaque(5, strings.Repeat("x", 1<<24)))), "longer than"},
	}
	for _, tt := range tests {
		for _, f := range tt.formats {
			t.Run(tt.name+" "+f.String(), func(t *testing.T) {
				got, err := content.Encode(f, path(t, tt.at), tt.in)
				if !errors.Is(err, content.ErrContent) || !strings.Contains(err.Error(), tt.says) || got != nil {
					t.Errorf("Encode = %x, %v\nwant %v that says %q", got, err, content.ErrContent, tt.says)
				}
			})
		}
	}
}

func TestEncodeEmptyContent(t *testing.T) {
	tests := []struct {
		format lwm2m.Format
		at     string
		in     []lwm2m.Object
		want   string
	}{
		{lwm2m.FormatTLV, "/1", oneObject(1), ""},
		{lwm2m.FormatTLV, "/1", oneObject(1, instance(3)), "0003"},
		{lwm2m.FormatTLV, "/1/3", oneObject(1, instance(3)), ""},
		{lwm2m.FormatTLV, "/0/1", oneObject(0, instance(1, multiple(16))), "8010"},
		{lwm2m.FormatSenMLJSON, "/", nil, "[]"},
		{lwm2m.FormatSenMLJSON, "/1", oneObject(1), "[]"},
		{lwm2m.FormatSenMLJSON, "/1/3", oneObject(1, instance(3)), "[]"},
		{lwm2m.FormatSenMLCBOR, "/1/3", oneObject(1, instance(3)), "80"},
		{lwm2m.FormatLwM2MCBOR, "/", nil, "a0"},
		{lwm2m.FormatLwM2MCBOR, "/1", oneObject(1), "a101a0"},
		{lwm2m.FormatLwM2MCBOR, "/1/3", oneObject(1, instance(3)), "a101a103a0"},
		{lwm2m.FormatLwM2MCBOR, "/0/1", oneObject(0, instance(1, multiple(16))), "a100a101a110a0"},
		{lwm2m.FormatLwM2MCBOR, "/0/1/16", oneObject(0, instance(1, multiple(16))), "a183000110a0"},
	}
	for _, tt := range tests {
		got, err := content.Encode(tt.format, path(t, tt.at), tt.in)
		if err != nil || string(got) != string(payload(t, tt.format, tt.want)) {
			t.Errorf("%v at %s = %x, %v, want %s", tt.format, tt.at, got, err, tt.want)
		}
		if back, err := content.Decode(tt.format, path(t, tt.at), got); err != nil || !reflect.DeepEqual(back, tt.in) {
			t.Errorf("%v at %s: %x reads as %+v, %v, want %+v", tt.format, tt.at, got, back, err, tt.in)
		}
	}
}

// What one format carries every other carries back unchanged, as far as it can
// express it.
func FuzzDecode(f *testing.F) {
	for _, v := range vectors {
		f.Add(v.format.Number(), v.at, vector(f, v.file))
	}
	f.Add(uint16(0), "/1/0/0", []byte("123"))
	f.Add(uint16(42), "/0/1/3", []byte("key"))
	f.Add(uint16(60), "/0/1/17", []byte("\x6421:0"))
	f.Fuzz(func(t *testing.T, number uint16, where string, in []byte) {
		at, err := lwm2m.ParsePath(where)
		if err != nil || len(in) > content.MaxValues { // where the bounds do not matter
			return
		}
		objects, err := content.Decode(lwm2m.FormatNumber(number), at, in)
		if err != nil {
			if !errors.Is(err, content.ErrPayload) && !errors.Is(err, content.ErrFormat) {
				t.Errorf("error %v is of no kind", err)
			}
			return
		}
		for _, other := range formats {
			wire, err := content.Encode(other, at, objects)
			if err != nil {
				if !excused(other, at, objects) {
					t.Errorf("%v does not carry %+v: %v", other, objects, err)
				}
				continue
			}
			back, err := content.Decode(other, at, wire)
			if selfExplaining(other, objects) && (err != nil || !reflect.DeepEqual(back, objects)) {
				t.Errorf("%v carries %+v\nas %x\nand back as %+v, error %v", other, objects, wire, back, err)
			}
			again, err := content.Encode(other, at, objects)
			if err != nil || string(again) != string(wire) {
				t.Errorf("%v carries %+v once as %x, once as %x", other, objects, wire, again)
			}
		}
	})
}

// excused reports whether there is something that f cannot express.
func excused(f lwm2m.Format, at lwm2m.Path, content []lwm2m.Object) bool {
	switch f {
	case lwm2m.FormatTLV:
		return at.Depth() == 0
	case lwm2m.FormatLwM2MCBOR:
		return false
	case lwm2m.FormatText, lwm2m.FormatCBOR, lwm2m.FormatOpaque:
		if at.Depth() < 3 || content[0].Instances[0].Resources[0].Multiple {
			return true
		}
		v := content[0].Instances[0].Resources[0].Value
		return f == lwm2m.FormatOpaque && v.Type() != lwm2m.TypeOpaque || f == lwm2m.FormatText && !finite(v)
	}
	for _, o := range content {
		if len(o.Instances) == 0 {
			return true
		}
		for _, in := range o.Instances {
			if len(in.Resources) == 0 {
				return true
			}
			for _, r := range in.Resources {
				if r.Multiple && len(r.Instances) == 0 || f == lwm2m.FormatSenMLJSON && !all(r, finite) {
					return true
				}
			}
		}
	}
	return false
}

func finite(v lwm2m.Value) bool { return !math.IsNaN(v.Float()) && !math.IsInf(v.Float(), 0) }

// selfExplaining reports whether every value comes back from f with its type: a
// Resource without definition only does as a format tells the type.
func selfExplaining(f lwm2m.Format, content []lwm2m.Object) bool {
	for _, o := range content {
		def, _ := object.Lookup(o.ID)
		for _, in := range o.Instances {
			for _, r := range in.Resources {
				_, known := def.Resource(r.ID)
				opaque := func(v lwm2m.Value) bool { return v.Type() == lwm2m.TypeOpaque }
				if !known && (f == lwm2m.FormatText || !all(r, opaque)) {
					return false
				}
			}
		}
	}
	return true
}

func all(r lwm2m.Resource, is func(lwm2m.Value) bool) bool {
	for _, ri := range r.Instances {
		if !is(ri.Value) {
			return false
		}
	}
	return r.Multiple || is(r.Value)
}

// benchmarked is what the benchmarks of a format carry: an account where it carries
// Instances, else one value of it.
func benchmarked(tb testing.TB, f lwm2m.Format) (at lwm2m.Path, objects []lwm2m.Object) {
	if content.Writable(f) {
		return path(tb, "/0/1"), oneObject(0, pskAccount)
	}
	value := lwm2m.StringValue("coaps://lwm2m.example.com:5684")
	id := lwm2m.ResourceID(0)
	if f == lwm2m.FormatOpaque {
		value, id = lwm2m.OpaqueValue([]byte("0123456789abcdef")), 5
	}
	return lwm2m.ResourcePath(0, 1, id), oneObject(0, lwm2m.Instance{ID: 1, Resources: []lwm2m.Resource{lwm2m.Single(id, value)}})
}

func BenchmarkEncode(b *testing.B) {
	for _, f := range formats {
		at, objects := benchmarked(b, f)
		b.Run(f.String(), func(b *testing.B) {
			b.ReportAllocs()
			defer cpuTime(b)()
			for b.Loop() {
				if _, err := content.Encode(f, at, objects); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, f := range formats {
		at, objects := benchmarked(b, f)
		wire, err := content.Encode(f, at, objects)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(f.String(), func(b *testing.B) {
			b.ReportAllocs()
			defer cpuTime(b)()
			for b.Loop() {
				if _, err := content.Decode(f, at, wire); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParseDiscover(b *testing.B) {
	answer := vector(b, "discover/leshan-2.0.txt")
	b.ReportAllocs()
	defer cpuTime(b)()
	for b.Loop() {
		if d := link.ParseDiscovery(answer); len(d.Instances) != 4 {
			b.Fatal(d)
		}
	}
}
