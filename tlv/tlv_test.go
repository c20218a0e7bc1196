package tlv_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"lwbs/tlv"
)

// vector reads testdata/tlv/name.hex.
func vector(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../testdata/tlv", name+".hex"))
	if err != nil {
		t.Fatal(err)
	}
	var digits strings.Builder
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "#") {
			digits.WriteString(strings.TrimSpace(line))
		}
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return b
}

func resource(id uint16, value string) tlv.Record {
	return tlv.Record{Kind: tlv.Resource, ID: id, Value: []byte(value)}
}

func multiple(id uint16, children ...tlv.Record) tlv.Record {
	return tlv.Record{Kind: tlv.MultipleResource, ID: id, Children: children}
}

func value(id uint16, v string) tlv.Record {
	return tlv.Record{Kind: tlv.ResourceInstance, ID: id, Value: []byte(v)}
}

func instance(id uint16, children ...tlv.Record) tlv.Record {
	return tlv.Record{Kind: tlv.ObjectInstance, ID: id, Children: children}
}

var key = "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"

var server = []tlv.Record{
	resource(0, "\x7b"), resource(1, "\x00\x01\x51\x80"), resource(6, "\x01"), resource(7, "U"),
}

var vectors = []struct {
	name string
	want []tlv.Record
}{
	{"T01-server-instance", server},
	{"T02-server-object", []tlv.Record{instance(0, server...)}},
	{"T03-psk-account", []tlv.Record{
		resource(0, "coaps://dm.example.com:5684"), resource(1, "\x00"), resource(2, "\x00"),
		resource(3, "dev-0001"), resource(4, ""), resource(5, key), resource(10, "\x7b"),
	}},
	{"T04-two-nosec-accounts", []tlv.Record{
		instance(1, resource(0, "coap://a.example:5683"), resource(1, "\x00"), resource(2, "\x03"), resource(10, "e")),
		instance(2, resource(0, "coap://b.example:5683"), resource(1, "\x00"), resource(2, "\x03"), resource(10, "f")),
	}},
	{"T05-access-control", []tlv.Record{
		resource(0, "\x03"), resource(1, "\x00"), multiple(2, value(0, "\x01"), value(101, "\x1f")), resource(3, "e"),
	}},
	{"T06-create-right", []tlv.Record{
		resource(0, "\x03"), resource(1, "\x00\x00\xff\xff"), multiple(2, value(101, "\x10")), resource(3, "\x00\x00\xff\xff"),
	}},
	{"T07-ciphersuites", []tlv.Record{multiple(16, value(0, "\x00\x00\xc0\xa8"), value(1, "\x00\xae"))}},
	{"T08-objlnk", []tlv.Record{resource(17, "\x00\x15\x00\x00")}},
	{"T09-time-4-bytes", []tlv.Record{resource(13, "\x69\x55\xb9\x00")}},
	{"T09-time-8-bytes", []tlv.Record{resource(13, "\x00\x00\x00\x00\x83\xaa\x7e\x80")}},
	{"T10-float-4-bytes", []tlv.Record{resource(5700, "\x41\xac\x00\x00")}},
	{"T10-float-8-bytes", []tlv.Record{resource(5700, "\x40\x35\x80\x00\x00\x00\x00\x00")}},
	{"T11-oscore", []tlv.Record{
		resource(0, key), resource(1, "\x01"), resource(2, "\x42\x53"), resource(3, "\x0a"), resource(4, "\x05"),
		resource(5, "\x9e\x7c\xa9\x22\x23\x78\x63\x40"),
	}},
	{"T12-length-1-byte", []tlv.Record{resource(3, strings.Repeat("\x00", 100))}},
	{"T12-length-2-bytes", []tlv.Record{resource(3, strings.Repeat("\x00", 300))}},
	{"T12-empty", []tlv.Record{resource(3, "")}},
	{"T13-short-server-id-40000", []tlv.Record{resource(10, "\x00\x00\x9c\x40")}},
	{"T13-acl-of-server-300", []tlv.Record{multiple(2, value(300, "\x10"))}},
	{"T14-default-min-period", []tlv.Record{resource(2, "\x65")}},
	{"T14-default-max-period", []tlv.Record{resource(3, "\x03\xf2")}},
	{"T14-disable-timeout", []tlv.Record{resource(5, "\x07\xd0")}},
	{"T14-storing", []tlv.Record{resource(6, "\x01")}},
	{"T14-binding", []tlv.Record{resource(7, "U")}},
}

