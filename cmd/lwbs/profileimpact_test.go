package main

import (
	"fmt"
	"strings"
	"testing"
)

// Before a profile is replaced, the devices that have it are looked at; what harms them is
// refused unless it is asked for.
func TestProfilesAreTriedOnTheirDevices(t *testing.T) {
	inBothModes(t, func(t *testing.T, sh *shell) {
		contains(t, "check", sh.ok("profile check $D/meter.yaml"), "profile meter is good: 1 account, 0 other objects; ")
		sh.ok("profile apply $D/meter.yaml")
		contains(t, "check", sh.ok("profile check $D/meter.yaml"), "; no device has it")
		for i := range 7 {
			sh.ok(fmt.Sprintf("device add dev-%d --profile meter --psk generate", i))
		}
		key := keyOf(t, sh, "dev-3")
		contains(t, "check", sh.ok("profile check $D/meter.yaml"), "; 7 devices have it\n")
		contains(t, "apply", sh.ok("profile apply $D/meter.yaml"), "unchanged: profile meter (revision 1): 7 devices have it\n")

		sh.write("var.yaml", strings.NewReplacer("coaps://lwm2m.example.com:5684", `"coaps://{{.Vars.host}}"`).Replace(meterYAML))
		sh.write("renamed.yaml", strings.Replace(meterYAML, "name: main", "name: other", 1))
		sh.write("kept.yaml", strings.Replace(meterYAML, "name: main", "name: other\n    renamedFrom: main", 1))
		sh.ok("device set dev-6 --var host=a.example")

		const failing = `$D/var.yaml:4: accounts[0].uri: 6 of 7 devices ("dev-0", "dev-1", "dev-2", "dev-3", "dev-4", …) would be given nothing: the device has no variable "host": --var host=VALUE`
		const losing = `$D/renamed.yaml:2: accounts: 7 of 7 devices ("dev-0", "dev-1", "dev-2", "dev-3", "dev-4", …) would lose a key that their LwM2M Server may know: there is no account "main" any more: what is given in its place has another key; an account with another name keeps its keys where it says renamedFrom`
		for _, command := range []string{"check", "apply"} {
			for file, want := range map[string]string{"var.yaml": failing, "renamed.yaml": losing} {
				status, out, errs := sh.run("profile " + command + " $D/" + file)
				if status != exitFailed || !strings.Contains(errs, want) {
					t.Errorf("%s %s: status %d, %s%swant %s", command, file, status, out, errs, want)
				}
				lacks(t, command, out, "is good")
			}
		}
		if keyOf(t, sh, "dev-3") != key {
			t.Error("a profile that was refused has changed a key")
		}
		status, _, errs := sh.run("profile apply $D/var.yaml --allow-failing")
		if status != exitDone || !strings.Contains(errs, "warning: "+failing) {
			t.Errorf("allowed: status %d, %s", status, errs)
		}
		status, _, errs = sh.run("profile check $D/var.yaml")
		if status != exitDone || !strings.Contains(errs, "warning: profile meter: 6 devices that have it are given nothing now either: lwbs why NAME tells the reason") {
			t.Errorf("again: status %d, %s", status, errs)
		}
		sh.ok("device disable dev-0")
		if status, _, errs := sh.run("device set dev-0 --note n"); status != exitDone || !strings.Contains(errs, `warning: accounts[0].uri: the device has no variable "host"`) {
			t.Errorf("an edit of something else: status %d, %s", status, errs)
		}
		if status, _, errs := sh.run("device set dev-6 --var host="); status != exitFailed {
			t.Errorf("a variable that is needed is removed: status %d, %s", status, errs)
		}
		sh.ok("device enable dev-0")
		sh.ok("profile apply $D/kept.yaml")
		if keyOf(t, sh, "dev-3") != key {
			t.Error("the account that was renamed has another key")
		}
		contains(t, "device set", sh.ok("device set dev-3 --note n"), "dev-3")
		if d := sh.ok("device get dev-3"); !strings.Contains(d, "account other") || strings.Contains(d, "account main") || keyOf(t, sh, "dev-3") != key {
			t.Errorf("the record after an edit: %s", d)
		}

		sh.ok("profile apply $D/renamed.yaml --replace-keys")
		if _, _, errs := sh.run("device set dev-0 --note n"); !strings.Contains(errs, "profile has no account of this name: what the record has of it is not given") {
			t.Errorf("a key that is not given any more: %s", errs)
		}
		if status, _, errs := sh.run("device set dev-0 --forget-account other"); status != exitFailed || !strings.Contains(errs, `profile "meter" has it`) {
			t.Errorf("an account that is there: status %d, %s", status, errs)
		}
		sh.ok("device set dev-0 --forget-account main")
		if _, _, errs := sh.run("device set dev-0 --note m"); strings.Contains(errs, "profile has no account") {
			t.Errorf("an account that was forgotten: %s", errs)
		}
	})
}

// A sample of the devices is spread evenly, and told.
func TestSampleOfDevices(t *testing.T) {
	inBothModes(t, func(t *testing.T, sh *shell) {
		sh.ok("profile apply $D/meter.yaml")
		for i := range 9 {
			sh.ok(fmt.Sprintf("device add dev-%d --profile meter --psk generate", i))
		}
		contains(t, "check", sh.ok("profile check $D/meter.yaml --examine 3"), "; 9 devices have it, 3 of them were examined\n")
		sh.write("renamed.yaml", strings.Replace(meterYAML, "name: main", "name: other", 1))
		_, _, errs := sh.run("profile apply $D/renamed.yaml --examine 3")
		contains(t, "apply", errs, `3 of 3 that were looked at (of 9) devices ("dev-0", "dev-4", "dev-8") would lose a key`)
	})
	if status, _, errs := newShell(t).run("profile check $D/meter.yaml --examine 0"); status != exitUsage || !strings.Contains(errs, "--examine 0 is not a number from 1") {
		t.Errorf("none: status %d, %s", status, errs)
	}
}

// keyOf is the line of the key that a device is given.
func keyOf(t *testing.T, sh *shell, device string) string {
	t.Helper()
	for line := range strings.Lines(sh.ok("device get --reveal " + device)) {
		if strings.HasPrefix(line, "account ") {
			_, key, _ := strings.Cut(line, "key ")
			key, _, _ = strings.Cut(key, " ")
			return key
		}
	}
	t.Fatalf("%s has no account", device)
	return ""
}
