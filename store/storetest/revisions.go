package storetest

import (
	"testing"

	"lwbs/store"
)

func testRevisions(t *testing.T, s store.Store) {
	withProfile(t, s, "p")
	first := must[store.Device](t)(s.PutDevice(t.Context(), device("d")))
	_, err := s.PutDevice(t.Context(), device("d"))
	want(t, err, store.ErrExists)
	first.Note = "second"
	second := must[store.Device](t)(s.PutDevice(t.Context(), first))
	if second.Revision != 2 || !second.Created.Equal(first.Created) {
		t.Errorf("revision %d, created %v", second.Revision, second.Created)
	}
	_, err = s.PutDevice(t.Context(), first)
	want(t, err, store.ErrConflict)
	want(t, s.DeleteDevice(t.Context(), "d", 1), store.ErrConflict)
	if err := s.DeleteDevice(t.Context(), "d", 2); err != nil {
		t.Error(err)
	}
	_, err = s.PutDevice(t.Context(), second)
	want(t, err, store.ErrNotFound)
}

// Revisions differ after each edit of the device or its profile, also where a record was deleted
// and made anew, and are those of the records as they are read.
func testRevisionsAfterEdits(t *testing.T, s store.Store) {
	ctx := t.Context()
	var d store.Device
	p := must[store.Profile](t)(s.PutProfile(ctx, store.Profile{Name: "p"}))
	q := must[store.Profile](t)(s.PutProfile(ctx, store.Profile{Name: "q"}))
	seen := make(map[store.Revisions]string)
	for _, step := range []struct {
		name    string
		edit    func() error
		profile *store.Profile
	}{
		{"a new device", func() (err error) { d, err = s.PutDevice(ctx, device("d")); return err }, &p},
		{"an edit of the device", func() (err error) { d.Note = "edited"; d, err = s.PutDevice(ctx, d); return err }, &p},
		{"an edit of the profile", func() (err error) { p, err = s.PutProfile(ctx, p); return err }, &p},
		{"another profile", func() (err error) { d.Profile = "q"; d, err = s.PutDevice(ctx, d); return err }, &q},
		{"the device made anew", func() error {
			want(t, s.DeleteDevice(ctx, "d", 0), nil)
			_, err := s.Revisions(ctx, "d")
			want(t, err, store.ErrNotFound)
			d, err = s.PutDevice(ctx, store.Device{Endpoint: "d", Profile: "q"})
			return err
		}, &q},
	} {
		want(t, step.edit(), nil)
		for range 2 { // the second may come from a cache
			r := must[store.Revisions](t)(s.Revisions(ctx, "d"))
			if before, ok := seen[r]; ok && before != step.name {
				t.Errorf("after %s they are as after %s", step.name, before)
			}
			seen[r] = step.name
			if read := store.RevisionsOf(must[store.Device](t)(s.Device(ctx, "d")), *step.profile, store.Group{}); r != read {
				t.Errorf("after %s: %+v, want %+v", step.name, r, read)
			}
		}
	}
}
