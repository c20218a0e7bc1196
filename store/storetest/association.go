package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
)

// RunAssociations checks the promises written at [store.Associations], which the stores of b
// are too.
func RunAssociations(t *testing.T, b Backend) {
	cases := []struct {
		name string
		test func(*testing.T, store.Associations)
	}{
		{"Pages", testAssociationPages},
		{"Replaced", testAssociationReplaced},
		{"Limit", testAssociationLimit},
		{"Invalid", testAssociationInvalid},
		{"Void", testAssociationVoid},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := b.Open(t)
			defer s.Close()
			c.test(t, s.(store.Associations))
		})
	}
	if b.Reopen != nil {
		t.Run("Durability", func(t *testing.T) { testAssociationDurability(t, b) })
	}
}

// association is one that was heard of at second n.
func association(n int) store.Association {
	return store.Association{
		AssociationKey: store.AssociationKey{Heard: time.Unix(int64(n), int64(n)).UTC(), ID: [16]byte{byte(n), 15: byte(n >> 8)}},
		State:          lwm2m.NewSecret(fmt.Appendf(nil, "state %d\x00\xff", n)),
	}
}

func associations(from, to int) (out []store.Association) {
	for n := from; n < to; n++ {
		out = append(out, association(n))
	}
	return out
}

// resumed begins to keep associations, of which there are none.
func resumed(t *testing.T, s store.Associations) {
	t.Helper()
	if lost, why, err := s.ResumeAssociations(t.Context()); lost != 0 || why != "" || err != nil {
		t.Fatalf("%d were lost, as %q; %v", lost, why, err)
	}
}

// keep keeps and removes associations.
func keep(t *testing.T, s store.Associations, put []store.Association, ended ...store.AssociationKey) {
	t.Helper()
	if err := s.KeepAssociations(t.Context(), put, ended); err != nil {
		t.Fatal(err)
	}
}

// kept are all associations by their seconds, in pages of a size. Each must have its state.
func kept(t *testing.T, s store.Associations, size int) (seconds []int) {
	t.Helper()
	var before store.AssociationKey
	for {
		page, err := s.Associations(t.Context(), before, size)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) > size {
			t.Fatalf("a page of %d has %d", size, len(page))
		}
		if len(page) == 0 {
			return seconds
		}
		for _, a := range page {
			n := int(a.Heard.Unix())
			if want := association(n); a.AssociationKey != want.AssociationKey || !a.State.Equal(want.State) && !strings.HasPrefix(string(a.State.Reveal()), "other") {
				t.Errorf("%v has %q", a.AssociationKey, a.State.Reveal())
			}
			seconds = append(seconds, n)
		}
		before = page[len(page)-1].AssociationKey
	}
}

// down are the numbers from from down to to.
func down(from, to int) (out []int) {
	for n := from; n >= to; n-- {
		out = append(out, n)
	}
	return out
}

func testAssociationPages(t *testing.T, s store.Associations) {
	resumed(t, s)
	if got := kept(t, s, 3); len(got) != 0 {
		t.Errorf("there are %v", got)
	}
	put := associations(1, 11)
	slices.Reverse(put)
	keep(t, s, put[:4])
	keep(t, s, put[4:])
	for _, size := range []int{1, 3, 10, 100} {
		if got := kept(t, s, size); !slices.Equal(got, down(10, 1)) {
			t.Errorf("in pages of %d: %v", size, got)
		}
	}
	keep(t, s, nil)
	keep(t, s, nil, association(3).AssociationKey, association(77).AssociationKey)
	if got := kept(t, s, 100); !slices.Equal(got, []int{10, 9, 8, 7, 6, 5, 4, 2, 1}) {
		t.Errorf("after one has ended: %v", got)
	}
}

