package bootstrap

import (
	"strings"
	"testing"

	"lwbs/lwm2m"
	"lwbs/store"
)

// What a profile must not say, and where and how it is told.
func TestCheckProfile(t *testing.T) {
	tests := []struct {
		name   string
		change func(*store.Profile)
		place  string // of a finding; empty: none but warnings
		told   string
	}{
		{"good", func(*store.Profile) {}, "", ""},
		{"pack", func(p *store.Profile) { p.Pack = packAllow }, "", ""},
		{"word that is none", func(p *store.Profile) { p.Pack = "yes" }, "pack", `"yes" is not one of`},
		{"pack with a renewed key", func(p *store.Profile) { p.Pack, p.Accounts[0].Key = packAllow, store.KeyRenew }, "pack", `account "main"`},
		{"delete of a Resource", func(p *store.Profile) {
			p.Delete = store.DeletePolicy{Mode: store.DeleteList, Paths: []lwm2m.Path{lwm2m.ResourcePath(1, 0, 1)}}
		}, "delete[0]", "/1/0/1 cannot be deleted"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := store.Profile{Name: "p", Accounts: []store.Account{{Name: "main", URI: "coaps://a.example", ShortServerID: 101}}}
			tt.change(&p)
			told := false
			for _, f := range CheckProfile(p) {
				switch {
				case f.Warning:
				case tt.place == "":
					t.Errorf("unexpected: %v", f)
				case f.Place == tt.place && strings.Contains(f.Message, tt.told):
					told = true
				}
			}
			if tt.place != "" && !told {
				t.Errorf("findings %v, want %q at %s", CheckProfile(p), tt.told, tt.place)
			}
		})
	}
}
