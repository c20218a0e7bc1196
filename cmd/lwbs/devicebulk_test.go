package main

import (
	"fmt"
	"strings"
	"testing"
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
			audit := sh.ok("audit list")
			contains(t, "audit", audit, "disabled where tag=lot1: 3 devices", "note, addTags, removeTags where tag=lot0: 3 devices", "where tag=north: 3 devices")
			lacks(t, "audit", audit, "running")
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
		"device delete --where tags=x":                          "there is no such key: want prefix, profile, tag, group, state, seen-within, not-seen-for",
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