func TestVectors(t *testing.T) {
	for _, v := range vectors {
		t.Run(v.name, func(t *testing.T) {
			wire := vector(t, v.name)
			got, err := tlv.Decode(wire)
			if err != nil {
				t.Fatalf("Decode: %v", err)
			}
			if !equal(got, v.want) {
				t.Errorf("Decode = %+v, want %+v", got, v.want)
			}
			encoded, err := tlv.Append(nil, v.want...)
			if err != nil || !bytes.Equal(encoded, wire) {
				t.Errorf("Append = %x, %v, want %x", encoded, err, wire)
			}
			if n := tlv.Size(v.want...); n != len(wire) {
				t.Errorf("Size = %d, want %d", n, len(wire))
			}
		})
	}
}

// equal compares records, an absent slice being equal to an empty one.
func equal(a, b []tlv.Record) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Kind != b[i].Kind || a[i].ID != b[i].ID || !bytes.Equal(a[i].Value, b[i].Value) || !equal(a[i].Children, b[i].Children) {
			return false
		}
	}
	return true
}

func TestEveryVectorFileIsTested(t *testing.T) {
	files, err := filepath.Glob("../testdata/tlv/*.hex")
	if err != nil || len(files) != len(vectors) {
		t.Errorf("there are %d vector files and %d tests (error: %v)", len(files), len(vectors), err)
	}
}

func TestLengthOfThreeBytes(t *testing.T) {
	in := resource(3, strings.Repeat("x", 70000))
	b, err := tlv.Append(nil, in)
	if want := []byte{0xd8, 0x03, 0x01, 0x11, 0x70, 'x'}; err != nil || !bytes.HasPrefix(b, want) {
		t.Fatalf("Append = %x…, %v, want %x…", b[:6], err, want)
	}
	if out, err := tlv.Decode(b); err != nil || !equal(out, []tlv.Record{in}) {
		t.Errorf("Decode did not return the record, error %v", err)
	}
}

func TestDecodeLongerForms(t *testing.T) {
	want := []tlv.Record{resource(0, "\x65")}
	for _, in := range []string{"c10065", "e1000065", "c8000165", "e800000165", "d000000165", "d80000000165"} {
		b, _ := hex.DecodeString(in)
		if got, err := tlv.Decode(b); err != nil || !equal(got, want) {
			t.Errorf("Decode(%s) = %+v, %v, want %+v", in, got, err, want)
		}
	}
}

