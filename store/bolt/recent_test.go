package bolt

import (
	"fmt"
	"reflect"
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

// A device counts for the very row it was decoded from, and nobody can change it.
func TestRecent(t *testing.T) {
	r := newRecent(store.Device.Clone)
	row := []byte("row 1")
	given := sample()
	r.remember([]byte("dev"), row, given)
	row[0] = 'x'
	spoil := func(d store.Device) {
		d.Credentials[0].Identity, d.Vars["name"], d.Tags[0] = "x", "x", "x"
		delete(d.Accounts, "main")
	}
	spoil(given)
	for range 2 {
		got, ok := r.find([]byte("dev"), []byte("row 1"))
		if !ok || !reflect.DeepEqual(got, sample()) {
			t.Fatalf("found %+v, %t", got, ok)
		}
		spoil(got)
	}
	if _, ok := r.find([]byte("dev"), []byte("row 2")); ok {
		t.Error("another row is taken for it")
	}
	if _, ok := r.find([]byte("other"), []byte("row 1")); ok {
		t.Error("another endpoint has it")
	}
	r.forget([]byte("dev"))
	if _, ok := r.find([]byte("dev"), []byte("row 1")); ok {
		t.Error("it is not forgotten")
	}
}

func TestRecentIsBounded(t *testing.T) {
	r := newRecent(store.Device.Clone)
	for i := range 3*maxRecent + 1 {
		r.remember(fmt.Append(nil, i), []byte("row"), sample())
	}
	if n := len(r.young) + len(r.old); n > 2*maxRecent {
		t.Errorf("%d are remembered", n)
	}
	for i, want := range map[int]bool{0: false, 2 * maxRecent: true, 3 * maxRecent: true} {
		if _, ok := r.find(fmt.Append(nil, i), []byte("row")); ok != want {
			t.Errorf("device %d is remembered: %t, want %t", i, ok, want)
		}
	}
}
