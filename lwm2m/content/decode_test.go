package content_test

import (
	"encoding/hex"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"lwbs/lwm2m"
	"lwbs/lwm2m/content"
)

// payload reads a test case: text for JSON and text/plain, hexadecimal for the rest.
func payload(t testing.TB, f lwm2m.Format, s string) []byte {
	t.Helper()
	if f == lwm2m.FormatSenMLJSON || f == lwm2m.FormatText {
		return []byte(s)
	}
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var (
	serverID123    = oneObject(1, instance(0, integer(0, 123)))
	linkTo21       = oneObject(0, oscoreLink)
	nullLink       = oneObject(0, instance(1, lwm2m.Single(17, lwm2m.LinkValue(lwm2m.NullLink))))
	identityInBits = oneObject(0, instance(1, opaque(3, "\xfb\xff\xfe")))
)

func TestDecodeIsLenient(t *testing.T) {
	tests := []struct {
		name   string
		format lwm2m.Format
		at     string
		in     string
		want   []lwm2m.Object
	}{
		{"longer forms of TLV", lwm2m.FormatTLV, "/1/0", "f0 0000 0001 7b", serverID123},
		{"TLV by its number before 1.0", lwm2m.FormatNumber(1542), "/1/0", "c1 00 7b", serverID123},
		{"text by its number before 1.0", lwm2m.FormatNumber(1541), "/1/0/0", "313233", serverID123},
		{"unsigned integer without the zero bytes", lwm2m.FormatTLV, "/0/1/16", "88 10 08 42 00 c0a8 42 01 00ae", oneObject(0, ciphersuites)},
		{"multiple Resource without instances", lwm2m.FormatTLV, "/0/1", "80 10", oneObject(0, instance(1, multiple(16)))},
		{"no Instance", lwm2m.FormatTLV, "/1", "", oneObject(1)},
		{"no Resource", lwm2m.FormatTLV, "/1/0", "", oneObject(1, instance(0))},
		{"Instance in a record of its own", lwm2m.FormatTLV, "/1/0", "03 00 c1 00 7b", serverID123},
		{"Instance without Resources", lwm2m.FormatTLV, "/1", "00 07", oneObject(1, instance(7))},

		{"names in full", lwm2m.FormatSenMLJSON, "/1/0", `[{"n":"/1/0/0","v":123}]`, serverID123},
		{"base name of the Object", lwm2m.FormatSenMLJSON, "/1", `[{"bn":"/1/","n":"0/0","v":123}]`, serverID123},
		{"base name in the middle of an identifier", lwm2m.FormatSenMLJSON, "/1/0", `[{"bn":"/1","n":"/0/0","v":123}]`, serverID123},
		{"base name in a record of its own", lwm2m.FormatSenMLJSON, "/1/0", `[{"bn":"/1/0/"},{"n":"0","v":123}]`, serverID123},
		{"base name that changes", lwm2m.FormatSenMLJSON, "/1", `[{"bn":"/1/0/","n":"0","v":123},{"bn":"/1/4/","n":"0","v":5}]`,
			oneObject(1, instance(0, integer(0, 123)), instance(4, integer(0, 5)))},
		{"runs that interleave", lwm2m.FormatSenMLJSON, "/1", `[{"n":"/1/0/0","v":123},{"n":"/1/4/0","v":5},{"n":"/1/0/1","v":60}]`,
			oneObject(1, instance(0, integer(0, 123), integer(1, 60)), instance(4, integer(0, 5)))},
		{"white space, units and times", lwm2m.FormatSenMLJSON, "/1/0", " [ { \"bver\" : 10, \"bt\": 1.5, \"u\":\"s\", \"n\":\"/1/0/0\", \"x\":{\"y\":[1]}, \"v\" : 123 } ]\r\n", serverID123},
		{"whole number with a point", lwm2m.FormatSenMLJSON, "/1/0", `[{"n":"/1/0/0","v":123.0}]`, serverID123},
		{"whole number with an exponent", lwm2m.FormatSenMLJSON, "/1/0", `[{"n":"/1/0/0","v":1.23e2}]`, serverID123},
		{"objlnk in vs", lwm2m.FormatSenMLJSON, "/0/1/17", `[{"bn":"/0/1/17","vs":"21:0"}]`, linkTo21},
		{"null objlnk in hexadecimal", lwm2m.FormatSenMLJSON, "/0/1/17", `[{"bn":"/0/1/17","vlo":"FFFF:FFFF"}]`, nullLink},
		{"data in Base64url", lwm2m.FormatSenMLJSON, "/0/1/3", `[{"bn":"/0/1/3","vd":"-__-"}]`, identityInBits},
		{"data in Base64", lwm2m.FormatSenMLJSON, "/0/1/3", `[{"bn":"/0/1/3","vd":"+//+"}]`, identityInBits},
		{"data with padding", lwm2m.FormatSenMLJSON, "/0/1/3", `[{"bn":"/0/1/3","vd":"AA=="}]`, oneObject(0, instance(1, opaque(3, "\x00")))},
		{"empty pack", lwm2m.FormatSenMLJSON, "/1", `[]`, oneObject(1)},
		{"null names", lwm2m.FormatSenMLJSON, "/1/0", `[{"bn":null,"n":"/1/0/0","v":123}]`, serverID123},
		{"types of unknown Resources", lwm2m.FormatSenMLJSON, "/9999/0",
			`[{"bn":"/9999/0/","n":"0","v":1},{"n":"1","v":1.0},{"n":"2","vs":"x"},{"n":"3","vb":true},{"n":"4","vd":"AA"},{"n":"5","vlo":"1:2"},{"n":"6","v":18446744073709551615}]`,
			oneObject(9999, instance(0, integer(0, 1), lwm2m.Single(1, lwm2m.FloatValue(1)), text(2, "x"), boolean(3, true), opaque(4, "\x00"),
				lwm2m.Single(5, lwm2m.LinkValue(lwm2m.ObjectLink{Object: 1, Instance: 2})), lwm2m.Single(6, lwm2m.UnsignedValue(math.MaxUint64))))},

		{"indefinite lengths", lwm2m.FormatSenMLCBOR, "/1/0", "9f bf 21 65 2f312f302f 00 61 30 02 18 7b ff ff", serverID123},
		{"fields in another order", lwm2m.FormatSenMLCBOR, "/1/0", "81 a3 02 18 7b 00 61 30 21 65 2f312f302f", serverID123},
		{"float of two bytes", lwm2m.FormatSenMLCBOR, "/1/0", "81 a2 00 66 2f312f302f30 02 f9 57b0", serverID123},
		{"decimal fraction", lwm2m.FormatSenMLCBOR, "/1/0", "81 a2 00 66 2f312f302f30 02 c4 82 20 19 04ce", serverID123},
		{"bignum", lwm2m.FormatSenMLCBOR, "/1/0", "81 a2 00 66 2f312f302f30 02 c2 41 7b", serverID123},
		{"unknown labels", lwm2m.FormatSenMLCBOR, "/1/0", "81 a4 00 66 2f312f302f30 18 63 01 61 78 80 02 18 7b", serverID123},

		{"key as array with one identifier", lwm2m.FormatLwM2MCBOR, "/1/0", "a1 81 01 a1 81 00 a1 00 18 7b", serverID123},
		{"the whole path as key", lwm2m.FormatLwM2MCBOR, "/1/0", "a1 83 01 00 00 18 7b", serverID123},
		{"key in more bytes than needed", lwm2m.FormatLwM2MCBOR, "/1/0", "b8 01 18 01 b9 0001 00 ba 00000001 00 18 7b", serverID123},
		{"siblings by path", lwm2m.FormatLwM2MCBOR, "/1", "a2 82 01 00 a1 00 18 7b 82 01 04 a1 00 05",
			oneObject(1, instance(0, integer(0, 123)), instance(4, integer(0, 5)))},
		{"time with a tag", lwm2m.FormatLwM2MCBOR, "/3/0/13", "a1 83 03 00 0d c1 1a 69 55b900", oneObject(3, newYear2026)},
		{"time as text", lwm2m.FormatLwM2MCBOR, "/3/0/13", "a1 83 03 00 0d c0 74 323032362d30312d30315430303a30303a30305a", oneObject(3, newYear2026)},
		{"several Objects", lwm2m.FormatLwM2MCBOR, "/", "a2 01 a1 00 a1 00 18 7b 03 a0", append(append([]lwm2m.Object{}, serverID123...), lwm2m.Object{ID: 3})},
		{"nothing", lwm2m.FormatLwM2MCBOR, "/", "a0", nil},

		{"CBOR", lwm2m.FormatCBOR, "/1/0/0", "18 7b", serverID123},
		{"text number", lwm2m.FormatText, "/1/0/0", "123", serverID123},
		{"text of an unknown Resource", lwm2m.FormatText, "/9999/0/1", "123", oneObject(9999, instance(0, text(1, "123")))},
		{"empty text", lwm2m.FormatText, "/1/0/7", "", oneObject(1, instance(0, text(7, "")))},
		{"text data without padding", lwm2m.FormatText, "/0/1/3", "+//+", identityInBits},
		{"opaque", lwm2m.FormatOpaque, "/0/1/3", "fbfffe", identityInBits},
		{"empty opaque", lwm2m.FormatOpaque, "/0/1/3", "", oneObject(0, instance(1, opaque(3, "")))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := content.Decode(tt.format, path(t, tt.at), payload(t, tt.format, tt.in))
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("Decode = %+v, %v\nwant %+v", got, err, tt.want)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	tests := []struct {
		name   string
		format lwm2m.Format
		at     string
		in     string
		says   string
	}{
		{"cut off", lwm2m.FormatTLV, "/1/0", "c2 00 7b", "byte 0"},
		{"Resource where Instances belong", lwm2m.FormatTLV, "/1", "c1 00 7b", "misplaced"},
		{"another Instance around", lwm2m.FormatTLV, "/1/0", "03 01 c1 00 7b", "misplaced"},
		{"Instance twice", lwm2m.FormatTLV, "/1", "00 00 00 00", "/1/0: it is there twice"},
		{"Resource twice", lwm2m.FormatTLV, "/1/0", "c1 00 7b c1 00 7b", "/1/0/0: it is there twice"},
		{"Resource single and multiple", lwm2m.FormatTLV, "/0/1", "c1 10 01 80 10", "/0/1/16: it is there twice"},
		{"Resource Instance twice", lwm2m.FormatTLV, "/2/0/2", "86 02 41 00 01 41 00 01", "/2/0/2/0: it is there twice"},
		{"integer of three bytes", lwm2m.FormatTLV, "/1/0", "c3 00 00007b", "1, 2, 4 or 8 bytes"},
		{"empty integer", lwm2m.FormatTLV, "/1/0", "c0 00", "1, 2, 4 or 8 bytes"},
		{"boolean 2", lwm2m.FormatTLV, "/1/0", "c1 06 02", "boolean"},
		{"objlnk of two bytes", lwm2m.FormatTLV, "/0/1", "c2 11 0015", "objlnk"},
		{"text that is not UTF-8", lwm2m.FormatTLV, "/1/0", "c1 07 ff", "UTF-8"},
		{"executable Resource", lwm2m.FormatTLV, "/1/0", "c0 08", "executable"},
		{"another Resource", lwm2m.FormatTLV, "/1/0/0", "c1 01 7b", "outside"},
		{"two Resources for one", lwm2m.FormatTLV, "/1/0/0", "c1 00 7b c1 01 7b", "outside"},
		{"no Resource for one", lwm2m.FormatTLV, "/1/0/0", "", "missing"},
		{"reserved Instance", lwm2m.FormatTLV, "/1", "20 ffff", "reserved"},
		{"reserved Resource Instance", lwm2m.FormatTLV, "/2/0/2", "84 02 61 ffff 01", "reserved"},

		{"no JSON", lwm2m.FormatSenMLJSON, "/1/0", `hello`, "invalid character"},
		{"empty", lwm2m.FormatSenMLJSON, "/1/0", ``, "EOF"},
		{"no array", lwm2m.FormatSenMLJSON, "/1/0", `{"n":"/1/0/0","v":123}`, "missing"},
		{"no records", lwm2m.FormatSenMLJSON, "/1/0", `[1]`, "missing"},
		{"array not closed", lwm2m.FormatSenMLJSON, "/1/0", `[{"n":"/1/0/0","v":123}`, "EOF"},
		{"more after the array", lwm2m.FormatSenMLJSON, "/1/0", `[] []`, "follows"},
		{"not UTF-8", lwm2m.FormatSenMLJSON, "/1/0", "[{\"n\":\"/1/0/7\",\"vs\":\"\xff\"}]", "UTF-8"},
		{"no value", lwm2m.FormatSenMLJSON, "/1/0", `[{"n":"/1/0/0"}]`, "just one value"},
		{"two values", lwm2m.FormatSenMLJSON, "/1/0", `[{"n":"/1/0/0","v":1,"vs":"1"}]`, "just one value"},
		{"a field twice", lwm2m.FormatSenMLJSON, "/1/0", `[{"n":"/1/0/0","v":1,"v":2}]`, "twice"},
		{"letter case of a field", lwm2m.FormatSenMLJSON, "/1/0", `[{"N":"/1/0/0","v":1}]`, "not an LwM2M path"},
		{"null", lwm2m.FormatSenMLJSON, "/1/0", `[{"n":"/1/0/0","v":null}]`, "another kind"},
		{"number as text", lwm2m.FormatSenMLJSON, "/1/0", `[{"n":"/1/0/0","v":"1"}]`, "another kind"},
		{"text for a number", lwm2m.FormatSenMLJSON, "/1/0", `[{"n":"/1/0/0","vs":"1"}]`, "no integer"},
		{"fraction for a whole number", lwm2m.FormatSenMLJSON, "/1/0", `[{"n":"/1/0/0","v":1.5}]`, "no integer"},
		{"number out of range", lwm2m.FormatSenMLJSON, "/1/0", `[{"n":"/1/0/0","v":1e30}]`, "no integer"},
		{"negative unsigned integer", lwm2m.FormatSenMLJSON, "/0/1/16", `[{"n":"/0/1/16/0","v":-1}]`, "no unsigned integer"},
		{"no objlnk", lwm2m.FormatSenMLJSON, "/0/1", `[{"n":"/0/1/17","vlo":"21"}]`, "another kind"},
		{"no Base64", lwm2m.FormatSenMLJSON, "/0/1", `[{"n":"/0/1/3","vd":"a*b"}]`, "Base64"},
		{"relative name", lwm2m.FormatSenMLJSON, "/1/0", `[{"n":"0","v":1}]`, "not an LwM2M path"},
		{"name of 1000 bytes", lwm2m.FormatSenMLJSON, "/1/0", `[{"n":"` + strings.Repeat("x", 1000) + `","v":1}]`, "1000 bytes"},
		{"value of an Instance", lwm2m.FormatSenMLJSON, "/1", `[{"n":"/1/0","v":1}]`, "above the Resources"},
		{"another Object with the same first digit", lwm2m.FormatSenMLJSON, "/1", `[{"n":"/1000/0/0","v":1}]`, "outside"},
		{"Resource single and multiple", lwm2m.FormatSenMLJSON, "/2/0", `[{"n":"/2/0/2","v":1},{"n":"/2/0/2/0","v":1}]`, "single value"},
		{"base value", lwm2m.FormatSenMLJSON, "/1/0", `[{"bv":100,"n":"/1/0/0","v":23}]`, "not understood"},
		{"label that must be understood", lwm2m.FormatSenMLJSON, "/1/0", `[{"x_":1,"n":"/1/0/0","v":23}]`, "not understood"},
		{"version above ours", lwm2m.FormatSenMLJSON, "/1/0", `[{"bver":11,"n":"/1/0/0","v":23}]`, "not understood"},

		{"no array", lwm2m.FormatSenMLCBOR, "/1/0", "a0", "array"},
		{"empty", lwm2m.FormatSenMLCBOR, "/1/0", "", "array"},
		{"cut off", lwm2m.FormatSenMLCBOR, "/1/0", "81 a2", "unexpected EOF"},
		{"more after the array", lwm2m.FormatSenMLCBOR, "/1/0", "80 00", "extraneous"},
		{"a field twice", lwm2m.FormatSenMLCBOR, "/1/0", "81 a3 00 66 2f312f302f30 02 01 02 02", "duplicate"},
		{"name that is no text", lwm2m.FormatSenMLCBOR, "/1/0", "81 a2 00 01 02 01", "no text"},
		{"null", lwm2m.FormatSenMLCBOR, "/1/0", "81 a2 00 66 2f312f302f30 02 f6", "no value"},
		{"array as value", lwm2m.FormatSenMLCBOR, "/1/0", "81 a2 00 66 2f312f302f30 02 80", "no value"},
		{"bignum of nine bytes", lwm2m.FormatSenMLCBOR, "/1/0", "81 a2 00 66 2f312f302f30 02 c2 49 010000000000000000", "no value"},

		{"no map", lwm2m.FormatLwM2MCBOR, "/1/0", "80", "no map"},
		{"empty", lwm2m.FormatLwM2MCBOR, "/1/0", "", "EOF"},
		{"more after the map", lwm2m.FormatLwM2MCBOR, "/1/0", "a0 a0", "extraneous"},
		{"text as key", lwm2m.FormatLwM2MCBOR, "/1/0", "a1 61 31 a0", "no path"},
		{"negative key", lwm2m.FormatLwM2MCBOR, "/1/0", "a1 20 a0", "no path"},
		{"empty array as key", lwm2m.FormatLwM2MCBOR, "/1/0", "a1 80 a0", "no path"},
		{"key of five identifiers", lwm2m.FormatLwM2MCBOR, "/1/0", "a1 85 01 00 00 00 00 01", "no path"},
		{"key above 65535", lwm2m.FormatLwM2MCBOR, "/1/0", "a1 1a 00010000 a0", "no path"},
		{"reserved identifier", lwm2m.FormatLwM2MCBOR, "/1", "a1 01 a1 19 ffff a0", "reserved"},
		{"value of an Instance", lwm2m.FormatLwM2MCBOR, "/1", "a1 01 a1 00 05", "above the Resources"},
		{"map below the Resource Instances", lwm2m.FormatLwM2MCBOR, "/2", "a1 02 a1 00 a1 02 a1 00 a0", "below the Resource Instances"},
		{"a key twice", lwm2m.FormatLwM2MCBOR, "/1/0", "a1 01 a1 00 a2 00 01 00 02", "twice"},
		{"a path nested in two ways", lwm2m.FormatLwM2MCBOR, "/1/0", "a2 01 a1 00 a1 00 01 83 01 00 01 05", "nested in another way"},
		{"a path nested in two ways, the array first", lwm2m.FormatLwM2MCBOR, "/1/0", "a2 83 01 00 01 05 01 a1 00 a1 00 01", "nested in another way"},
		{"null", lwm2m.FormatLwM2MCBOR, "/1/0", "a1 83 01 00 00 f6", "no value"},
		{"fraction of a second", lwm2m.FormatLwM2MCBOR, "/3/0/13", "a1 83 03 00 0d c1 fb 3ff8000000000000", "no time"},
		{"too deep", lwm2m.FormatLwM2MCBOR, "/1/0", strings.Repeat("a100", 9) + "00", "nested level"},

		{"two items", lwm2m.FormatCBOR, "/1/0/0", "0101", "extraneous"},
		{"text for a number", lwm2m.FormatCBOR, "/1/0/0", "6131", "no integer"},
		{"no number", lwm2m.FormatText, "/1/0/0", "1x", "invalid syntax"},
		{"hexadecimal", lwm2m.FormatText, "/1/0/0", "0x10", "invalid syntax"},
		{"no digits", lwm2m.FormatText, "/1/0/0", "", "out of range or none"},
		{"boolean in words", lwm2m.FormatText, "/1/0/6", "true", "0 or 1"},
		{"no objlnk", lwm2m.FormatText, "/0/1/17", "21:70000", "no objlnk"},
		{"no UTF-8", lwm2m.FormatText, "/1/0/7", "\xff", "UTF-8"},
		{"text of an executable Resource", lwm2m.FormatText, "/1/0/8", "", "executable"},
		{"opaque for a number", lwm2m.FormatOpaque, "/1/0/0", "01", "opaque"},
	}
	for _, tt := range tests {
		t.Run(tt.format.String()+" "+tt.name, func(t *testing.T) {
			got, err := content.Decode(tt.format, path(t, tt.at), payload(t, tt.format, tt.in))
			if !errors.Is(err, content.ErrPayload) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("Decode = %+v, %v\nwant %v that says %q", got, err, content.ErrPayload, tt.says)
			}
		})
	}
}

func TestDecodeIsBounded(t *testing.T) {
	tests := []struct {
		name   string
		format lwm2m.Format
		in     []byte
	}{
		{"bytes", lwm2m.FormatSenMLJSON, []byte("[" + strings.Repeat(" ", content.MaxPayload) + "]")},
		{"TLV records", lwm2m.FormatTLV, tlvInstances(content.MaxValues + 1)},
		{"CBOR pairs", lwm2m.FormatLwM2MCBOR, cborInstances(content.MaxValues + 1)},
		{"CBOR records", lwm2m.FormatSenMLCBOR, append([]byte{0x99, 0x10, 0x01}, make([]byte, content.MaxValues+1)...)},
		{"JSON depth", lwm2m.FormatSenMLJSON, []byte(`[{"x":` + strings.Repeat("[", 60000))},
		{"CBOR depth", lwm2m.FormatSenMLCBOR, []byte(strings.Repeat("\x81", 60000))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := content.Decode(tt.format, path(t, "/1"), tt.in); !errors.Is(err, content.ErrPayload) {
				t.Errorf("error %v, want %v", err, content.ErrPayload)
			}
		})
	}
	for f, in := range map[lwm2m.Format][]byte{lwm2m.FormatTLV: tlvInstances(content.MaxValues), lwm2m.FormatLwM2MCBOR: cborInstances(content.MaxValues)} {
		if got, err := content.Decode(f, path(t, "/1"), in); err != nil || len(got[0].Instances) != content.MaxValues {
			t.Errorf("%v at the bound: %v", f, err)
		}
	}
}

// tlvInstances is a payload of n Instances without Resources.
func tlvInstances(n int) (wire []byte) {
	for i := range n {
		wire = append(wire, 0x20, byte(i>>8), byte(i))
	}
	return wire
}

// cborInstances is the same of Object 1 in LwM2M CBOR.
func cborInstances(n int) []byte {
	wire := []byte{0xa1, 0x01, 0xb9, byte(n >> 8), byte(n)}
	for i := range n {
		wire = append(wire, 0x19, byte(i>>8), byte(i), 0xa0)
	}
	return wire
}

// What a payload carries may be a key: no error repeats it.
func TestDecodeErrorsTellNoValue(t *testing.T) {
	tests := []struct {
		format lwm2m.Format
		at     string
		in     string
	}{
		{lwm2m.FormatTLV, "/1/0", "c9 00 10 733363723374 2d6b65792d6279746573"},
		{lwm2m.FormatTLV, "/0/1", "c8 01 10 733363723374 2d6b65792d6279746573"},
		{lwm2m.FormatSenMLJSON, "/0/1", `[{"n":"/0/1/1","vs":"s3cr3t-key-bytes"}]`},
		{lwm2m.FormatSenMLJSON, "/0/1", `[{"n":"/0/1/5","vd":"czNjcjN0*"}]`},
		{lwm2m.FormatSenMLJSON, "/0/1", `[{"n":"/0/1/5","v":"s3cr3t-key-bytes"}]`},
		{lwm2m.FormatSenMLJSON, "/0/1", `[{"n":"/0/1/5","v":s3cr3t-key-bytes}]`},
		{lwm2m.FormatSenMLCBOR, "/0/1", "81 a2 00 66 2f302f312f31 03 70 733363723374 2d6b65792d6279746573"},
		{lwm2m.FormatLwM2MCBOR, "/0/1", "a1 83 00 01 01 50 733363723374 2d6b65792d6279746573"},
		{lwm2m.FormatCBOR, "/0/1/1", "50 733363723374 2d6b65792d6279746573"},
		{lwm2m.FormatText, "/0/1/1", "s3cr3t-key-bytes"},
		{lwm2m.FormatText, "/0/1/2", "s3cr3t-key-bytes"},
		{lwm2m.FormatOpaque, "/0/1/1", "733363723374 2d6b65792d6279746573"},
	}
	for _, tt := range tests {
		_, err := content.Decode(tt.format, path(t, tt.at), payload(t, tt.format, tt.in))
		if !errors.Is(err, content.ErrPayload) {
			t.Errorf("%v at %s: error %v", tt.format, tt.at, err)
			continue
		}
		for _, spelling := range []string{"s3cr3t", "733363723374", "115 51 99 114 51 116", "czNjcjN0"} {
			if strings.Contains(err.Error(), spelling) {
				t.Errorf("%v at %s shows the key: %v", tt.format, tt.at, err)
			}
		}
	}
}
