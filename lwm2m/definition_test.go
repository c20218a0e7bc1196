package lwm2m_test

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"lwbs/lwm2m"
)

func TestDefinitionsAreConsistent(t *testing.T) {
	for i, o := range lwm2m.Definitions() {
		if i > 0 && lwm2m.Definitions()[i-1].ID >= o.ID {
			t.Errorf("Object %d is out of order", o.ID)
		}
		names := make(map[string]bool)
		for j, r := range o.Resources {
			if j > 0 && o.Resources[j-1].ID >= r.ID {
				t.Errorf("%s: Resource %d is out of order", o.Name, r.ID)
			}
			if found, ok := o.ResourceNamed(strings.ToLower(r.Name)); !ok || found.ID != r.ID || names[r.Name] {
				t.Errorf("%s: the name %q does not lead to Resource %d", o.Name, r.Name, r.ID)
			}
			names[r.Name] = true
			if executable := r.Operations&lwm2m.Executable != 0; executable != (r.Type == lwm2m.TypeNone) {
				t.Errorf("%s/%d: executable %v, type %v", o.Name, r.ID, executable, r.Type)
			}
			if r.Min > r.Max {
				t.Errorf("%s/%d: range %d to %d", o.Name, r.ID, r.Min, r.Max)
			}
		}
	}
}

func TestResourceNamed(t *testing.T) {
	server, _ := lwm2m.Definition(lwm2m.ObjectServer)
	for name, id := range map[string]lwm2m.ResourceID{"defaultMinimumPeriod": 2, "Default Minimum Period": 2, "TLS-DTLS Alert Code": 11, "mute_send": 23} {
		if d, ok := server.ResourceNamed(name); !ok || d.ID != id {
			t.Errorf("%q is Resource %d, %v; want %d", name, d.ID, ok, id)
		}
	}
	if _, ok := server.ResourceNamed("nothing"); ok {
		t.Error("there is a Resource named nothing")
	}
}

func TestInstancesRoundTrip(t *testing.T) {
	security := lwm2m.SecurityInstance{
		ID: 3, ServerURI: "coaps://a", Mode: lwm2m.SecurityCertificate, PublicKeyOrIdentity: []byte("c"), ServerPublicKey: []byte("s"),
		SecretKey: lwm2m.NewSecret([]byte("k")), ShortServerID: 7, OSCORESecurityMode: &lwm2m.ObjectLink{Object: 21, Instance: 1},
		Extra: []lwm2m.Resource{lwm2m.Single(15, lwm2m.UnsignedValue(2))},
	}
	in, err := security.Instance(true)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := lwm2m.SecurityFrom(in); err != nil || !reflect.DeepEqual(back, security) {
		t.Errorf("security became %+v, %v", back, err)
	}
	server := lwm2m.ServerInstance{ID: 1, ShortServerID: 7, Lifetime: time.Hour, Binding: "U", Extra: []lwm2m.Resource{lwm2m.Single(2, lwm2m.IntegerValue(5))}}
	if in, err = server.Instance(); err != nil {
		t.Fatal(err)
	}
	if back, err := lwm2m.ServerFrom(in); err != nil || !reflect.DeepEqual(back, server) {
		t.Errorf("server became %+v, %v", back, err)
	}
	access := lwm2m.AccessControlInstance{ID: 2, Object: 3, Instance: lwm2m.AnyInstance, Rights: map[uint16]uint8{0: 1, 7: 31}, Owner: 7}
	if back := lwm2m.AccessControlFrom(access.Content()); !reflect.DeepEqual(back, access) {
		t.Errorf("access control became %+v", back)
	}
	oscore := lwm2m.OSCOREInstance{MasterSecret: lwm2m.NewSecret([]byte("m")), SenderID: []byte{1}, RecipientID: []byte{2}}
	if in, err = oscore.Instance(); err != nil {
		t.Fatal(err)
	}
	if back, err := lwm2m.OSCOREFrom(in); err != nil || !reflect.DeepEqual(back, oscore) {
		t.Errorf("oscore became %+v, %v", back, err)
	}
}

func TestEmptyCredentials(t *testing.T) {
	s := lwm2m.SecurityInstance{ServerURI: "coap://a", Mode: lwm2m.SecurityNoSec, ShortServerID: 7}
	for empty, want := range map[bool]int{true: 7, false: 4} {
		in, err := s.Instance(empty)
		if err != nil || len(in.Resources) != want {
			t.Errorf("empty %v: %d Resources, %v; want %d", empty, len(in.Resources), err, want)
		}
	}
}

