package store_test

import (
	"errors"
	"strings"
	"testing"

	"lwbs/lwm2m"
	"lwbs/store"
)

// All texts, keys and certificates of a device together have 64 KiB.
func TestBytesOfADevice(t *testing.T) {
	device := func(note int) store.Device {
		return store.Device{
			Endpoint: "dev", Profile: "p", Note: strings.Repeat("n", note), Tags: []string{"tag"},
			Credentials: []store.Credential{{Kind: store.CredentialPSK, Identity: "id", Key: lwm2m.NewSecret(make([]byte, 16))}},
			Accounts: map[string]store.AccountKeys{"a": {
				Identity: "id", Key: lwm2m.NewSecret(make([]byte, 4000)), MasterSecret: lwm2m.NewSecret(make([]byte, 90)), Certificate: make([]byte, 2000),
			}},
			Secrets: map[lwm2m.Path]lwm2m.Secret{lwm2m.ResourcePath(11, 0, 6): lwm2m.NewSecret(make([]byte, 4096))},
			Vars:    map[string]string{"v1": strings.Repeat("x", 16<<10), "v2": strings.Repeat("x", 16<<10), "v3": strings.Repeat("x", 16<<10)},
		}
	}
	// Without the note, and without the key to bootstrap with, which has a limit of its own.
	const others = len("tag") + len("id") + len("a") + len("id") + 4000 + 90 + 2000 + 4096 + 3*(len("v1")+16<<10)
	const limit = 64 << 10
	left := limit - others
	if left < 0 || left > store.MaxNote {
		left = store.MaxNote
	}
	fill := device(0)
	fill.Vars["v4"] = strings.Repeat("x", limit-others-left-len("v4"))
	fill.Note = strings.Repeat("n", left)
	if err := fill.Validate(); err != nil {
		t.Errorf("with 65536 bytes: %v", err)
	}
	fill.Vars["v4"] += "x"
	if err := fill.Validate(); !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), "65537 bytes of texts") {
		t.Errorf("with 65537 bytes: %v", err)
	}
}
