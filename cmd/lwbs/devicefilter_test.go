package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"lwbs/bootstrap/admin"
)

// Devices are selected by options, in lists and counts, with a server and without.
func TestDeviceListFilters(t *testing.T) {
	sh := newShell(t)
	sh.ok("profile apply $D/meter.yaml")
	for _, add := range []string{"m-1 --tag lot7", "m-2 --tag lot7", "m-3 --tag lot8"} {
		sh.ok("device add " + add + " --profile meter --psk generate")
	}
	sh.ok("device disable m-2")
	ask := func(t *testing.T) {
		t.Helper()
		for command, want := range map[string]string{
			"device list --count":                                "3 devices: 2 never came, 1 disabled\n",
			"device list --count --tag lot7":                     "2 devices: 1 never came, 1 disabled\n",
			"device list --count --tag lot8 --state never":       "1 device: 1 never came\n",
			"device list --count --state done":                   "0 devices\n",
			"device list --count --not-seen-for 7d --prefix m-3": "1 device: 1 never came\n",
			"device list --count --seen-within 36h":              "0 devices\n",
		} {
			if got := sh.ok(command); got != want {
				t.Errorf("%s: %q, want %q", command, got, want)
			}
		}
		if out := sh.ok("device list --state disabled"); !strings.Contains(out, "m-2") || strings.Contains(out, "m-1") {
			t.Errorf("the disabled devices: %s", out)
		}
		contains(t, "JSON", sh.ok("device list --count --json"), `"devices": 3`, `"never": 2`, `"failed": 0`)
	}
	ask(t)
	sh.serve()
	ask(t)
	for command, want := range map[string]string{
		"device list --state odd":           "there is no state \"odd\": want done, due, failed, running, never, disabled",
		"device list --seen-within 7":       "--seen-within 7: want a time such as 90m, 36h or 7d",
		"device list --seen-within -1h":     "want a time such as",
		"device list --not-seen-for 1e9d":   "want a time such as",
		"device list --count --limit 1":     "--count counts all",
		"device list --count --after x":     "--count counts all",
		"device list --state=":              "it is empty",
		"device list --not-seen-for 99999d": "want a time such as",
	} {
		status, _, errs := sh.run(command)
		if status != exitUsage || !strings.Contains(errs, want) {
			t.Errorf("%s: status %d, %s; want %s", command, status, errs, want)
		}
	}
}

// A device that was bootstrapped is done, also where the server gave it new keys, and due from an
// edit on until it comes again.
func TestDoneAndDue(t *testing.T) {
	sh := newShell(t)
	sh.write("renew.yaml", strings.Replace(meterYAML, "shortServerID: 101", "shortServerID: 101\n    key: renew", 1))
	sh.serve()
	sh.ok("profile apply $D/renew.yaml")
	sh.ok("device add dev-1 --profile meter --psk-key-format hex --psk-key-file $D/key.hex")
	last := ""
	state := func(want string) {
		t.Helper()
		if got := sh.ok("device list --count"); got != "1 device: 1 "+want+"\n" {
			t.Errorf("%q, want %s", got, want)
		}
	}
	come := func() {
		t.Helper()
		if _, err := sh.bootstrap("dev-1", rightKey); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
			var d admin.Device
			if err := json.Unmarshal([]byte(sh.ok("device get dev-1 --json")), &d); err != nil {
				t.Fatal(err)
			}
			if d.Last != nil && d.Last.ID != last && d.Running == nil {
				last = d.Last.ID
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("the session is not in the history")
			}
		}
		state("done")
	}
	state("never came")
	come()
	come()
	sh.ok("device set dev-1 --note moved")
	state("done")
	sh.ok("device set dev-1 --account-identity main=other")
	state("due (1 by record)")
	come()
	sh.write("renew.yaml", strings.Replace(meterYAML, "shortServerID: 101", "shortServerID: 101\n    key: renew\n    lifetime: 2h", 1))
	sh.ok("profile apply $D/renew.yaml")
	state("due (1 by profile)")
	come()
	sh.ok("device disable dev-1")
	state("disabled")
}
