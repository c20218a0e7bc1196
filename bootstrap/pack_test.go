package bootstrap

import (
	"slices"
	"testing"

	"lwbs/bootstrap/auth"
	"lwbs/lwm2m"
	"lwbs/lwm2m/link"
	"lwbs/store"
	"lwbs/store/grammar"
)

func TestParsePackRequest(t *testing.T) {
	tests := []struct {
		name     string
		queries  []string
		accept   lwm2m.Format
		endpoint lwm2m.EndpointName
		format   lwm2m.Format
		own      []lwm2m.InstanceID
		code     lwm2m.Code // zero: accepted
	}{
		{"name only", []string{"ep=dev-1"}, 0, "dev-1", lwm2m.FormatSenMLCBOR, nil, 0},
		{"SenML JSON", []string{"ep=dev-1"}, lwm2m.FormatSenMLJSON, "dev-1", lwm2m.FormatSenMLJSON, nil, 0},
		{"LwM2M CBOR", []string{"ep=dev-1"}, lwm2m.FormatLwM2MCBOR, "dev-1", lwm2m.FormatLwM2MCBOR, nil, 0},
		{"TLV has no place for Objects", []string{"ep=dev-1"}, lwm2m.FormatTLV, "dev-1", lwm2m.FormatTLV, nil, lwm2m.CodeNotAcceptable},
		{"account told", []string{"ep=dev-1", "acc=</0/2>"}, 0, "dev-1", lwm2m.FormatSenMLCBOR, []lwm2m.InstanceID{2}, 0},
		{"account with OSCORE", []string{"acc=</0/2>,</21/0>", "ep=dev-1"}, 0, "dev-1", lwm2m.FormatSenMLCBOR, []lwm2m.InstanceID{2}, 0},
		{"account in two parameters", []string{"acc=</0/2>", "acc=</21/0>"}, 0, "", lwm2m.FormatSenMLCBOR, []lwm2m.InstanceID{2}, 0},
		{"account that is none", []string{"acc=x"}, 0, "", lwm2m.FormatSenMLCBOR, []lwm2m.InstanceID{}, 0},
		{"pct means nothing here", []string{"ep=dev-1", "pct=0"}, 0, "dev-1", lwm2m.FormatSenMLCBOR, nil, 0},
		{"two names", []string{"ep=a", "ep=b"}, 0, "", lwm2m.FormatSenMLCBOR, nil, lwm2m.CodeBadRequest},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req, refused := parsePackRequest(Request{Queries: tt.queries, Accept: tt.accept})
			if req.endpoint != tt.endpoint || req.format != tt.format {
				t.Errorf("endpoint %q in %v, want %q in %v", req.endpoint, req.format, tt.endpoint, tt.format)
			}
			if (req.own == nil) != (tt.own == nil) || req.own != nil && !slices.Equal(req.own.BootstrapSecurity(), tt.own) {
				t.Errorf("own account %+v, want %v", req.own, tt.own)
			}
			if (refused == nil) != (tt.code == 0) || refused != nil && refused.Code != tt.code {
				t.Errorf("refused: %+v, want %v", refused, tt.code)
			}
		})
	}
}

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
			if why := unpackable(p, packRequest{own: tt.own}, auth.Peer{Transport: "coaps"}); (why != "") != tt.declined {
				t.Errorf("declined because %q", why)
			}
		})
	}
}

func TestPackIsDeclinedOverPlainCoAP(t *testing.T) {
	own := link.ParseDiscovery([]byte("</0/0>"))
	if why := unpackable(store.Profile{Name: "p", Pack: grammar.PackAllow}, packRequest{own: &own}, auth.Peer{Transport: "coap"}); why == "" {
		t.Error("a pack for an address that may be forged")
	}
}
