package main

import (
	"encoding/json"
	"strings"
	"testing"

	"lwbs/store"
)

// What commands change and reveal is in the audit, with a server and without, by whom and never with a secret.
func TestAuditCommands(t *testing.T) {
	inBothModes(t, func(t *testing.T, sh *shell) {
		sh.ok("device add dev --profile meter --psk-key-file $D/key.hex --psk-key-format hex")
		sh.ok("device get dev")
		sh.ok("device get dev --reveal")
		sh.ok("device set dev --note hidden-note")
		if status, _, _ := sh.run("device set nosuch --note x"); status == exitDone {
			t.Error("a device that does not exist was changed")
		}
		sh.write("t.csv", "endpoint,psk\nimported-1,000102030405060708090a0b0c0d0e0f\nimported-2,101112131415161718191a1b1c1d1e1f\n")
		sh.ok("import csv $D/t.csv --key-format hex --profile meter")
		sh.ok("user add ada --role viewer --generate-password")
		out := sh.ok("audit list --json")
		var entries []store.AuditEntry
		for line := range strings.Lines(out) {
			var e store.AuditEntry
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			entries = append(entries, e)
		}
		var did []string
		for _, e := range entries {
			did = append(did, strings.TrimSpace(e.Action+" "+e.Target))
			if e.Name == "" || e.Name == "unknown" || e.Role != "admin" || !strings.HasPrefix(e.Address, "pid ") || e.Way != "socket" && e.Way != "database" {
				t.Errorf("it does not say who: %+v", e)
			}
		}
		text := strings.Join(did, "\n")
		contains(t, "the audit", text, "user add ada", "device set dev", "device reveal dev", "device add dev", "profile apply meter", "device import")
		contains(t, "the import", out, `"detail":"2 added"`)
		lacks(t, "the audit", out, "imported-1")
		for _, absent := range []string{"00112233", "00010203", "hidden-note", "nosuch", "argon2"} {
			lacks(t, "the audit", out, absent)
		}
		contains(t, "the table", sh.ok("audit list --action device --target dev --within 1h --limit 2"), "device set", "device reveal", "note")
		if out := sh.ok("audit list --name no-one-else"); out != "" {
			t.Errorf("of another one: %s", out)
		}
		status, _, errs := sh.run("audit list --limit 1 --action device")
		if status != exitDone || !strings.Contains(errs, "there are more; the next ones: lwbs audit list --before ") {
			t.Errorf("status %d: %s", status, errs)
		}
		for line, told := range map[string]string{"audit list --within soon": "--within", "audit list --limit 0": "not a number from 1", "audit list --name $E": "--name is empty"} {
			if status, _, errs := sh.run(line); status != exitUsage || !strings.Contains(errs, told) {
				t.Errorf("%s: status %d: %s", line, status, errs)
			}
		}
	})
}
