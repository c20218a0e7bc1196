package bootstrap

import (
	"testing"

	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/request"
	"lwbs/lwm2m"
	"lwbs/lwm2m/link"
	"lwbs/store"
	"lwbs/store/grammar"
)

func TestPackIsDeclined(t *testing.T) {
	own := link.ParseDiscovery([]byte("</0/0>"))
	tests := []struct {
		name     string
		change   func(*store.Profile)
		own      *link.Discovery
		declined bool
	}{
		{"allowed", func(*store.Profile) {}, nil, false},
		{"not allowed by default", func(p *store.Profile) { p.Pack = "" }, &own, true},
		{"refused", func(p *store.Profile) { p.Pack = "refuse" }, &own, true},
		{"account not told, and none may be assumed", func(p *store.Profile) { p.DiscoverFailed = grammar.DiscoverFail }, nil, true},
		{"account told, where none may be assumed", func(p *store.Profile) { p.DiscoverFailed = grammar.DiscoverFail }, &own, false},
		{"renewed key", func(p *store.Profile) { p.Accounts[0].Key = store.KeyRenew }, &own, true},
		{"gateway", func(p *store.Profile) { p.Objects = []store.ObjectValues{{Path: lwm2m.InstancePath(26, 1)}} }, &own, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := store.Profile{Name: "p", Pack: grammar.PackAllow, Accounts: []store.Account{{Name: "a", URI: "coaps://a.example", ShortServerID: 101}}}
			tt.change(&p)
			if why := unpackable(p, request.Pack{Own: tt.own}, auth.Peer{Transport: "coaps"}); (why != "") != tt.declined {
				t.Errorf("declined because %q", why)
			}
		})
	}
}

func TestPackIsDeclinedOverPlainCoAP(t *testing.T) {
	own := link.ParseDiscovery([]byte("</0/0>"))
	if why := unpackable(store.Profile{Name: "p", Pack: grammar.PackAllow}, request.Pack{Own: &own}, auth.Peer{Transport: "coap"}); why == "" {
		t.Error("a pack for an address that may be forged")
	}
}
