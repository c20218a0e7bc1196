package admin_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"lwbs/bootstrap/admin"
	"lwbs/lwm2m"
	"lwbs/store"
)

// Edits that name no revision all come through, however many there are at a time.
func TestEditsWithoutRevisionComeThrough(t *testing.T) {
	r := newRig(t)
	_, err := r.client.AddDevice(t.Context(), "dev-1", admin.DeviceSettings{Profile: new("p"), PSK: &admin.PSK{}})
	check(t, err)
	const writers = 40
	errs := make(chan error, 2*writers)
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() {
			_, err := r.client.SetDevice(t.Context(), "dev-1", 0, admin.DeviceSettings{Vars: map[string]string{fmt.Sprint("v", i): "x"}})
			errs <- err
		})
		all.Go(func() {
			_, err := r.client.ApplyProfiles(t.Context(), []store.Profile{profile("p", i), profile("q", i)}, admin.ApplyOptions{})
			errs <- err
		})
	}
	all.Wait()
	for range 2 * writers {
		check(t, <-errs)
	}
	d, err := r.client.Device(t.Context(), "dev-1", false)
	check(t, err)
	if len(d.Vars) != writers || d.Revision != writers+1 {
		t.Errorf("%d variables, revision %d: an edit was lost", len(d.Vars), d.Revision)
	}
	q, err := r.client.Profile(t.Context(), "q")
	check(t, err)
	if q.Revision != writers {
		t.Errorf("profile q has revision %d, want %d", q.Revision, writers)
	}
}

func profile(name string, n int) store.Profile {
	return store.Profile{Name: name, Accounts: []store.Account{{Name: "main", URI: fmt.Sprintf("coaps://a%d.example", n), ShortServerID: 7}}}
}

// Several profiles are kept together or not at all, both ways.
func TestProfilesAreAppliedTogether(t *testing.T) {
	r := newRig(t)
	for name, api := range map[string]admin.API{"local": r.local, "client": r.client} {
		stale := profile("p", 1)
		stale.Revision = 99
		bad := profile("bad", 1)
		bad.Accounts[0].URI = "http://a"
		for want, ps := range map[error][]store.Profile{
			store.ErrConflict: {profile("fresh", 1), stale},
			store.ErrInvalid:  {profile("fresh", 1), profile("fresh", 2)},
		} {
			if _, err := api.ApplyProfiles(t.Context(), ps, admin.ApplyOptions{}); !errors.Is(err, want) {
				t.Errorf("%s: error %v, want %v", name, err, want)
			}
		}
		_, err := api.ApplyProfiles(t.Context(), []store.Profile{profile("fresh", 1), bad}, admin.ApplyOptions{})
		var invalid *admin.InvalidError
		if !errors.As(err, &invalid) || invalid.Findings[0].Place != "profiles[1].accounts[0].uri" {
			t.Errorf("%s: a bad profile: %v", name, err)
		}
		if _, err := api.Profile(t.Context(), "fresh"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: a part of what was refused was kept: %v", name, err)
		}
	}
	applied, err := r.client.ApplyProfiles(t.Context(), []store.Profile{profile("p", 1), profile("fresh", 1)}, admin.ApplyOptions{})
	check(t, err)
	if len(applied) != 2 || applied[0].Created || applied[0].Profile.Revision != 2 || !applied[1].Created || applied[1].Profile.Name != "fresh" {
		t.Errorf("applied %+v", applied)
	}
}

// An edit shows the keys that it made, and none that were there or that came with it.
func TestEditsShowOnlyTheKeysTheyMade(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	key := []byte("sixteen bytes 01")
	added, err := r.client.AddDevice(ctx, "dev-1", admin.DeviceSettings{Profile: new("p"), PSK: &admin.PSK{Key: key}, AccountKeys: map[string][]byte{"main": key}})
	check(t, err)
	if added.Credentials[0].Key != "" || added.Accounts["main"].Key != "" || added.Accounts["main"].KeyLength != 16 {
		t.Errorf("keys that were given are shown: %+v", added)
	}
	if added.Accounts["main"].Identity != "dev-1" {
		t.Errorf("the identity of the account is %q", added.Accounts["main"].Identity)
	}
	with := profile("p", 1)
	with.Accounts[0].OSCORE = &store.OSCORE{SenderID: "a", RecipientID: "b"}
	_, err = r.client.ApplyProfile(ctx, with, admin.ApplyOptions{})
	check(t, err)
	d, err := r.client.SetDevice(ctx, "dev-1", 0, admin.DeviceSettings{Note: new("n")})
	check(t, err)
	if a := d.Accounts["main"]; a.Key != "" || a.KeyLength != 16 || len(a.MasterSecret) != 32 {
		t.Errorf("an edit that made a master secret shows %+v", a)
	}
	d, err = r.client.SetDevice(ctx, "dev-1", 0, admin.DeviceSettings{PSK: &admin.PSK{}})
	check(t, err)
	if a := d.Accounts["main"]; a.Key != "" || a.MasterSecret != "" || len(d.Credentials[0].Key) != 32 {
		t.Errorf("an edit that made a key to bootstrap with shows %+v, %+v", a, d.Credentials)
	}
}

