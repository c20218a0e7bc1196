package content_test

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"lwbs/lwm2m"
	"lwbs/lwm2m/content"
)

// Content is built with these.

func oneObject(id lwm2m.ObjectID, instances ...lwm2m.Instance) []lwm2m.Object {
	return []lwm2m.Object{{ID: id, Instances: instances}}
}

func instance(id lwm2m.InstanceID, resources ...lwm2m.Resource) lwm2m.Instance {
	return lwm2m.Instance{ID: id, Resources: resources}
}

func multiple(id lwm2m.ResourceID, instances ...lwm2m.ResourceInstance) lwm2m.Resource {
	return lwm2m.Resource{ID: id, Multiple: true, Instances: instances}
}

func item(id lwm2m.ResourceInstanceID, v lwm2m.Value) lwm2m.ResourceInstance {
	return lwm2m.ResourceInstance{ID: id, Value: v}
}

func integer(id lwm2m.ResourceID, i int64) lwm2m.Resource {
	return lwm2m.Single(id, lwm2m.IntegerValue(i))
}

func text(id lwm2m.ResourceID, s string) lwm2m.Resource {
	return lwm2m.Single(id, lwm2m.StringValue(s))
}

func boolean(id lwm2m.ResourceID, b bool) lwm2m.Resource {
	return lwm2m.Single(id, lwm2m.BooleanValue(b))
}

func opaque(id lwm2m.ResourceID, s string) lwm2m.Resource {
	return lwm2m.Single(id, lwm2m.OpaqueValue([]byte(s)))
}

const sixteenBytes = "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"

// The contents of the vectors.
var (
	serverInstance = instance(0, integer(0, 123), integer(1, 86400), boolean(6, true), text(7, "U"))

	// pskAccount without the empty Server Public Key, which only the TLV vector has.
	pskAccount = instance(1, text(0, "coaps://dm.example.com:5684"), boolean(1, false), integer(2, 0),
		opaque(3, "dev-0001"), opaque(5, sixteenBytes), integer(10, 123))

	pskAccountTLV = instance(1, text(0, "coaps://dm.example.com:5684"), boolean(1, false), integer(2, 0),
		opaque(3, "dev-0001"), opaque(4, ""), opaque(5, sixteenBytes), integer(10, 123))

	noSecA = instance(1, text(0, "coap://a.example:5683"), boolean(1, false), integer(2, 3), integer(10, 101))
	noSecB = instance(2, text(0, "coap://b.example:5683"), boolean(1, false), integer(2, 3), integer(10, 102))

	accessControl = instance(0, integer(0, 3), integer(1, 0),
		multiple(2, item(0, lwm2m.IntegerValue(1)), item(101, lwm2m.IntegerValue(31))), integer(3, 101))

	createRight = instance(1, integer(0, 3), integer(1, 65535), multiple(2, item(101, lwm2m.IntegerValue(16))), integer(3, 65535))

	ciphersuites = instance(1, multiple(16, item(0, lwm2m.UnsignedValue(0xc0a8)), item(1, lwm2m.UnsignedValue(0xae))))

	oscoreLink = instance(1, lwm2m.Single(17, lwm2m.LinkValue(lwm2m.ObjectLink{Object: 21})))

	newYear2026 = instance(0, lwm2m.Single(13, lwm2m.TimeValue(time.Unix(1767225600, 0))))
	newYear2040 = instance(0, lwm2m.Single(13, lwm2m.TimeValue(time.Unix(2208988800, 0))))

	oscore = instance(0, opaque(0, sixteenBytes), opaque(1, "\x01"), opaque(2, "\x42\x53"), integer(3, 10), integer(4, 5),
		opaque(5, "\x9e\x7c\xa9\x22\x23\x78\x63\x40"))
)