func TestDecodeLengthBitsAreIgnoredBesideALengthField(t *testing.T) {
	got, err := tlv.Decode([]byte{0xcf, 0x00, 0x01, 0x65})
	if err != nil || !equal(got, []tlv.Record{resource(0, "\x65")}) {
		t.Errorf("Decode = %+v, %v", got, err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	tests := []struct {
		name   string
		in     string // hex
		offset int
		err    error
	}{
		{"one byte", "c1", 0, tlv.ErrTruncated},
		{"value cut off", "c300636f", 0, tlv.ErrTruncated},
		{"second record cut off", "c10065c401", 3, tlv.ErrTruncated},
		{"length field cut off", "d80001", 0, tlv.ErrTruncated},
		{"identifier cut off", "e100", 0, tlv.ErrTruncated},
		{"child longer than its parent", "0803" + "02" + "c30063", 3, tlv.ErrTruncated},
		{"instance in instance", "0800020000", 3, tlv.ErrMisplaced},
		{"resource in multiple resource", "8302c10065", 2, tlv.ErrMisplaced},
		{"resource instance in instance", "0300410065", 2, tlv.ErrMisplaced},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, err := hex.DecodeString(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			got, err := tlv.Decode(b)
			var syntax *tlv.SyntaxError
			if !errors.As(err, &syntax) || !errors.Is(err, tt.err) || syntax.Offset != tt.offset {
				t.Errorf("Decode(%s) = %+v, %v, want %v at byte %d", tt.in, got, err, tt.err, tt.offset)
			}
		})
	}
}

func TestDecodeRefusesTooManyRecords(t *testing.T) {
	_, err := tlv.Decode(bytes.Repeat([]byte{0xc0, 0x00}, tlv.MaxRecords+1))
	if !errors.Is(err, tlv.ErrTooMany) {
		t.Errorf("error = %v, want %v", err, tlv.ErrTooMany)
	}
}

func TestAppendRefuses(t *testing.T) {
	tests := []struct {
		name string
		in   tlv.Record
		err  error
	}{
		{"instance in instance", instance(0, instance(1)), tlv.ErrNesting},
		{"resource in multiple resource", multiple(0, resource(1, "")), tlv.ErrNesting},
		{"container with a value", tlv.Record{Kind: tlv.ObjectInstance, Value: []byte{1}}, tlv.ErrNesting},
		{"resource with children", tlv.Record{Kind: tlv.Resource, Children: []tlv.Record{value(0, "")}}, tlv.ErrNesting},
		{"no such kind", tlv.Record{Kind: 4}, tlv.ErrNesting},
		{"too long", tlv.Record{Kind: tlv.Resource, Value: make([]byte, tlv.MaxLength+1)}, tlv.ErrTooLong},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tlv.Append([]byte("before"), resource(0, "x"), tt.in)
			if !errors.Is(err, tt.err) || string(got) != "before" {
				t.Errorf("Append = %q, %v, want the buffer unchanged and %v", got, err, tt.err)
			}
		})
	}
}

func TestAppendDoesNotAllocate(t *testing.T) {
	records := []tlv.Record{instance(0, append(server, multiple(16, value(0, "\x00\xae"), value(1, "\x00\xa8")))...)}
	buf := make([]byte, 0, 256)
	allocs := testing.AllocsPerRun(100, func() {
		if _, err := tlv.Append(buf, records...); err != nil {
			t.Fatal(err)
		}
	})
	if allocs != 0 {
		t.Errorf("Append into a buffer with room allocates %v times", allocs)
	}
}

func TestIntegers(t *testing.T) {
	tests := []struct {
		in   int64
		want string
	}{
		{0, "00"}, {127, "7f"}, {128, "0080"}, {255, "00ff"}, {-128, "80"}, {-129, "ff7f"},
		{32767, "7fff"}, {32768, "00008000"}, {65535, "0000ffff"}, {86400, "00015180"},
		{1 << 31, "0000000080000000"}, {math.MinInt64, "8000000000000000"},
	}
	for _, tt := range tests {
		b := tlv.AppendInt(nil, tt.in)
		if got := hex.EncodeToString(b); got != tt.want {
			t.Errorf("AppendInt(%d) = %s, want %s", tt.in, got, tt.want)
		}
		if back, err := tlv.ParseInt(b); err != nil || back != tt.in {
			t.Errorf("ParseInt(%s) = %d, %v, want %d", tt.want, back, err, tt.in)
		}
	}
}