func TestValueErrors(t *testing.T) {
	_, fraction := lwm2m.ServerInstance{Lifetime: 1500 * time.Millisecond}.Instance()
	_, twice := lwm2m.ServerInstance{Extra: []lwm2m.Resource{lwm2m.Single(1, lwm2m.IntegerValue(5))}}.Instance()
	_, typ := lwm2m.ServerFrom(lwm2m.Instance{Resources: []lwm2m.Resource{lwm2m.Single(1, lwm2m.StringValue("5"))}})
	for name, err := range map[string]error{"fraction of a second": fraction, "extra that has a field": twice, "other type": typ} {
		var value *lwm2m.ValueError
		if !errors.As(err, &value) || value.Resource != 1 {
			t.Errorf("%s: %v, want a ValueError of Resource 1", name, err)
		}
	}
}

func TestObjectsAreInWritingOrder(t *testing.T) {
	b := lwm2m.BootstrapInfo{
		Accounts: []lwm2m.ServerAccount{{}}, OSCORE: []lwm2m.OSCOREInstance{{}}, AccessControl: []lwm2m.AccessControlInstance{{}},
		Others: []lwm2m.Object{{ID: 3, Instances: []lwm2m.Instance{{}}}},
	}
	objects, err := b.Objects(true)
	if err != nil {
		t.Fatal(err)
	}
	var ids []lwm2m.ObjectID
	for _, o := range objects {
		ids = append(ids, o.ID)
	}
	if want := []lwm2m.ObjectID{0, 1, 21, 2, 3}; !reflect.DeepEqual(ids, want) {
		t.Errorf("order %v, want %v", ids, want)
	}
}

func TestParseText(t *testing.T) {
	tests := []struct {
		typ  lwm2m.Type
		text string
		want lwm2m.Value
	}{
		{lwm2m.TypeString, "U", lwm2m.StringValue("U")},
		{lwm2m.TypeInteger, "-5", lwm2m.IntegerValue(-5)},
		{lwm2m.TypeUnsigned, "0xC0A8", lwm2m.UnsignedValue(49320)},
		{lwm2m.TypeFloat, "21.5", lwm2m.FloatValue(21.5)},
		{lwm2m.TypeBoolean, "true", lwm2m.BooleanValue(true)},
		{lwm2m.TypeOpaque, "hex:00ff", lwm2m.OpaqueValue([]byte{0, 255})},
		{lwm2m.TypeOpaque, "base64:AP8=", lwm2m.OpaqueValue([]byte{0, 255})},
		{lwm2m.TypeTime, "2026-01-01T00:00:00Z", lwm2m.TimeValue(time.Unix(1767225600, 0))},
		{lwm2m.TypeTime, "1767225600", lwm2m.TimeValue(time.Unix(1767225600, 0))},
		{lwm2m.TypeObjectLink, "21:0", lwm2m.LinkValue(lwm2m.ObjectLink{Object: 21})},
	}
	for _, tt := range tests {
		if got, err := (lwm2m.ResourceDefinition{Type: tt.typ}).ParseText(tt.text); err != nil || got != tt.want {
			t.Errorf("%v %q is %v, %v; want %v", tt.typ, tt.text, got, err, tt.want)
		}
	}
	for typ, text := range map[lwm2m.Type]string{
		lwm2m.TypeInteger: "five", lwm2m.TypeUnsigned: "-1", lwm2m.TypeFloat: "x", lwm2m.TypeBoolean: "maybe",
		lwm2m.TypeOpaque: "secret00", lwm2m.TypeTime: "today", lwm2m.TypeObjectLink: "21", lwm2m.TypeNone: "x",
	} {
		_, err := (lwm2m.ResourceDefinition{Name: "R", Type: typ}).ParseText(text)
		if err == nil || typ == lwm2m.TypeOpaque && bytes.Contains([]byte(err.Error()), []byte(text)) {
			t.Errorf("%v %q: error %v", typ, text, err)
		}
	}
	for _, d := range []lwm2m.ResourceDefinition{{Type: lwm2m.TypeInteger, Min: 1, Max: 9}, {Type: lwm2m.TypeString, Min: 2, Max: 3}} {
		if _, err := d.ParseText("0"); err == nil {
			t.Errorf("%v of %d to %d takes 0", d.Type, d.Min, d.Max)
		}
	}
}
