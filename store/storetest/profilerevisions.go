package storetest

import (
	"reflect"
	"strconv"
	"testing"

	"lwbs/store"
)

// A profile keeps the last of its former revisions, which go with it, and which have nothing to do with those
// of a profile that is made anew under its name.
func testProfileRevisions(t *testing.T, s store.Store) {
	_, err := s.ProfileRevisions(t.Context(), "p")
	want(t, err, store.ErrNotFound)
	withProfile(t, s, "p0") // its name begins like that of the other
	var all []store.Profile
	next := store.Profile{Name: "p"}
	for i := range store.MaxFormerProfiles + 3 {
		next.Accounts = []store.Account{{Name: "a", URI: "coap://a" + strconv.Itoa(i) + ".example", ShortServerID: 1}}
		next = must[store.Profile](t)(s.PutProfile(t.Context(), next))
		all = append([]store.Profile{next}, all...)
	}
	got := must[[]store.Profile](t)(s.ProfileRevisions(t.Context(), "p"))
	if kept := all[:store.MaxFormerProfiles+1]; !reflect.DeepEqual(got, kept) {
		t.Errorf("%d revisions from %d on, want %d from %d on", len(got), got[0].Revision, len(kept), kept[0].Revision)
	}
	if other := must[[]store.Profile](t)(s.ProfileRevisions(t.Context(), "p0")); len(other) != 1 {
		t.Errorf("the other profile has %d", len(other))
	}
	want(t, s.DeleteProfile(t.Context(), "p", 0), nil)
	_, err = s.ProfileRevisions(t.Context(), "p")
	want(t, err, store.ErrNotFound)
	withProfile(t, s, "p")
	if again := must[[]store.Profile](t)(s.ProfileRevisions(t.Context(), "p")); len(again) != 1 || again[0].Revision != 1 {
		t.Errorf("the profile that was made anew has %+v", again)
	}
}