var vectors = []struct {
	file     string
	format   lwm2m.Format
	at       string
	want     []lwm2m.Object
	readOnly bool // a spelling that Encode does not choose
}{
	{file: "tlv/T01-server-instance.hex", format: lwm2m.FormatTLV, at: "/1/0", want: oneObject(1, serverInstance)},
	{file: "tlv/T02-server-object.hex", format: lwm2m.FormatTLV, at: "/1", want: oneObject(1, serverInstance)},
	{file: "tlv/T02-server-object.hex", format: lwm2m.FormatTLV, at: "/1/0", want: oneObject(1, serverInstance), readOnly: true},
	{file: "tlv/T03-psk-account.hex", format: lwm2m.FormatTLV, at: "/0/1", want: oneObject(0, pskAccountTLV)},
	{file: "tlv/T04-two-nosec-accounts.hex", format: lwm2m.FormatTLV, at: "/0", want: oneObject(0, noSecA, noSecB)},
	{file: "tlv/T05-access-control.hex", format: lwm2m.FormatTLV, at: "/2/0", want: oneObject(2, accessControl)},
	{file: "tlv/T06-create-right.hex", format: lwm2m.FormatTLV, at: "/2/1", want: oneObject(2, createRight)},
	{file: "tlv/T07-ciphersuites.hex", format: lwm2m.FormatTLV, at: "/0/1/16", want: oneObject(0, ciphersuites)},
	{file: "tlv/T08-objlnk.hex", format: lwm2m.FormatTLV, at: "/0/1/17", want: oneObject(0, oscoreLink)},
	{file: "tlv/T09-time-4-bytes.hex", format: lwm2m.FormatTLV, at: "/3/0/13", want: oneObject(3, newYear2026)},
	{file: "tlv/T09-time-8-bytes.hex", format: lwm2m.FormatTLV, at: "/3/0/13", want: oneObject(3, newYear2040)},
	{file: "tlv/T10-float-4-bytes.hex", format: lwm2m.FormatTLV, at: "/3303/0/5700", // no definition: TLV tells no type
		want: oneObject(3303, instance(0, opaque(5700, "\x41\xac\x00\x00")))},
	{file: "tlv/T11-oscore.hex", format: lwm2m.FormatTLV, at: "/21/0", want: oneObject(21, oscore)},
	{file: "tlv/T12-empty.hex", format: lwm2m.FormatTLV, at: "/0/1/3", want: oneObject(0, instance(1, opaque(3, "")))},
	{file: "tlv/T13-short-server-id-40000.hex", format: lwm2m.FormatTLV, at: "/0/1/10", want: oneObject(0, instance(1, integer(10, 40000)))},
	{file: "tlv/T13-acl-of-server-300.hex", format: lwm2m.FormatTLV, at: "/2/0/2",
		want: oneObject(2, instance(0, multiple(2, item(300, lwm2m.IntegerValue(16)))))},

	{file: "senml/S01-server-instance.json", format: lwm2m.FormatSenMLJSON, at: "/1/0", want: oneObject(1, serverInstance)},
	{file: "senml/S01-server-instance.json", format: lwm2m.FormatSenMLJSON, at: "/1", want: oneObject(1, serverInstance)},
	{file: "senml/S02-server-instance.hex", format: lwm2m.FormatSenMLCBOR, at: "/1/0", want: oneObject(1, serverInstance)},
	{file: "senml/S03-psk-account.json", format: lwm2m.FormatSenMLJSON, at: "/0/1", want: oneObject(0, pskAccount)},
	{file: "senml/S04-psk-account.hex", format: lwm2m.FormatSenMLCBOR, at: "/0/1", want: oneObject(0, pskAccount)},
	{file: "senml/S05-two-nosec-accounts.hex", format: lwm2m.FormatSenMLCBOR, at: "/0", want: oneObject(0, noSecA, noSecB)},
	{file: "senml/S06-access-control.hex", format: lwm2m.FormatSenMLCBOR, at: "/2/0", want: oneObject(2, accessControl)},
	{file: "senml/S07-objlnk.hex", format: lwm2m.FormatSenMLCBOR, at: "/0/1/17", want: oneObject(0, oscoreLink)},
	{file: "senml/S08-ciphersuites.hex", format: lwm2m.FormatSenMLCBOR, at: "/0/1/16", want: oneObject(0, ciphersuites)},
	{file: "senml/S09-time.hex", format: lwm2m.FormatSenMLCBOR, at: "/3/0/13", want: oneObject(3, newYear2026)},
	{file: "senml/S10-pack.hex", format: lwm2m.FormatSenMLCBOR, at: "/", want: append(oneObject(0, pskAccount), oneObject(1, serverInstance)...)},

	{file: "lwm2mcbor/L1-server-instance.hex", format: lwm2m.FormatLwM2MCBOR, at: "/1/0", want: oneObject(1, serverInstance)},
	{file: "lwm2mcbor/L1-server-instance.hex", format: lwm2m.FormatLwM2MCBOR, at: "/", want: oneObject(1, serverInstance)},
	{file: "lwm2mcbor/L2-server-instance-path-key.hex", format: lwm2m.FormatLwM2MCBOR, at: "/1/0", want: oneObject(1, serverInstance), readOnly: true},
	{file: "lwm2mcbor/L3-psk-account.hex", format: lwm2m.FormatLwM2MCBOR, at: "/0/1", want: oneObject(0, pskAccount)},
	{file: "lwm2mcbor/L4-two-nosec-accounts.hex", format: lwm2m.FormatLwM2MCBOR, at: "/0", want: oneObject(0, noSecA, noSecB)},
	{file: "lwm2mcbor/L5-access-control.hex", format: lwm2m.FormatLwM2MCBOR, at: "/2/0", want: oneObject(2, accessControl)},
	{file: "lwm2mcbor/L6-objlnk.hex", format: lwm2m.FormatLwM2MCBOR, at: "/0/1/17", want: oneObject(0, oscoreLink)},
	{file: "lwm2mcbor/L7-indefinite.hex", format: lwm2m.FormatLwM2MCBOR, at: "/1/0", want: oneObject(1, instance(0, integer(0, 123))), readOnly: true},
	{file: "lwm2mcbor/L8-manufacturer.hex", format: lwm2m.FormatLwM2MCBOR, at: "/3/0/0", want: oneObject(3, instance(0, text(0, "Open Mobile Alliance")))},
	{file: "lwm2mcbor/L9-power-sources.hex", format: lwm2m.FormatLwM2MCBOR, at: "/3/0/6",
		want: oneObject(3, instance(0, multiple(6, item(0, lwm2m.IntegerValue(1)), item(1, lwm2m.IntegerValue(5)))))},
}

