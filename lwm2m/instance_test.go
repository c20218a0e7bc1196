package lwm2m_test

import (
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"lwbs/lwm2m"
)

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

// The account of a Bootstrap-Server has Resources that others have not, and the other
// way round.
func TestBootstrapServerRoundTrip(t *testing.T) {
	s := lwm2m.SecurityInstance{
		ServerURI: "coaps://b", BootstrapServer: true, PublicKeyOrIdentity: []byte("i"), ServerPublicKey: []byte{},
		SecretKey: lwm2m.NewSecret([]byte("k")), ClientHoldOffTime: 5 * time.Second, BootstrapServerAccountTimeout: time.Hour,
	}
	in, err := s.Instance(true)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := lwm2m.SecurityFrom(in); err != nil || !reflect.DeepEqual(back, s) {
		t.Errorf("became %+v, %v", back, err)
	}
	if got, want := idsOf(in), []lwm2m.ResourceID{0, 1, 2, 3, 4, 5, 11, 12}; !slices.Equal(got, want) {
		t.Errorf("it has Resources %v, want %v", got, want)
	}
}

func idsOf(in lwm2m.Instance) (ids []lwm2m.ResourceID) {
	for _, r := range in.Resources {
		ids = append(ids, r.ID)
	}
	return ids
}

func TestEmptyCredentials(t *testing.T) {
	nosec := lwm2m.SecurityInstance{ServerURI: "coap://a", Mode: lwm2m.SecurityNoSec, ShortServerID: 7}
	psk := nosec
	psk.Mode, psk.PublicKeyOrIdentity, psk.SecretKey = lwm2m.SecurityPSK, []byte("i"), lwm2m.NewSecret([]byte("k"))
	for _, tt := range []struct {
		name  string
		s     lwm2m.SecurityInstance
		empty bool
		want  []lwm2m.ResourceID
	}{
		{"NoSec, written", nosec, true, []lwm2m.ResourceID{0, 1, 2, 3, 4, 5, 10}},
		{"NoSec, omitted", nosec, false, []lwm2m.ResourceID{0, 1, 2, 10}},
		{"PSK, written", psk, true, []lwm2m.ResourceID{0, 1, 2, 3, 4, 5, 10}},
		{"PSK, omitted", psk, false, []lwm2m.ResourceID{0, 1, 2, 3, 5, 10}},
	} {
		in, err := tt.s.Instance(tt.empty)
		if got := idsOf(in); err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%s: Resources %v, %v; want %v", tt.name, got, err, tt.want)
		}
	}
}

func TestValueErrors(t *testing.T) {
	security := func(r lwm2m.Resource) error {
		_, err := lwm2m.SecurityFrom(lwm2m.Instance{Resources: []lwm2m.Resource{r}})
		return err
	}
	server := func(s lwm2m.ServerInstance) error {
		_, err := s.Instance()
		return err
	}
	_, holdOff := lwm2m.SecurityInstance{BootstrapServer: true, ClientHoldOffTime: -time.Second}.Instance(true)
	_, extra := lwm2m.OSCOREInstance{Extra: []lwm2m.Resource{lwm2m.Single(0, lwm2m.OpaqueValue([]byte("0123456789")))}}.Instance()
	tests := []struct {
		name     string
		resource lwm2m.ResourceID
		err      error
	}{
		{"fraction of a second", 1, server(lwm2m.ServerInstance{Lifetime: 1500 * time.Millisecond})},
		{"negative time", 11, holdOff},
		{"extra with a field of its own", 1, server(lwm2m.ServerInstance{Extra: []lwm2m.Resource{lwm2m.Single(1, lwm2m.IntegerValue(5))}})},
		{"secret extra with a field of its own", 0, extra},
		{"other type", 2, security(lwm2m.Single(2, lwm2m.StringValue("5")))},
		{"key of another type", 5, security(lwm2m.Single(5, lwm2m.StringValue("0123456789")))},
		{"several", 5, security(lwm2m.Resource{ID: 5, Multiple: true})},
		{"short server ID above 65535", 10, security(lwm2m.Single(10, lwm2m.IntegerValue(65536+101)))},
		{"short server ID below 0", 10, security(lwm2m.Single(10, lwm2m.IntegerValue(-1)))},
		{"time below 0", 11, security(lwm2m.Single(11, lwm2m.IntegerValue(-1)))},
		{"time beyond a Duration", 12, security(lwm2m.Single(12, lwm2m.IntegerValue(math.MaxInt64)))},
	}
	for _, tt := range tests {
		var value *lwm2m.ValueError
		if !errors.As(tt.err, &value) || value.Resource != tt.resource {
			t.Errorf("%s: %v, want a ValueError of Resource %d", tt.name, tt.err, tt.resource)
		} else if strings.Contains(tt.err.Error(), "0123456789") {
			t.Errorf("%s: the error repeats the value: %v", tt.name, tt.err)
		}
	}
}
