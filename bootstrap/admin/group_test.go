package admin_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/certtest"
	"lwbs/lwm2m"
	"lwbs/store"
)

// withGroup makes a profile and a group lot of devices lot-*.
func withGroup(t *testing.T, r *rig, set admin.GroupSettings) admin.Group {
	t.Helper()
	if _, err := r.client.ApplyProfile(t.Context(), store.Profile{Name: "meter", Accounts: []store.Account{{Name: "main", URI: "coaps://a.example", ShortServerID: 101}}}, admin.ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	set.Profile, set.Match = new("meter"), &[]string{"lot-*"}
	g, err := r.client.AddGroup(t.Context(), "lot", set)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// enrol makes the record that a device of the group lot gets, with this key of it.
func enrol(t *testing.T, r *rig, ep lwm2m.EndpointName, key int) {
	t.Helper()
	g, err := r.local.Store.Group(t.Context(), "lot")
	if err != nil {
		t.Fatal(err)
	}
	d := store.Device{Endpoint: ep, Profile: "meter", Group: "lot", Credentials: []store.Credential{{Kind: store.CredentialPSK, Identity: string(ep), Group: "lot", GroupKey: key}}}
	if _, err := r.local.Store.EnrolDevice(t.Context(), d, g.Revision); err != nil {
		t.Fatal(err)
	}
}

func TestGroupKeyIsShownOnce(t *testing.T) {
	r := newRig(t)
	made := withGroup(t, r, admin.GroupSettings{})
	if len(made.Keys) != 1 || len(made.Keys[0].Key) != 64 || made.State != admin.GroupOpen || made.DeviceKeyLength != 16 || made.Derivation != store.DerivationHKDF {
		t.Errorf("made %+v", made)
	}
	listed, err := r.client.Groups(t.Context())
	if err != nil || len(listed) != 1 || listed[0].Keys[0].Key != "" || listed[0].Keys[0].Length != 32 {
		t.Errorf("listed %+v, %v", listed, err)
	}
	shown, err := r.client.Group(t.Context(), "lot", true)
	if err != nil || shown.Keys[0].Key != made.Keys[0].Key {
		t.Errorf("revealed %+v, %v", shown, err)
	}
	edited, err := r.client.SetGroup(t.Context(), "lot", 0, admin.GroupSettings{Note: new("n")})
	if err != nil || edited.Keys[0].Key != "" || edited.Note != "n" {
		t.Errorf("an edit of something else shows %+v, %v", edited, err)
	}
}

// The key of an enrolled device is shown as if it were stored; a device without one of its own cannot
// be given another identity.
func TestDerivedKeyIsShown(t *testing.T) {
	r := newRig(t)
	withGroup(t, r, admin.GroupSettings{Key: []byte("0123456789abcdef0123456789abcdef")})
	enrol(t, r, "lot-1", 1)
	d, err := r.client.Device(t.Context(), "lot-1", true)
	if err != nil {
		t.Fatal(err)
	}
	// openssl kdf -keylen 16 -kdfopt digest:SHA256 -kdfopt key:0123456789abcdef0123456789abcdef -kdfopt info:lwbs-device-key-1:lot-1 HKDF
	if c := d.Credentials[0]; d.Group != "lot" || c.Group != "lot" || c.KeyLength != 16 || c.Key != derivedLot1 {
		t.Errorf("shown %+v", c)
	}
	hidden, err := r.client.Device(t.Context(), "lot-1", false)
	if c := hidden.Credentials[0]; err != nil || c.Key != "" || c.KeyLength != 16 {
		t.Errorf("not asked for: %+v, %v", c, err)
	}
	if _, err := r.client.SetDevice(t.Context(), "lot-1", 0, admin.DeviceSettings{PSKIdentity: new("other")}); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("another identity: %v", err)
	}
	if d, err := r.client.SetDevice(t.Context(), "lot-1", 0, admin.DeviceSettings{PSK: &admin.PSK{}}); err != nil || d.Group != "lot" || d.Credentials[0].Group != "" {
		t.Errorf("a key of its own: %+v, %v", d, err)
	}
	if d, err := r.client.SetDevice(t.Context(), "lot-1", 0, admin.DeviceSettings{NoPSK: true, Group: new("lot")}); err != nil || d.Credentials[0].Group != "lot" {
		t.Errorf("the key of the group again: %+v, %v", d, err)
	}
	if d, err := r.client.SetDevice(t.Context(), "lot-1", 0, admin.DeviceSettings{Group: new("")}); err != nil || d.Group != "" || len(d.Credentials) != 0 {
		t.Errorf("out of the group: %+v, %v", d, err)
	}
}

const derivedLot1 = "3297656db8d03218cd8e4305a4e33023"

// A device that is added under a name which a group matches is an ordinary one, unless it is put into the
// group; either way that is told.
func TestDeviceOfAMatchedName(t *testing.T) {
	r := newRig(t)
	withGroup(t, r, admin.GroupSettings{Tags: &[]string{"new"}})
	d, err := r.client.AddDevice(t.Context(), "lot-1", admin.DeviceSettings{Profile: new("meter"), PSK: &admin.PSK{}})
	if err != nil || d.Group != "" || !slices.ContainsFunc(d.Warnings, func(w string) bool { return strings.HasPrefix(w, `group "lot" matches this name`) }) {
		t.Errorf("added %+v, %v", d, err)
	}
	d, err = r.client.AddDevice(t.Context(), "lot-2", admin.DeviceSettings{Group: new("lot")})
	if err != nil || d.Profile != "meter" || fmt.Sprint(d.Tags) != "[new]" || d.Credentials[0].Group != "lot" || len(d.Warnings) != 0 {
		t.Errorf("added to the group: %+v, %v", d, err)
	}
	if _, err := r.client.AddDevice(t.Context(), "lot-3", admin.DeviceSettings{Group: new("nope")}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a group that does not exist: %v", err)
	}
	page, err := r.client.Devices(t.Context(), admin.DeviceQuery{DeviceFilter: admin.DeviceFilter{Group: "lot"}})
	if err != nil || len(page) != 1 || page[0].Endpoint != "lot-2" {
		t.Errorf("the group has %+v, %v", page, err)
	}
}

// While a key is changed both are there, and it is told with which devices came last. The former one
// goes only when no device needs it, or it was said that they may be locked out.
func TestChangeOfGroupKey(t *testing.T) {
	r := newRig(t)
	withGroup(t, r, admin.GroupSettings{})
	enrol(t, r, "lot-1", 1)
	ctx := t.Context()
	drop := admin.GroupSettings{DropKey: true}
	if _, err := r.client.SetGroup(ctx, "lot", 0, drop); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("the only key is dropped: %v", err)
	}
	g, err := r.client.SetGroup(ctx, "lot", 0, admin.GroupSettings{GenerateKey: true})
	if err != nil || len(g.Keys) != 2 || g.Keys[0].ID != 2 || g.Keys[0].Key == "" || g.Keys[1].Key != "" {
		t.Fatalf("a new key: %+v, %v", g, err)
	}
	if _, err := r.client.SetGroup(ctx, "lot", 0, admin.GroupSettings{GenerateKey: true}); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("a third key: %v", err)
	}
	enrol(t, r, "lot-2", 2)
	if g, err := r.client.Group(ctx, "lot", false); err != nil || *g.Keys[0].Devices != 1 || *g.Keys[1].Devices != 1 {
		t.Errorf("counted %+v, %v", g.Keys, err)
	}
	if _, err := r.client.SetGroup(ctx, "lot", 0, drop); !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), "lot-1") {
		t.Errorf("a key that a device needs is dropped: %v", err)
	}
	drop.LockOut = true
	if g, err := r.client.SetGroup(ctx, "lot", 0, drop); err != nil || len(g.Keys) != 1 || g.Keys[0].ID != 2 {
		t.Errorf("dropped: %+v, %v", g, err)
	}
	if _, err := r.client.SetGroup(ctx, "lot", 0, admin.GroupSettings{Derivation: new(store.DerivationAzure)}); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("the derivation of keys that devices have is changed: %v", err)
	}
}

