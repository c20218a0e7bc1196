package profile_test

import (
	"fmt"
	"testing"
	"time"

	"lwbs/bootstrap/profile"
	"lwbs/lwm2m"
	"lwbs/store"
)

func twoAccounts() store.Profile {
	return store.Profile{
		Name: "p", Revision: 3,
		Accounts: []store.Account{
			{Name: "main", URI: "coaps://a.example", ShortServerID: 101},
			{Name: "other", URI: "coap://b.example", ShortServerID: 102},
		},
		Objects: []store.ObjectValues{{Path: lwm2m.InstancePath(3, 0), Partial: true, Resources: map[lwm2m.ResourceID]store.Literal{14: {Text: new("+01:00")}}}},
	}
}

// What is kept of a profile is what is found out anew of each other revision of it.
func TestContentCacheKnowsRevisions(t *testing.T) {
	var cache profile.ContentCache
	cache.Of(twoAccounts())
	for name, change := range map[string]func(*store.Profile){
		"nothing":         func(*store.Profile) {},
		"a revision":      func(p *store.Profile) { p.Revision++; p.Accounts[0].URI = "coaps://c.example" },
		"a name":          func(p *store.Profile) { p.Name = "q"; p.Objects = nil },
		"deleted, new":    func(p *store.Profile) { p.Created = time.Unix(1, 0); p.Delete.Mode = store.DeleteAll },
		"another server":  func(p *store.Profile) { p.Accounts[0].Assigned, p.Accounts[0].URI = "eu-2", "coaps://eu-2.example" },
		"a server's URI":  func(p *store.Profile) { p.Accounts[0].Assigned, p.Accounts[0].URI = "eu-2", "coaps://moved.example" },
		"another account": func(p *store.Profile) { p.Accounts[1].Assigned, p.Accounts[1].URI = "eu-2", "coaps://eu-2.example" },
	} {
		p := twoAccounts()
		change(&p)
		for range 2 {
			if got, want := cache.Of(p), profile.ContentOf(p); got != want {
				t.Errorf("%s: content %s, want %s", name, got, want)
			}
		}
	}
}

// More profiles than are kept have their content too.
func TestContentCacheIsBounded(t *testing.T) {
	var cache profile.ContentCache
	for i := range 3000 {
		p := store.Profile{Name: fmt.Sprint("p", i), Accounts: []store.Account{{Name: fmt.Sprint("a", i), URI: "coaps://a.example"}}}
		if got, want := cache.Of(p), profile.ContentOf(p); got != want {
			t.Fatalf("content %s, want %s", got, want)
		}
	}
}

// A session takes from the cache what it would take longer to find out than all else that is resolved for it.
func TestContentCacheDoesNotAllocate(t *testing.T) {
	var cache profile.ContentCache
	p := twoAccounts()
	cache.Of(p)
	if n := testing.AllocsPerRun(100, func() { cache.Of(p) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}
