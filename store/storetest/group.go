package storetest

import (
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
)

// group is one with a key, for the profile p.
func group(name string) store.Group {
	return store.Group{Name: name, Profile: "p", Match: []string{name + "-*"}, Keys: []store.GroupKey{{ID: 1, Key: lwm2m.NewSecret([]byte("sixteen bytes of " + name))}}}
}

// member is a device of a group whose key is derived.
func member(ep, group string) store.Device {
	return store.Device{Endpoint: lwm2m.EndpointName(ep), Profile: "p", Group: group, Credentials: []store.Credential{
		{Kind: store.CredentialPSK, Identity: ep, Group: group, GroupKey: 1},
	}}
}

func testGroups(t *testing.T, s store.Store) {
	ctx := t.Context()
	_, err := s.PutGroup(ctx, group("g"))
	want(t, err, store.ErrNotFound) // its profile
	withProfile(t, s, "p")
	in := store.Group{
		Name: "g", Profile: "p", Tags: []string{"t"}, Match: []string{"urn:*", "é*"}, Derivation: store.DerivationAzure,
		Keys: []store.GroupKey{
			{ID: 2, Key: lwm2m.NewSecret([]byte("the current key.")), Created: time.Unix(2, 0).UTC()},
			{ID: 1, Key: lwm2m.NewSecret([]byte("the former key..")), Created: time.Unix(1, 0).UTC()},
		},
		CAs: [][]byte{{1, 2}}, RevocationLists: [][]byte{{3}}, Denied: []lwm2m.EndpointName{"a", "b"},
		Disabled: true, MaxDevices: 7, Until: time.Unix(3, 0).UTC(), Note: "a note",
	}
	kept := must[store.Group](t)(s.PutGroup(ctx, in))
	got := must[store.Group](t)(s.Group(ctx, "g"))
	if kept.Revision != 1 || kept.Created.IsZero() || !kept.Created.Equal(kept.Updated) || !reflect.DeepEqual(got, kept) {
		t.Errorf("kept %+v, read %+v", kept, got)
	}
	in.Revision, in.Created, in.Updated = kept.Revision, kept.Created, kept.Updated
	if !reflect.DeepEqual(got, in) {
		t.Errorf("read %+v, want %+v", got, in)
	}
	_, err = s.PutGroup(ctx, group("g"))
	want(t, err, store.ErrExists)
	must[store.Group](t)(s.PutGroup(ctx, got))
	_, err = s.PutGroup(ctx, got)
	want(t, err, store.ErrConflict)
	must[store.Group](t)(s.PutGroup(ctx, group("another")))
	first := must[store.Groups](t)(s.Groups(ctx))
	if len(first.All) != 2 || first.All[0].Name != "another" || first.All[1].Revision != 2 {
		t.Errorf("all are %+v", first)
	}
	if again := must[store.Groups](t)(s.Groups(ctx)); again.Version != first.Version {
		t.Errorf("version %d, then %d, and nothing has changed", first.Version, again.Version)
	}
	want(t, s.DeleteGroup(ctx, "g", 1), store.ErrConflict)
	want(t, s.DeleteGroup(ctx, "g", 2), nil)
	want(t, s.DeleteGroup(ctx, "g", 0), store.ErrNotFound)
	_, err = s.Group(ctx, "g")
	want(t, err, store.ErrNotFound)
	if again := must[store.Groups](t)(s.Groups(ctx)); again.Version == first.Version || len(again.All) != 1 {
		t.Errorf("after one was deleted: %+v", again)
	}
	if _, found := first.Named("g"); !found {
		t.Error("an edit has changed groups that were handed out")
	}
}

func testGroupInUse(t *testing.T, s store.Store) {
	ctx := t.Context()
	withProfile(t, s, "p")
	withProfile(t, s, "q")
	_, err := s.PutDevice(ctx, member("d", "g"))
	want(t, err, store.ErrNotFound) // the group
	g := group("g")
	g.Profile = "q"
	must[store.Group](t)(s.PutGroup(ctx, g))
	want(t, s.DeleteProfile(ctx, "q", 0), store.ErrInUse)
	d := must[store.Device](t)(s.PutDevice(ctx, member("d", "g")))
	want(t, s.DeleteGroup(ctx, "g", 0), store.ErrInUse)
	if got := must[store.Device](t)(s.DeviceByIdentity(ctx, store.CredentialPSK, "d")); got.Group != "g" || !reflect.DeepEqual(got.Credentials, d.Credentials) {
		t.Errorf("read %+v", got)
	}
	before := must[store.Revisions](t)(s.Revisions(ctx, "d"))
	g = must[store.Group](t)(s.Group(ctx, "g"))
	g.Denied = []lwm2m.EndpointName{"d"}
	must[store.Group](t)(s.PutGroup(ctx, g))
	if after := must[store.Revisions](t)(s.Revisions(ctx, "d")); after == before {
		t.Error("an edit of the group does not show in the revisions of its device")
	}
	d.Group, d.Credentials = "", nil
	must[store.Device](t)(s.PutDevice(ctx, d))
	want(t, s.DeleteGroup(ctx, "g", 0), nil)
	want(t, s.DeleteProfile(ctx, "q", 0), nil)
}