// An edit tells which names two groups have in common, and to which of them these belong.
func TestOverlapIsTold(t *testing.T) {
	r := newRig(t)
	withGroup(t, r, admin.GroupSettings{})
	vendor := certtest.NewAuthority(t, "Vendor")
	for _, tt := range []struct {
		name  string
		match string
		set   admin.GroupSettings
		want  string // belongs to this group; empty where none is in common
	}{
		{"wider", "l*", admin.GroupSettings{}, "lot"},
		{"narrower", "*lot-7*", admin.GroupSettings{}, "narrower"},
		{"apart", "pot-*", admin.GroupSettings{}, ""},
		{"zz", "*lot-", admin.GroupSettings{}, "lot"},
		{"by certificate", "lot-*", admin.GroupSettings{CAs: &[][]byte{vendor.Certificate.Raw}}, ""},
	} {
		tt.set.Profile, tt.set.Match = new("meter"), &[]string{tt.match}
		g, err := r.client.AddGroup(t.Context(), tt.name, tt.set)
		if err != nil {
			t.Fatal(err)
		}
		told := slices.DeleteFunc(slices.Clone(g.Warnings), func(w string) bool { return !strings.Contains(w, `of group "lot" match some`) })
		if len(told) > 1 || (len(told) == 1) != (tt.want != "") || tt.want != "" && !strings.Contains(told[0], fmt.Sprintf("these belong to group %q", tt.want)) {
			t.Errorf("%s: told %q, want that names belong to %q", tt.name, told, tt.want)
		}
		if err := r.client.DeleteGroup(t.Context(), tt.name, 0); err != nil {
			t.Error(err)
		}
	}
}

