package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"lwbs/cmd/lwbs/internal/clitest"
	"lwbs/store/bolt"
)

// damagedShell has a database of 60 devices, of which the part behind cut of its bytes is
// missing.
func damagedShell(t *testing.T, cut float64) (sh *shell, damaged []byte) {
	t.Helper()
	sh = newShell(t)
	sh.ok("profile apply -f $D/meter.yaml")
	for i := range 60 {
		sh.ok(fmt.Sprintf("device add dev-%02d --profile meter --psk generate --note %s", i, strings.Repeat("n", 400)))
	}
	sh.ok("db backup $D/small.db")
	b, err := os.ReadFile(sh.path("small.db"))
	if err != nil {
		t.Fatal(err)
	}
	b = bytes.TrimRight(b, "\x00")
	sh.write("x.db", string(b[:int(cut*float64(len(b)))]))
	b, err = os.ReadFile(sh.path("x.db"))
	if err != nil {
		t.Fatal(err)
	}
	return sh, b
}

// What a person does with a database that was cut: it is told what is wrong, in lines, nothing
// is written to it, and what can still be read is in a new one that can be used.
func TestDatabaseThatWasCut(t *testing.T) {
	sh, damaged := damagedShell(t, 0.6)
	status, out, errs := sh.run("db check")
	if status != exitFailed || out != "" || !strings.Contains(errs, "more belong to it: it was cut\n") || !strings.Contains(errs, "hint: check the disk; restore a backup, or let lwbs db salvage") {
		t.Errorf("db check: status %d, %s%s", status, out, errs)
	}
	for line := range strings.Lines(errs) {
		if !strings.HasPrefix(line, "lwbs: damaged: ") && !strings.HasPrefix(line, "hint: ") {
			t.Errorf("db check: %q", line)
		}
	}
	out = sh.ok("db salvage $D/fresh.db")
	contains(t, "db salvage", out, "salvaged into $D/fresh.db: ", "its secrets are sealed with the same key as before: put it in place of $D/x.db")
	if after, err := os.ReadFile(sh.path("x.db")); err != nil || !bytes.Equal(after, damaged) {
		t.Errorf("the check or the salvage has written to the damaged file, error %v", err)
	}
	status, _, errs = sh.run("db salvage $D/fresh.db")
	if status != exitFailed || !strings.Contains(errs, "file already exists") {
		t.Errorf("into a file that is there: status %d, %s", status, errs)
	}
	var report bolt.Salvage
	if err := json.Unmarshal([]byte(sh.ok("db salvage --json $D/again.db")), &report); err != nil || report.Devices.Kept == 0 || len(report.Damage) == 0 {
		t.Fatalf("%+v, error %v", report, err)
	}
	if err := os.Rename(sh.path("fresh.db"), sh.path("x.db")); err != nil {
		t.Fatal(err)
	}
	contains(t, "db check", sh.ok("db check"), "the database is sound")
	contains(t, "db stats", sh.ok("db stats"), fmt.Sprintf("devices   %d\n", report.Devices.Kept))
}

// A salvage and a check need no server, and are no way around one.
func TestSalvageBesideAServer(t *testing.T) {
	sh := newShell(t)
	sh.ok("profile apply -f $D/meter.yaml")
	sh.serve()
	contains(t, "db check", sh.ok("db check"), "the database is sound")
	status, _, errs := sh.run("db salvage $D/fresh.db")
	if status != exitFailed || !strings.Contains(errs, "a server runs with this database: stop it first") {
		t.Errorf("status %d, %s", status, errs)
	}
	if _, err := os.Stat(sh.path("fresh.db")); err == nil {
		t.Error("there is a file")
	}
}

// Without the sealing key all but the secrets is checked, and that is said.
func TestCheckWithoutKey(t *testing.T) {
	sh := newShell(t)
	sh.ok("profile apply -f $D/meter.yaml")
	if err := os.Remove(sh.path("x.db.key")); err != nil {
		t.Fatal(err)
	}
	status, out, errs := sh.run("db check")
	if status != exitFailed || out != "" || !strings.Contains(errs, "sealing key is missing") || !strings.Contains(errs, "; all else is sound\n") {
		t.Errorf("status %d, %s%s", status, out, errs)
	}
}

// A server tells of a part that it cannot read in the log and as a metric, and serves.
func TestServerTellsOfDamage(t *testing.T) {
	sh := newShell(t)
	sh.ok("profile apply -f $D/meter.yaml")
	for i := range 60 {
		sh.ok(fmt.Sprintf("device add dev-%02d --profile meter --psk generate --note %s", i, strings.Repeat("n", 400)))
	}
	b, err := os.ReadFile(sh.path("x.db"))
	if err != nil {
		t.Fatal(err)
	}
	// Every page that has the record of dev-07, older versions too.
	size := os.Getpagesize()
	for at := 2 * size; at < len(b); at += size {
		if page := b[at : at+size]; bytes.Contains(page, []byte("\x01\x01\x0a\x06dev-07")) {
			clear(page)
		}
	}
	sh.write("x.db", string(b))
	log := new(clitest.Log)
	sh.serveLogging(log, "--metrics", "127.0.0.1:0")
	status, _, errs := sh.run("device get dev-07")
	if status != exitFailed || !strings.Contains(errs, "damaged") || strings.Contains(errs, "not found") {
		t.Errorf("status %d, %s", status, errs)
	}
	sh.ok("device get dev-40")
	if text := log.String(); !strings.Contains(text, "level=ERROR") || !strings.Contains(text, "of bucket device") {
		t.Errorf("the log: %s", text)
	}
	if _, text := clitest.Ask(t, "GET", sh.metrics+"/metrics"); !strings.Contains(text, "\nlwbs_store_unreadable_parts 1\n") {
		t.Error("the metrics do not tell")
	}
	if status, text := clitest.Ask(t, "GET", sh.metrics+"/readyz"); status != 200 {
		t.Errorf("/readyz: %d %s", status, text)
	}
}
