package memory

import (
	"reflect"
	"strconv"
	"testing"

	"lwbs/lwm2m"
	"lwbs/store"
)

func sample() store.Device {
	return store.Device{
		Endpoint:    "dev",
		Credentials: []store.Credential{{Identity: "id"}},
		Accounts:    map[string]store.AccountKeys{"main": {Key: lwm2m.NewSecret([]byte("key"))}},
		Vars:        map[string]string{"name": "value"},
		Tags:        []string{"tag"},
	}
}

// What is in a cache is not shared with anyone who could change it.
func TestCacheCopies(t *testing.T) {
	c := NewCache(store.Device.Clone)
	given := sample()
	c.Add("dev", &given, 1)
	spoil := func(d store.Device) {
		d.Credentials[0].Identity, d.Vars["name"], d.Tags[0] = "x", "x", "x"
		delete(d.Accounts, "main")
	}
	spoil(given)
	for range 2 {
		got, ok := c.Get("dev")
		if !ok || !reflect.DeepEqual(got, sample()) {
			t.Fatalf("found %+v, %t", got, ok)
		}
		spoil(got)
	}
	if _, ok := c.Get("other"); ok {
		t.Error("another endpoint has it")
	}
}

// A record that a transaction changes is gone before the commit, and is not taken from a read
// that began before its end.
func TestCacheDuringCommit(t *testing.T) {
	c := NewCache(func(s string) string { return s })
	c.Add("a", new("old"), 7)
	c.Begin(map[string]struct{}{"a": {}})
	if _, ok := c.Get("a"); ok {
		t.Error("the old record is there while it is changed")
	}
	c.Add("a", new("old"), 7)
	c.Add("b", new("other"), 7)
	c.End(8)
	c.Add("a", new("old"), 7)
	if got, ok := c.Get("a"); ok {
		t.Errorf("the cache has %q, read before the commit", got)
	}
	if _, ok := c.Get("b"); !ok {
		t.Error("a record that was not changed is missing")
	}
	c.Add("a", new("new"), 8)
	if got, _ := c.Get("a"); got != "new" {
		t.Errorf("the cache has %q, want the new record", got)
	}
}

func TestCacheIsBounded(t *testing.T) {
	c := NewCache(func(n int) int { return n })
	for i := range 3*maxCached + 1 {
		c.Add(strconv.Itoa(i), &i, 1)
		c.Get("0") // which is used, and stays
	}
	if n := len(c.young) + len(c.old); n > 2*maxCached {
		t.Errorf("%d records", n)
	}
	for i, want := range map[int]bool{0: true, 1: false, 3 * maxCached: true} {
		if got, ok := c.Get(strconv.Itoa(i)); ok != want || ok && got != i {
			t.Errorf("record %d: %d, %t, want %t", i, got, ok, want)
		}
	}
}
