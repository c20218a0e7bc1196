package profile_test

import (
	"strings"
	"testing"

	"lwbs/bootstrap/profile"
	"lwbs/lwm2m"
	"lwbs/store"
)

// A check says nothing of the size of a key that only the made-up device has.
func TestKeysThatStandInAreNotMeasured(t *testing.T) {
	supplied := store.Profile{
		Name: "p", Device: store.DeviceLimits{MaxKey: 8},
		Accounts: []store.Account{{Name: "main", URI: "coaps://a.example", ShortServerID: 101, Key: store.KeySupplied}},
	}
	own := store.Profile{
		Name: "p", Device: store.DeviceLimits{MaxKey: 8},
		Accounts:        []store.Account{{Name: "main", URI: "coap://a.example", ShortServerID: 101}},
		BootstrapServer: &store.BootstrapServer{URI: "coaps://bs.example", Key: store.KeySupplied},
	}
	generated := store.Profile{
		Name: "p", Device: store.DeviceLimits{MaxKey: 8},
		Accounts:        []store.Account{{Name: "main", URI: "coaps://a.example", ShortServerID: 101, KeyLength: 8}},
		BootstrapServer: &store.BootstrapServer{URI: "coaps://bs.example", KeyLength: 8},
	}
	keys := func(name string, n int) map[string]store.AccountKeys {
		return map[string]store.AccountKeys{name: {Key: lwm2m.NewSecret(make([]byte, n))}}
	}
	for _, tt := range []struct {
		name     string
		profile  store.Profile
		accounts map[string]store.AccountKeys
		errors   string // of CheckDevice, the only one; empty for none
	}{
		{"generated keys that fit", generated, nil, ""},
		{"no key", supplied, nil, "is to be supplied"},
		{"a key that fits", supplied, keys("main", 8), ""},
		{"a key that does not", supplied, keys("main", 16), "key has 16 bytes, and this kind of device holds 8"},
		{"no key of the Bootstrap-Server Account", own, nil, "is to be supplied"},
		{"a key of the Bootstrap-Server Account that fits", own, keys(store.BootstrapServerAccount, 8), ""},
		{"a key of the Bootstrap-Server Account that does not", own, keys(store.BootstrapServerAccount, 16), "key has 16 bytes, and this kind of device holds 8"},
	} {
		for _, f := range profile.Check(tt.profile, nil) {
			if !f.Warning {
				t.Errorf("%s: the profile by itself: %v", tt.name, f)
			}
		}
		d := store.Device{
			Endpoint: "dev", Profile: "p", Accounts: tt.accounts,
			Credentials: []store.Credential{{Kind: store.CredentialPSK, Identity: "i", Key: lwm2m.NewSecret(make([]byte, 16))}},
		}
		var errors []string
		for _, f := range profile.CheckDevice(tt.profile, d, nil) {
			if !f.Warning {
				errors = append(errors, f.String())
			}
		}
		if text := strings.Join(errors, "; "); len(errors) > 1 || !strings.Contains(text, tt.errors) || (text == "") != (tt.errors == "") {
			t.Errorf("%s: the device: %q, want %q", tt.name, errors, tt.errors)
		}
	}
}
