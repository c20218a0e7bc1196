package profile_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"lwbs/bootstrap/profile"
	"lwbs/lwm2m"
	"lwbs/store"
)

// A Checker that has seen other devices finds what one finds that has seen none.
func TestCheckerFindsTheSame(t *testing.T) {
	text := func(s string) store.Literal { return store.Literal{Text: &s} }
	profiles := map[string]store.Profile{
		"fixed":     {Name: "p", Accounts: []store.Account{{Name: "main", URI: "coaps://a.example", ShortServerID: 101}}},
		"variables": {Name: "p", Accounts: []store.Account{{Name: "main", URI: "{{.Vars.uri}}", ShortServerID: 101, Identity: "{{.Vars.id}}"}}},
		"small":     {Name: "p", Device: store.DeviceLimits{MaxIdentity: 10, MaxPayload: 120}, Accounts: []store.Account{{Name: "main", URI: "coaps://a.example", ShortServerID: 101, Key: store.KeySupplied}}},
		"objects": {Name: "p", Accounts: []store.Account{{Name: "main", URI: "coaps://a.example", ShortServerID: 101}}, Objects: []store.ObjectValues{
			{Path: lwm2m.InstancePath(3, 0), Resources: map[lwm2m.ResourceID]store.Literal{15: text("{{.Vars.zone}}")}},
		}},
	}
	var devices []store.Device
	for i, vars := range []map[string]string{
		nil, {"uri": "coap://b.example", "id": "x", "zone": "UTC"}, {"uri": "coaps://b.example", "id": "y", "zone": "UTC"},
		{"uri": "coaps://b.example", "id": "\x00", "zone": "U\x00C"}, {"uri": "b.example", "id": strings.Repeat("z", 300), "zone": strings.Repeat("z", 300)},
	} {
		for j, keys := range []map[string]store.AccountKeys{
			nil, {"main": {Key: lwm2m.NewSecret([]byte("0123456789abcdef"))}}, {"main": {Key: lwm2m.NewSecret([]byte("fedcba9876543210")), Identity: "own"}},
			{"main": {Key: lwm2m.NewSecret(make([]byte, 64)), Identity: "hex:00ff"}}, {"other": {Key: lwm2m.NewSecret([]byte("k"))}},
		} {
			for _, format := range []lwm2m.Format{0, lwm2m.FormatSenMLJSON} {
				devices = append(devices, store.Device{Endpoint: lwm2m.EndpointName(fmt.Sprintf("dev-%d-%d", i, j)), Profile: "p", Vars: vars, Accounts: keys, Format: format})
			}
		}
	}
	for name, p := range profiles {
		c := profile.NewChecker(p, nil)
		different := make(map[string]bool)
		for i := range 2 * len(devices) {
			d := devices[i*7%len(devices)]
			want := profile.CheckDevice(p, d, nil)
			if got := c.Device(d); fmt.Sprint(got) != fmt.Sprint(want) || !reflect.DeepEqual(got, want) && len(got)+len(want) > 0 {
				t.Errorf("%s: device %d: %v, want %v", name, i, got, want)
			}
			different[fmt.Sprint(want)] = true
		}
		if len(different) < 2 {
			t.Errorf("%s: all devices are alike", name)
		}
	}
}