func TestBadGroups(t *testing.T) {
	r := newRig(t)
	withGroup(t, r, admin.GroupSettings{})
	vendor, other := certtest.NewAuthority(t, "Vendor"), certtest.NewAuthority(t, "Other")
	for name, tt := range map[string]struct {
		set  admin.GroupSettings
		want error
	}{
		"no pattern":                      {admin.GroupSettings{Profile: new("meter")}, store.ErrInvalid},
		"no profile":                      {admin.GroupSettings{Match: &[]string{"x"}}, store.ErrInvalid},
		"an unknown profile":              {admin.GroupSettings{Profile: new("nope"), Match: &[]string{"x"}}, store.ErrNotFound},
		"a short key":                     {admin.GroupSettings{Profile: new("meter"), Match: &[]string{"x"}, Key: []byte("short")}, store.ErrInvalid},
		"a CA that is none":               {admin.GroupSettings{Profile: new("meter"), Match: &[]string{"x"}, CAs: &[][]byte{{1}}}, store.ErrInvalid},
		"a list of another CA":            {admin.GroupSettings{Profile: new("meter"), Match: &[]string{"x"}, CAs: &[][]byte{vendor.Certificate.Raw}, RevocationLists: &[][]byte{other.Revoke(t)}}, store.ErrInvalid},
		"a key that is given and is made": {admin.GroupSettings{Profile: new("meter"), Match: &[]string{"x"}, Key: make([]byte, 16), GenerateKey: true}, store.ErrInvalid},
	} {
		if _, err := r.client.AddGroup(t.Context(), "bad", tt.set); !errors.Is(err, tt.want) {
			t.Errorf("%s: error %v, want %v", name, err, tt.want)
		}
		if _, err := r.client.Group(t.Context(), "bad", false); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: the group exists: %v", name, err)
		}
	}
	if _, err := r.client.AddGroup(t.Context(), "lot", admin.GroupSettings{Profile: new("meter"), Match: &[]string{"x"}}); !errors.Is(err, store.ErrExists) {
		t.Errorf("a second group of the name: %v", err)
	}
}

func TestStatesOfGroups(t *testing.T) {
	r := newRig(t)
	withGroup(t, r, admin.GroupSettings{})
	enrol(t, r, "lot-1", 1)
	for _, tt := range []struct {
		set  admin.GroupSettings
		want admin.GroupState
	}{
		{admin.GroupSettings{MaxDevices: new(1)}, admin.GroupFull},
		{admin.GroupSettings{Until: new(time.Now().Add(-time.Second))}, admin.GroupEnded},
		{admin.GroupSettings{Disabled: new(true)}, admin.GroupDisabled},
		{admin.GroupSettings{Disabled: new(false), Until: new(time.Time{}), MaxDevices: new(2)}, admin.GroupOpen},
		{admin.GroupSettings{Match: &[]string{}}, admin.GroupEmpty},
	} {
		if g, err := r.client.SetGroup(t.Context(), "lot", 0, tt.set); err != nil || g.State != tt.want || g.Devices != 1 {
			t.Errorf("after %+v it is %+v, %v", tt.set, g, err)
		}
	}
}

func TestDenyAndAllow(t *testing.T) {
	r := newRig(t)
	withGroup(t, r, admin.GroupSettings{})
	if _, err := r.client.AddDevice(t.Context(), "lot-own", admin.DeviceSettings{Profile: new("meter"), PSK: &admin.PSK{}}); err != nil {
		t.Fatal(err)
	}
	g, err := r.client.SetGroup(t.Context(), "lot", 0, admin.GroupSettings{Deny: []lwm2m.EndpointName{"lot-b", "lot-a", "lot-b", "lot-own"}})
	if err != nil || fmt.Sprint(g.Denied) != "[lot-a lot-b lot-own]" || len(g.Warnings) != 1 || !strings.Contains(g.Warnings[0], `"lot-own" has a record and is not in this group`) {
		t.Errorf("denied: %+v, %v", g, err)
	}
	if _, err := r.client.AddDevice(t.Context(), "lot-a", admin.DeviceSettings{Group: new("lot")}); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("a denied device is added: %v", err)
	}
	g, err = r.client.SetGroup(t.Context(), "lot", 0, admin.GroupSettings{Allow: []lwm2m.EndpointName{"lot-a", "lot-c"}})
	if err != nil || fmt.Sprint(g.Denied) != "[lot-b lot-own]" {
		t.Errorf("allowed: %+v, %v", g, err)
	}
}
