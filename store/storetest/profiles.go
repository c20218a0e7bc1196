package storetest

import (
	"errors"
	"testing"
	"time"

	"lwbs/store"
)

// withProfile puts an empty profile for devices to refer to.
func withProfile(t *testing.T, s store.Store, name string) {
	t.Helper()
	must[store.Profile](t)(s.PutProfile(t.Context(), store.Profile{Name: name}))
}

func testProfiles(t *testing.T, s store.Store) {
	ctx := t.Context()
	in := store.Profile{Name: "p", Accounts: []store.Account{{Name: "main", URI: "coaps://a", ShortServerID: 7, Lifetime: new(store.Duration(time.Hour))}}}
	kept := must[store.Profile](t)(s.PutProfile(ctx, in))
	got := must[store.Profile](t)(s.Profile(ctx, "p"))
	if kept.Revision != 1 || got.Accounts[0].URI != "coaps://a" || got.Accounts[0].Lifetime == nil || time.Duration(*got.Accounts[0].Lifetime) != time.Hour {
		t.Errorf("got %+v", got)
	}
	_, err := s.PutProfile(ctx, in)
	want(t, err, store.ErrExists)
	must[store.Profile](t)(s.PutProfile(ctx, got))
	_, err = s.PutProfile(ctx, got)
	want(t, err, store.ErrConflict)
	withProfile(t, s, "q")
	page := must[[]store.Profile](t)(s.Profiles(ctx, store.ProfileQuery{After: "p"}))
	if len(page) != 1 || page[0].Name != "q" {
		t.Errorf("page behind p: %v", page)
	}
	want(t, s.DeleteProfile(ctx, "p", 1), store.ErrConflict)
	if err := s.DeleteProfile(ctx, "p", 2); err != nil {
		t.Error(err)
	}
}

func testProfilesAllOrNone(t *testing.T, s store.Store) {
	ctx := t.Context()
	withProfile(t, s, "b")
	b := must[store.Profile](t)(s.Profile(ctx, "b"))
	for name, tt := range map[string]struct {
		ps   []store.Profile
		want error
	}{
		"the second has changed":     {[]store.Profile{{Name: "a"}, {Name: "b", Revision: 7}}, store.ErrConflict},
		"the second exists":          {[]store.Profile{{Name: "a"}, {Name: "b"}}, store.ErrExists},
		"the second does not exist":  {[]store.Profile{{Name: "a"}, {Name: "c", Revision: 1}}, store.ErrNotFound},
		"the second has no name":     {[]store.Profile{{Name: "a"}, {}}, store.ErrInvalid},
		"both have the same name":    {[]store.Profile{{Name: "a"}, {Name: "a"}}, store.ErrInvalid},
		"the first is another's":     {[]store.Profile{{Name: "b"}, {Name: "a"}}, store.ErrExists},
		"the first replaces, alone":  {[]store.Profile{b, {Name: "c", Revision: 1}}, store.ErrNotFound},
		"the last of three is wrong": {[]store.Profile{b, {Name: "a"}, {Name: "c", Revision: 1}}, store.ErrNotFound},
	} {
		_, err := s.PutProfiles(ctx, tt.ps)
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: error %v, want %v", name, err, tt.want)
		}
		if page := must[[]store.Profile](t)(s.Profiles(ctx, store.ProfileQuery{})); len(page) != 1 || page[0].Revision != 1 {
			t.Fatalf("%s: a part of the refused edit was kept: %+v", name, page)
		}
	}
	b.Format = "tlv"
	kept := must[[]store.Profile](t)(s.PutProfiles(ctx, []store.Profile{b, {Name: "a"}}))
	if len(kept) != 2 || kept[0].Name != "b" || kept[0].Revision != 2 || kept[0].Format != "tlv" || kept[1].Name != "a" || kept[1].Revision != 1 {
		t.Errorf("kept %+v", kept)
	}
	if page := must[[]store.Profile](t)(s.Profiles(ctx, store.ProfileQuery{})); len(page) != 2 {
		t.Errorf("%d profiles, want 2", len(page))
	}
}

func testProfileInUse(t *testing.T, s store.Store) {
	withProfile(t, s, "p")
	withProfile(t, s, "p2")
	must[store.Device](t)(s.PutDevice(t.Context(), device("d")))
	want(t, s.DeleteProfile(t.Context(), "p", 0), store.ErrInUse)
	d := must[store.Device](t)(s.Device(t.Context(), "d"))
	d.Profile = "p2"
	must[store.Device](t)(s.PutDevice(t.Context(), d))
	if err := s.DeleteProfile(t.Context(), "p", 0); err != nil {
		t.Error(err)
	}
}