func testEnrolment(t *testing.T, s store.Store) {
	ctx := t.Context()
	withProfile(t, s, "p")
	g := group("g")
	g.MaxDevices = 3
	_, err := s.EnrolDevice(ctx, member("d", "g"), 1)
	want(t, err, store.ErrNotFound)
	g = must[store.Group](t)(s.PutGroup(ctx, g))
	_, err = s.EnrolDevice(ctx, member("d", "g"), g.Revision+1)
	want(t, err, store.ErrConflict)
	_, err = s.EnrolDevice(ctx, device("d"), g.Revision)
	want(t, err, store.ErrInvalid)
	enrol := func(ep string) error {
		_, err := s.EnrolDevice(ctx, member(ep, "g"), g.Revision)
		return err
	}
	size := func(n int) {
		t.Helper()
		if got := must[int](t)(s.GroupSize(ctx, "g")); got != n {
			t.Errorf("the group has %d devices, want %d", got, n)
		}
	}
	size(0)
	want(t, enrol("a"), nil)
	want(t, enrol("a"), store.ErrExists)
	must[store.Device](t)(s.PutDevice(ctx, member("b", "g")))
	must[store.Device](t)(s.PutDevice(ctx, device("other", "c")))
	want(t, enrol("c"), store.ErrIdentityTaken)
	size(2)
	want(t, enrol("d"), nil)
	want(t, enrol("e"), store.ErrGroupFull)
	want(t, s.DeleteDevice(ctx, "a", 0), nil)
	want(t, enrol("e"), nil)
	must[store.Device](t)(s.RenameDevice(ctx, "e", "f", 0))
	want(t, enrol("g"), store.ErrGroupFull)
	size(3)
	if page := must[[]store.Device](t)(s.Devices(ctx, store.DeviceQuery{Group: "g"})); len(page) != 3 || page[0].Endpoint != "b" || page[2].Endpoint != "f" {
		t.Errorf("the group has %+v", page)
	}
}

// Of first requests of one device at a time one makes the record, and of those of many no more than
// there is room for.
func testEnrolmentsAtOnce(t *testing.T, s store.Store) {
	ctx := t.Context()
	withProfile(t, s, "p")
	g := group("g")
	g.MaxDevices = 10
	g = must[store.Group](t)(s.PutGroup(ctx, g))
	const attempts = 8 // of each device
	var wg sync.WaitGroup
	results := make(chan error, 2*g.MaxDevices*attempts)
	for i := range cap(results) {
		wg.Go(func() {
			_, err := s.EnrolDevice(ctx, member(fmt.Sprint("d", i/attempts), "g"), g.Revision)
			results <- err
		})
	}
	wg.Wait()
	close(results)
	made := 0
	for err := range results {
		if err == nil {
			made++
		}
	}
	if size := must[int](t)(s.GroupSize(ctx, "g")); made != g.MaxDevices || size != g.MaxDevices {
		t.Errorf("%d records were made and %d counted, want %d", made, size, g.MaxDevices)
	}
}

func testInvalidGroups(t *testing.T, s store.Store) {
	withProfile(t, s, "p")
	for name, change := range map[string]func(*store.Group){
		"no name":            func(g *store.Group) { g.Name = "" },
		"control sign":       func(g *store.Group) { g.Name = "a\x00b" },
		"no profile":         func(g *store.Group) { g.Profile = "" },
		"empty pattern":      func(g *store.Group) { g.Match = []string{""} },
		"bytes in a pattern": func(g *store.Group) { g.Match = []string{"\xff*"} },
		"short key":          func(g *store.Group) { g.Keys[0].Key = lwm2m.NewSecret([]byte("short")) },
		"one key twice":      func(g *store.Group) { g.Keys = append(g.Keys, store.GroupKey{ID: 2, Key: g.Keys[0].Key}) },
		"three keys": func(g *store.Group) {
			g.Keys = append(g.Keys, store.GroupKey{ID: 2, Key: lwm2m.NewSecret(make([]byte, 16))}, store.GroupKey{ID: 3, Key: lwm2m.NewSecret(make([]byte, 17))})
		},
		"short derived keys": func(g *store.Group) { g.KeyLength = 8 },
		"length with Azure":  func(g *store.Group) { g.Derivation, g.KeyLength = store.DerivationAzure, 32 },
		"other derivation":   func(g *store.Group) { g.Derivation = "md5" },
		"unsorted denials":   func(g *store.Group) { g.Denied = []lwm2m.EndpointName{"b", "a"} },
		"negative limit":     func(g *store.Group) { g.MaxDevices = -1 },
	} {
		g := group("g")
		change(&g)
		if _, err := s.PutGroup(t.Context(), g); err == nil {
			t.Errorf("%s: it was stored", name)
		} else {
			want(t, err, store.ErrInvalid)
		}
	}
	for name, change := range map[string]func(*store.Device){
		"credential of another group": func(d *store.Device) { d.Group = "other" },
		"key of its own":              func(d *store.Device) { d.Credentials[0].Key = lwm2m.NewSecret([]byte("k")) },
		"one certificate": func(d *store.Device) {
			d.Credentials[0] = store.Credential{Kind: store.CredentialCertificate, Identity: store.Fingerprint(nil), Group: "g"}
		},
	} {
		d := member("d", "g")
		change(&d)
		if _, err := s.PutDevice(t.Context(), d); err == nil {
			t.Errorf("%s: it was stored", name)
		} else {
			want(t, err, store.ErrInvalid)
		}
	}
}