// The identity that an account is given is told whoever decides on it, in all views.
func TestIdentitiesOfAccountsAreTold(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	p := profile("p", 1)
	p.Accounts = append(p.Accounts,
		store.Account{Name: "second", URI: "coaps://b.example", ShortServerID: 8, Identity: "{{.Endpoint}}-{{.Vars.n}}"},
		store.Account{Name: "third", URI: "coaps://c.example", ShortServerID: 9})
	p.NoAccessControl = true
	_, err := r.local.ApplyProfile(ctx, p, admin.ApplyOptions{})
	check(t, err)
	_, err = r.local.AddDevice(ctx, "dev-1", admin.DeviceSettings{Profile: new("p"), PSK: &admin.PSK{}, Vars: map[string]string{"n": "5"}, AccountIdentities: map[string]string{"third": "own"}})
	check(t, err)
	want := map[string]string{"main": "dev-1", "second": "dev-1-5", "third": "own"}
	for name, api := range map[string]admin.API{"local": r.local, "client": r.client} {
		shown, err := api.Device(ctx, "dev-1", true)
		check(t, err)
		hidden, err := api.Device(ctx, "dev-1", false)
		check(t, err)
		page, err := api.Devices(ctx, admin.DeviceQuery{})
		check(t, err)
		for _, d := range []admin.Device{shown, hidden, page[0]} {
			for account, identity := range want {
				if got := d.Accounts[account].Identity; got != identity {
					t.Errorf("%s: account %s has the identity %q, want %q", name, account, got, identity)
				}
			}
		}
	}
}

// Names that mean something in a path are names like others.
func TestNamesThatMeanSomethingInPaths(t *testing.T) {
	r := newRig(t)
	for _, ep := range []lwm2m.EndpointName{".", "..", "a/../b", "a//b", "/", "%2e%2e", "a?b#c", "ä b", "a\u202eb", "check"} {
		_, err := r.client.AddDevice(t.Context(), ep, admin.DeviceSettings{Profile: new("p"), PSK: &admin.PSK{}})
		check(t, err)
		d, err := r.client.Device(t.Context(), ep, false)
		check(t, err)
		if d.Endpoint != ep {
			t.Errorf("%q became %q", ep, d.Endpoint)
		}
		check(t, r.client.DeleteDevice(t.Context(), ep, 0))
	}
}

// A page begins behind a session that there is, or was; other words are mistakes.
func TestSessionsBeforeAWordThatIsNone(t *testing.T) {
	r := newRig(t)
	check(t, r.local.Store.AppendSession(t.Context(), store.Session{ID: "0000000000000001", Cause: store.CauseDone}))
	for name, api := range map[string]admin.API{"local": r.local, "client": r.client} {
		for before, want := range map[string]error{
			"nope": store.ErrNotFound, "0000000000000002x": store.ErrNotFound, "ABCDEFGH00000000": store.ErrNotFound,
			"0000000000000001": nil, "0000000000000002": nil,
		} {
			if _, err := api.Sessions(t.Context(), store.SessionQuery{Before: before}); !errors.Is(err, want) {
				t.Errorf("%s: before %s: error %v, want %v", name, before, err, want)
			}
		}
	}
}

// No list in JSON is null.
func TestNoListIsNull(t *testing.T) {
	r := newRig(t)
	p := store.Profile{Name: "bare", Objects: []store.ObjectValues{{Path: lwm2m.InstancePath(9999, 0)}}, AccessControl: []store.AccessControl{{Object: 3, Owner: 101}}}
	_, err := r.local.Store.PutProfile(t.Context(), p)
	check(t, err)
	got, err := r.local.Profile(t.Context(), "bare")
	check(t, err)
	page, err := r.local.Profiles(t.Context(), store.ProfileQuery{})
	check(t, err)
	text, err := json.Marshal([]any{got, page})
	check(t, err)
	if strings.Contains(string(text), "null") {
		t.Errorf("null in %s", text)
	}
}