func TestVectors(t *testing.T) {
	for _, v := range vectors {
		t.Run(v.file+" at "+strings.ReplaceAll(v.at, "/", "_"), func(t *testing.T) {
			wire, at := vector(t, v.file), path(t, v.at)
			got, err := content.Decode(v.format, at, wire)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, v.want) {
				t.Errorf("Decode = %+v\nwant %+v", got, v.want)
			}
			if v.readOnly {
				return
			}
			encoded, err := content.Encode(v.format, at, v.want)
			if err != nil || !bytes.Equal(encoded, wire) {
				t.Errorf("Encode = %x, %v\nwant %x", encoded, err, wire)
			}
		})
	}
}

func TestEveryVectorIsTested(t *testing.T) {
	tested := make(map[string]bool)
	for _, v := range vectors {
		tested[v.file] = true
	}
	for _, dir := range []string{"senml", "lwm2mcbor"} {
		files := vectorFiles(t, dir)
		for _, name := range files {
			if !tested[name] {
				t.Errorf("no test reads %s", name)
			}
		}
	}
}

// vectorFiles lists the vectors of one directory of testdata; having none is an error.
func vectorFiles(t testing.TB, dir string) (names []string) {
	t.Helper()
	for _, pattern := range []string{"*.hex", "*.json"} {
		files, err := filepath.Glob(filepath.Join("../../testdata", dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			names = append(names, dir+"/"+filepath.Base(f))
		}
	}
	if len(names) == 0 {
		t.Fatalf("testdata/%s has no vectors", dir)
	}
	return names
}

// vector reads a file below testdata.
func vector(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../../testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(name, ".hex") {
		return bytes.TrimSuffix(b, []byte("\n"))
	}
	var digits strings.Builder
	for line := range strings.Lines(string(b)) {
		if !strings.HasPrefix(line, "#") {
			digits.WriteString(strings.TrimSpace(line))
		}
	}
	wire, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return wire
}

func path(t testing.TB, s string) lwm2m.Path {
	t.Helper()
	p, err := lwm2m.ParsePath(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
