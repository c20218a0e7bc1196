package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/rows"
	"lwbs/store/seal"
)

// All texts, keys and certificates of a device together have 64 KiB.
func TestBytesOfADevice(t *testing.T) {
	d := store.Device{
		Endpoint: "dev", Profile: "p", Note: "note", Tags: []string{"tag"},
		Credentials: []store.Credential{{Kind: store.CredentialPSK, Identity: "id", Key: lwm2m.NewSecret(make([]byte, 16))}},
		Accounts: map[string]store.AccountKeys{"a": {
			Identity: "id", Key: lwm2m.NewSecret(make([]byte, 4000)), MasterSecret: lwm2m.NewSecret(make([]byte, 90)), Certificate: make([]byte, 2000),
		}},
		Secrets: map[lwm2m.Path]lwm2m.Secret{lwm2m.ResourcePath(11, 0, 6): lwm2m.NewSecret(make([]byte, 4096))},
		Vars:    make(map[string]string),
	}
	// All but the key to bootstrap with, which has a limit of its own; the rest are variables.
	left := 64<<10 - len("note"+"tag"+"id"+"a"+"id") - 4000 - 90 - 2000 - 4096
	for i := range 4 {
		name := fmt.Sprint("v", i)
		d.Vars[name] = strings.Repeat("x", left/(4-i)-len(name))
		left -= len(name) + len(d.Vars[name])
	}
	if err := d.Validate(); err != nil {
		t.Errorf("with 65536 bytes: %v", err)
	}
	d.Vars["v0"] += "x"
	if err := d.Validate(); !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), "65537 bytes of texts") {
		t.Errorf("with 65537 bytes: %v", err)
	}
}

// A group has so much of everything, and 1 MiB of bytes.
func TestLimitsOfAGroup(t *testing.T) {
	key := func(i int) store.GroupKey {
		return store.GroupKey{ID: 1 + i, Key: lwm2m.NewSecret(fmt.Appendf(nil, "the key %24d of the group", i))}
	}
	for what, tt := range map[string]struct {
		limit int
		set   func(g *store.Group, n int)
	}{
		"patterns":                      {64, func(g *store.Group, n int) { g.Match = slices.Repeat([]string{"meter-*"}, n) }},
		"CAs":                           {16, func(g *store.Group, n int) { g.CAs = slices.Repeat([][]byte{{1}}, n) }},
		"lists of revoked certificates": {16, func(g *store.Group, n int) { g.RevocationLists = slices.Repeat([][]byte{{1}}, n) }},
		"keys": {2, func(g *store.Group, n int) {
			for i := range n {
				g.Keys = append(g.Keys, key(i))
			}
		}},
		"denied names": {4000, func(g *store.Group, n int) {
			for i := range n {
				g.Denied = append(g.Denied, lwm2m.EndpointName(fmt.Sprintf("dev-%05d", i)))
			}
		}},
	} {
		for n, want := range map[int]string{tt.limit: "", tt.limit + 1: fmt.Sprintf("%d %s, at most %d are possible", tt.limit+1, what, tt.limit)} {
			g := store.Group{Name: "g", Profile: "p"}
			tt.set(&g, n)
			if err := g.Validate(); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%d %s: %v, want %q", n, what, err, want)
			}
		}
	}
	keyring, err := seal.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	encoded := func(certificate int) (int, error) {
		b, err := rows.EncodeGroup(keyring, store.Group{Name: "g", Profile: "p", CAs: [][]byte{make([]byte, certificate)}})
		return len(b), err
	}
	const some = 900 << 10 / 4 * 3 // bytes, which stand in Base64
	size, err := encoded(some)
	if err != nil {
		t.Fatal(err)
	}
	most := some + (1<<20-size)/4*3
	if size, err := encoded(most); err != nil || size > 1<<20 || size < 1<<20-4 {
		t.Errorf("a group of %d bytes: %v", size, err)
	}
	if size, err := encoded(most + 3); !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), "at most 1048576 are possible") {
		t.Errorf("a larger group: %d bytes, %v", size, err)
	}
}
