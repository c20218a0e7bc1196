package profile_test

import (
	"strings"
	"testing"

	"lwbs/bootstrap/profile"
	"lwbs/lwm2m"
	"lwbs/store"
)

func TestCheckSuppliedSecrets(t *testing.T) {
	text := func(s string) store.Literal { return store.Literal{Text: &s} }
	p := func(object lwm2m.ObjectID, values map[lwm2m.ResourceID]store.Literal) store.Profile {
		return store.Profile{
			Name: "p", Accounts: []store.Account{{Name: "main", URI: "coaps://a.example", ShortServerID: 101}},
			Objects: []store.ObjectValues{{Path: lwm2m.InstancePath(object, 0), Resources: values}},
		}
	}
	password := p(24, map[lwm2m.ResourceID]store.Literal{8: text("supplied")})
	activation := p(10, map[lwm2m.ResourceID]store.Literal{2: text("supplied")})
	at := func(path lwm2m.Path, value string) map[lwm2m.Path]lwm2m.Secret {
		return map[lwm2m.Path]lwm2m.Secret{path: lwm2m.NewSecret([]byte(value))}
	}
	tests := []struct {
		name    string
		profile store.Profile
		secrets map[lwm2m.Path]lwm2m.Secret
		want    string // in a finding about it; empty for none
		warning bool
	}{
		{"there", password, at(lwm2m.ResourcePath(24, 0, 8), "hunter2"), "", false},
		{"missing", password, nil, "/24/0/8 is to be supplied, and the device has none: --secret-file /24/0/8=FILE", false},
		{"of another instance", password, at(lwm2m.ResourcePath(24, 1, 8), "hunter2"), "/24/0/8 is to be supplied", false},
		{"unused", p(3, map[lwm2m.ResourceID]store.Literal{15: text("Europe/Berlin")}), at(lwm2m.ResourcePath(24, 0, 8), "hunter2"), "the profile does not have /24/0/8 as supplied", true},
		{"no text", activation, at(lwm2m.ResourcePath(10, 0, 2), "hunter2\xff"), "not valid UTF-8", false},
		{"in the profile", p(24, map[lwm2m.ResourceID]store.Literal{8: text("hex:68756e74657232")}), nil, "profiles hold none", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := store.Device{
				Endpoint: "dev", Profile: "p", Secrets: tt.secrets,
				Credentials: []store.Credential{{Kind: store.CredentialPSK, Identity: "i", Key: lwm2m.NewSecret(make([]byte, 16))}},
			}
			found := false
			for _, f := range profile.CheckDevice(tt.profile, d, nil) {
				about := tt.want != "" && strings.Contains(f.Message, tt.want)
				found = found || about && f.Warning == tt.warning
				if strings.Contains(f.String(), "hunter2") || strings.Contains(f.String(), "68756e74657232") {
					t.Error("a finding has the secret")
				}
				if !about && !f.Warning && strings.Contains(f.String(), "secret") {
					t.Errorf("found %v", f)
				}
			}
			if found != (tt.want != "") {
				t.Errorf("found %v, want %q", profile.CheckDevice(tt.profile, d, nil), tt.want)
			}
		})
	}
	for name, p := range map[string]store.Profile{"password": password, "activation": activation} {
		for _, f := range profile.Check(p, nil) {
			if strings.Contains(f.String(), "supplied") {
				t.Errorf("%s: a profile by itself: %v", name, f)
			}
		}
	}
}