func TestUnsignedIntegers(t *testing.T) {
	tests := []struct {
		in   uint64
		want string
	}{
		{49320, "0000c0a8"}, {174, "00ae"}, {1, "01"}, {math.MaxUint32, "00000000ffffffff"}, {math.MaxUint64, "ffffffffffffffff"},
	}
	for _, tt := range tests {
		b := tlv.AppendUint(nil, tt.in)
		if got := hex.EncodeToString(b); got != tt.want {
			t.Errorf("AppendUint(%d) = %s, want %s", tt.in, got, tt.want)
		}
		if back, err := tlv.ParseUint(b); err != nil || back != tt.in {
			t.Errorf("ParseUint(%s) = %d, %v, want %d", tt.want, back, err, tt.in)
		}
	}
	if got, err := tlv.ParseUint([]byte{0xc0, 0xa8}); err != nil || got != 49320 {
		t.Errorf("ParseUint(c0a8) = %d, %v: a client may send it without the zero bytes", got, err)
	}
}

func TestFloats(t *testing.T) {
	for _, f := range []float64{0, 21.5, -1, 0.1, math.MaxFloat64, math.Inf(1)} {
		if back, err := tlv.ParseFloat(tlv.AppendFloat(nil, f)); err != nil || back != f {
			t.Errorf("%v became %v, %v", f, back, err)
		}
	}
	if n := len(tlv.AppendFloat(nil, 21.5)); n != 4 {
		t.Errorf("21.5 takes %d bytes, want 4", n)
	}
}

func TestParseRefuses(t *testing.T) {
	parse := map[string]func([]byte) error{
		"integer":          func(b []byte) error { _, err := tlv.ParseInt(b); return err },
		"unsigned integer": func(b []byte) error { _, err := tlv.ParseUint(b); return err },
		"float":            func(b []byte) error { _, err := tlv.ParseFloat(b); return err },
		"boolean":          func(b []byte) error { _, err := tlv.ParseBool(b); return err },
		"objlnk":           func(b []byte) error { _, _, err := tlv.ParseLink(b); return err },
	}
	tests := []struct {
		what string
		in   []byte
	}{
		{"integer", nil}, {"integer", make([]byte, 3)}, {"integer", make([]byte, 9)},
		{"unsigned integer", nil}, {"unsigned integer", make([]byte, 5)},
		{"float", make([]byte, 2)}, {"boolean", nil}, {"boolean", []byte{2}}, {"objlnk", make([]byte, 3)},
	}
	for _, tt := range tests {
		if err := parse[tt.what](tt.in); !errors.Is(err, tlv.ErrValue) {
			t.Errorf("%s from %x: error %v, want %v", tt.what, tt.in, err, tlv.ErrValue)
		}
	}
}

// Whatever Decode accepts must survive a round trip: devices may spell a length in
// more than one way, but the records they mean must not change.
func FuzzDecode(f *testing.F) {
	seeds, err := filepath.Glob("../testdata/tlv/*.hex")
	if err != nil || len(seeds) == 0 {
		f.Fatalf("testdata/tlv gave no seeds (error: %v)", err)
	}
	for _, name := range seeds {
		f.Add(vector(f, strings.TrimSuffix(filepath.Base(name), ".hex")))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		records, err := tlv.Decode(in)
		if err != nil {
			var syntax *tlv.SyntaxError
			if !errors.As(err, &syntax) || syntax.Offset < 0 || syntax.Offset >= len(in) {
				t.Errorf("%x: error %v has no place within the input", in, err)
			}
			return
		}
		wire, err := tlv.Append(nil, records...)
		if err != nil {
			t.Fatalf("%x: decoded, but does not encode: %v", in, err)
		}
		if len(wire) > len(in) {
			t.Errorf("%x grew to %x", in, wire)
		}
		again, err := tlv.Decode(wire)
		if err != nil || !reflect.DeepEqual(again, records) {
			t.Errorf("%x: %+v became %+v, error %v", in, records, again, err)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	buf := make([]byte, 0, 256)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tlv.Append(buf, server...); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	in := vector(b, "T03-psk-account")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tlv.Decode(in); err != nil {
			b.Fatal(err)
		}
	}
}
