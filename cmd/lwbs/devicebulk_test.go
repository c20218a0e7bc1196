package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"lwbs/bootstrap/admin"
	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt"
)

// Many devices are edited by a filter, with a server and without; nothing else is touched.
func TestBulkEdits(t *testing.T) {
	for _, served := range []bool{false, true} {
		t.Run(fmt.Sprintf("served %v", served), func(t *testing.T) {
			sh := newShell(t)
			sh.ok("profile apply $D/meter.yaml")
			for i := range 6 {
				sh.ok(fmt.Sprintf("device add m-%d --profile meter --psk generate --tag lot%d", i, i%2))
			}
			if served {
				sh.serve()
			}
			const asks = "this would disable 3 devices: --yes does it without a question"
			if status, _, errs := sh.run("device disable --where tag=lot1"); status != exitUsage || !strings.Contains(errs, asks) || !strings.Contains(errs, "3 devices: 3 never came with tag=lot1") {
				t.Errorf("without --yes: status %d, %s", status, errs)
			}
			counts := func(want string) {
				t.Helper()
				if got := sh.ok("device list --count"); got != want+"\n" {
					t.Errorf("%q, want %q", got, want)
				}
			}
			counts("6 devices: 6 never came")
			contains(t, "disable", sh.ok("device disable --where tag=lot1 --yes"), "disabled 3 devices")
			counts("6 devices: 3 never came, 3 disabled")
			contains(t, "enable", sh.ok("device enable --where tag=lot1 --where state=disabled --where prefix=m-1 --yes"), "enabled 1 device\n")
			contains(t, "set", sh.ok("device set --where tag=lot0 --add-tag north --remove-tag lot0 --note moved --yes"), "changed 3 devices")
			contains(t, "set again", sh.ok("device set --where tag=lot0 --note again --yes"), "changed 0 devices")
			contains(t, "JSON", sh.ok("device set --where tag=north --note json --yes --json"), `"selected": 3`, `"done": 3`, `"refused": 0`)
			contains(t, "one of them", sh.ok("device get m-2"), "north", "json")
			contains(t, "delete", sh.ok("device delete --where tag=north --yes"), "deleted 3 devices")
			counts("3 devices: 1 never came, 2 disabled")
		})
	}
}

// What makes no sense is refused before anything is counted or changed.
func TestBulkEditsRefuse(t *testing.T) {
	sh := newShell(t)
	sh.ok("profile apply $D/meter.yaml")
	sh.ok("device add m-1 --profile meter --psk generate")
	for line, want := range map[string]string{
		"device delete --where tag":                             "--where tag: want KEY=VALUE",
		"device delete --where tag=":                            "it is empty",
		"device delete --where tags=x":                          "there is no such key: want prefix, profile, tag, state, seen-within, not-seen-for",
		"device delete --where tag=x --where tag=y":             "tag is there twice",
		"device delete --where state=gone":                      `there is no state "gone"`,
		"device delete m-1 --where tag=x":                       "ENDPOINT and --where exclude each other",
		"device delete m-1 --yes":                               "--yes goes with --where",
		"device delete --where tag=x --revision 1":              "--revision is for one device",
		"device delete":                                         "expected ENDPOINT",
		"device set --where prefix=m --psk generate":            "a key is for one device",
		"device set --where prefix=m":                           "no option says what to change",
		"device set --where prefix=m --account-identity main=x": "is for one device",
	} {
		if status, _, errs := sh.run(line + " "); status != exitUsage || !strings.Contains(errs, want) {
			t.Errorf("%s: status %d, %s, want %s", line, status, errs, want)
		}
	}
	for _, line := range []string{"device delete --where profile=metre --yes", "device set --where prefix=m --profile metre --yes"} {
		if status, _, errs := sh.run(line); status != exitFailed || !strings.Contains(errs, `did you mean "meter"?`) || strings.Contains(errs, "1 device") {
			t.Errorf("%s: status %d, %s", line, status, errs)
		}
	}
	status, out, errs := sh.run("device set --where prefix=m --forget-account main --yes")
	if status != exitFailed || !strings.Contains(out, "changed 0 devices") || !strings.Contains(errs, "1 of 1 device refused") {
		t.Errorf("an edit that is refused: status %d, %s%s", status, out, errs)
	}
	contains(t, "the device", sh.ok("device get m-1"), "revision         1,")
}

// contested is an API under whose lists the records change.
type contested struct {
	admin.API
	edit func()
}

func (c contested) Devices(ctx context.Context, q admin.DeviceQuery) ([]admin.Device, error) {
	page, err := c.API.Devices(ctx, q)
	c.edit()
	return page, err
}

// A device that someone else edits or deletes between its selection and its edit is left.
func TestBulkEditLeavesWhatChanged(t *testing.T) {
	k, err := store.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	db, err := bolt.Open(filepath.Join(t.TempDir(), "x.db"), k, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	api := &admin.Local{Store: db}
	defer api.Close()
	meter := store.Profile{Name: "meter", Accounts: []store.Account{{Name: "main", URI: "coap://lwm2m.example.com", ShortServerID: 101}}}
	if _, err := api.ApplyProfile(t.Context(), meter, admin.ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, ep := range []lwm2m.EndpointName{"m-1", "m-2", "m-3"} {
		if _, err := api.AddDevice(t.Context(), ep, admin.DeviceSettings{Profile: &meter.Name, NoSec: new(true)}); err != nil {
			t.Fatal(err)
		}
	}
	once := false
	r, err := deleteMany().all(t.Context(), nil, contested{api, func() {
		if once {
			return
		}
		once = true
		_, err := api.SetDevice(t.Context(), "m-1", 0, admin.DeviceSettings{Note: new("mine")})
		if err := errors.Join(err, api.DeleteDevice(t.Context(), "m-2", 0)); err != nil {
			t.Error(err)
		}
	}}, admin.DeviceFilter{})
	if err != nil || r != (bulkResult{Selected: 3, Done: 1, Meanwhile: 2}) {
		t.Errorf("%+v, error %v", r, err)
	}
	for ep, there := range map[lwm2m.EndpointName]bool{"m-1": true, "m-2": false, "m-3": false} {
		if _, err := api.Device(t.Context(), ep, false); errors.Is(err, store.ErrNotFound) == there {
			t.Errorf("%s: %v", ep, err)
		}
	}
}