func testAssociationReplaced(t *testing.T, s store.Associations) {
	resumed(t, s)
	keep(t, s, associations(1, 4))
	keep(t, s, []store.Association{association(9)}, association(2).AssociationKey)
	other := association(3)
	other.State = lwm2m.NewSecret([]byte("other"))
	keep(t, s, []store.Association{other}, other.AssociationKey) // what is put counts
	if got := kept(t, s, 100); !slices.Equal(got, []int{9, 3, 1}) {
		t.Errorf("there are %v", got)
	}
	page := must[[]store.Association](t)(s.Associations(t.Context(), association(9).AssociationKey, 1))
	if len(page) != 1 || string(page[0].State.Reveal()) != "other" {
		t.Errorf("it is %+v", page)
	}
}

func testAssociationLimit(t *testing.T, s store.Associations) {
	resumed(t, s)
	keep(t, s, associations(100, 100+Associations))
	keep(t, s, associations(1, 3)) // too old from the beginning
	keep(t, s, associations(200, 205))
	if got := kept(t, s, 7); !slices.Equal(got, slices.Concat(down(204, 200), down(99+Associations, 105))) {
		t.Errorf("there are %v", got)
	}
	keep(t, s, associations(300, 300+2*Associations))
	if got := kept(t, s, 100); !slices.Equal(got, down(299+2*Associations, 300+Associations)) {
		t.Errorf("there are %v", got)
	}
}

func testAssociationInvalid(t *testing.T, s store.Associations) {
	resumed(t, s)
	empty, large, early := association(2), association(3), association(4)
	empty.State = lwm2m.Secret{}
	large.State = lwm2m.NewSecret(make([]byte, store.MaxAssociation+1))
	early.Heard = time.Unix(-1, 0)
	for _, bad := range []store.Association{empty, large, early} {
		want(t, s.KeepAssociations(t.Context(), []store.Association{association(1), bad}, nil), store.ErrInvalid)
	}
	if got := kept(t, s, 100); len(got) != 0 {
		t.Errorf("%v were kept beside one that cannot be", got)
	}
}

// What is void is not kept, and does not come back.
func testAssociationVoid(t *testing.T, s store.Associations) {
	want(t, s.KeepAssociations(t.Context(), associations(1, 2), nil), store.ErrVoid)
	resumed(t, s)
	resumed(t, s)
	keep(t, s, associations(1, 5))
	resumed(t, s)
	if got := kept(t, s, 100); !slices.Equal(got, down(4, 1)) {
		t.Errorf("there are %v", got)
	}
	if err := s.VoidAssociations(); err != nil {
		t.Fatal(err)
	}
	if err := s.VoidAssociations(); err != nil {
		t.Error(err)
	}
	want(t, s.KeepAssociations(t.Context(), associations(5, 6), nil), store.ErrVoid)
	lost, why, err := s.ResumeAssociations(t.Context())
	if lost != 4 || why == "" || err != nil {
		t.Errorf("%d were lost, as %q; %v", lost, why, err)
	}
	keep(t, s, associations(7, 8))
	if got := kept(t, s, 100); !slices.Equal(got, []int{7}) {
		t.Errorf("there are %v", got)
	}
}

func testAssociationDurability(t *testing.T, b Backend) {
	first := b.Open(t)
	resumed(t, first.(store.Associations))
	keep(t, first.(store.Associations), associations(1, 8))
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	want(t, first.(store.Associations).KeepAssociations(t.Context(), associations(9, 10), nil), store.ErrVoid)
	if first.(store.Associations).VoidAssociations() == nil {
		t.Error("a store that was closed says that what it has is void")
	}
	second := b.Reopen(t, first)
	resumed(t, second.(store.Associations))
	if got := kept(t, second.(store.Associations), 100); !slices.Equal(got, down(7, 1)) {
		t.Errorf("there are %v", got)
	}
	if err := second.(store.Associations).VoidAssociations(); err != nil {
		t.Fatal(err)
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	third := b.Reopen(t, second)
	defer third.Close()
	if lost, why, err := third.(store.Associations).ResumeAssociations(t.Context()); lost != 7 || why == "" || err != nil {
		t.Errorf("%d were lost, as %q; %v", lost, why, err)
	}
	if got := kept(t, third.(store.Associations), 100); len(got) != 0 {
		t.Errorf("there are %v", got)
	}
}
