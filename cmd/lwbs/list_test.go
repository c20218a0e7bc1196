package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"lwbs/bootstrap/admin"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt"
	"lwbs/store/seal"
)

// manyRecords are 202 devices, profiles and sessions in the database of sh.
func manyRecords(t *testing.T, sh *shell) {
	t.Helper()
	sh.ok("profile apply $D/meter.yaml")
	k, err := seal.LoadKeyring(sh.path("x.db.key"))
	if err != nil {
		t.Fatal(err)
	}
	db, err := bolt.Open(sh.path("x.db"), k, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	profiles := make([]store.Profile, 201) // and meter
	p, err := db.Profile(t.Context(), "meter")
	if err != nil {
		t.Fatal(err)
	}
	for i := range profiles {
		profiles[i] = p
		profiles[i].Name, profiles[i].Revision = fmt.Sprintf("p%03d", i), 0
	}
	if _, err := db.PutProfiles(t.Context(), profiles); err != nil {
		t.Fatal(err)
	}
	errs := make(chan error, 404)
	for i := range 202 {
		ep := lwm2m.EndpointName(fmt.Sprintf("dev-%03d", i))
		go func() {
			_, err := db.PutDevice(t.Context(), store.Device{Endpoint: ep, Profile: "meter", NoSec: true, Tags: []string{"t"}})
			errs <- err
		}()
		go func() {
			errs <- db.AppendSession(t.Context(), store.Session{ID: fmt.Sprintf("%016d", i), Endpoint: ep, Known: true, Remote: "192.0.2.1:5683", Transport: "coaps", Cause: store.CauseRefused})
		}()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// Every list has all that there is, or says that there is more and how to get it.
func TestListsNeverEndWithoutAWord(t *testing.T) {
	for _, mode := range []string{"without a server", "with a server"} {
		t.Run(mode, func(t *testing.T) {
			sh := newShell(t)
			manyRecords(t, sh)
			if mode == "with a server" {
				sh.serve()
			}
			for line, more := range map[string]string{
				"device list": "", "device list --tag t": "", "device list --profile meter": "", "profile list": "",
				"session list --limit 300": "", "session list --failed --limit 300": "", "device list --limit 202": "", "device list --limit 1000000": "",
				"session list":             "there are more: --before 0000000000000102 lists the next",
				"device list --limit 100":  "there are more: --after dev-099 lists the next",
				"device list --limit 201":  "there are more: --after dev-200 lists the next",
				"profile list --limit 100": "there are more: --after p098 lists the next",
				"session list --limit 201": "there are more: --before 0000000000000001 lists the next",
			} {
				status, out, errs := sh.run(line)
				_, noServer, _ := strings.Cut(errs, "note: no server is running with this database;")
				if ungrouped := strings.HasPrefix(line, "session list") && !strings.Contains(line, "--failed"); (noServer != "") != (ungrouped && mode == "without a server") {
					t.Errorf("%s: %q", line, errs)
				}
				errs, _, _ = strings.Cut(errs, "note: ")
				if got := strings.TrimSpace(errs); status != exitDone || got != more {
					t.Errorf("%s: status %d, %q, want %q", line, status, errs, more)
				}
				if lines := strings.Count(out, "\n"); more == "" && lines != 203 {
					t.Errorf("%s: %d lines, want 202 and a heading", line, lines)
				}
			}
			_, out, errs := sh.run("device list --profile p0x0")
			if errs != "warning: profile \"p0x0\": not found: did you mean \"p000\"?\n" || strings.Count(out, "\n") != 1 {
				t.Errorf("a profile that there is not: %q, %q", out, errs)
			}
			for line, want := range map[string]int{
				"device list --json": 202, "profile list --json": 202, "session list --json": 202, "session list --json --failed": 202,
				"device list --json --limit 100": 100, "session list --json --limit 100 --before 0000000000000102": 100,
				"device list --json --after dev-099": 102, "device list --json --prefix unknown": 0, "profile list --json --after z": 0,
			} {
				status, out, errs := sh.run(line)
				var list []json.RawMessage
				if err := json.Unmarshal([]byte(out), &list); status != exitDone || err != nil || len(list) != want || list == nil {
					t.Errorf("%s: status %d, %d entries, want %d: %v", line, status, len(list), want, err)
				}
				if told := strings.Contains(errs, "there are more"); told != strings.Contains(line, "--limit") {
					t.Errorf("%s: %q", line, errs)
				}
			}
		})
	}
}

// Why explains the last attempts, and says that there are older ones.
func TestWhySaysThatThereIsMore(t *testing.T) {
	sh := newShell(t)
	manyRecords(t, sh)
	k, err := seal.LoadKeyring(sh.path("x.db.key"))
	if err != nil {
		t.Fatal(err)
	}
	db, err := bolt.Open(sh.path("x.db"), k, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		if err := db.AppendSession(t.Context(), store.Session{ID: fmt.Sprintf("%016d", 1000+i), Endpoint: "dev-001", Known: true, Remote: "192.0.2.1:5683", Transport: "coaps", Cause: store.CauseRefused}); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	const more = "there are older attempts: --limit N explains more, up to 100\n"
	for line, want := range map[string]string{
		"why dev-001": more, "why dev-001 --json": more, "why dev-001 --limit 4": more, "why dev-001 --limit 5 --json": "", "why dev-001 --limit 100": "", "why dev-002": "",
	} {
		status, out, errs := sh.run(line)
		if status != exitDone || errs != want || strings.HasSuffix(line, "--json") && strings.Contains(out, `"more": true`) != (want != "") {
			t.Errorf("%s: status %d, %q, want %q:\n%s", line, status, errs, want, out)
		}
	}
	if status, _, errs := sh.run("why dev-001 --limit 101"); status != exitUsage || !strings.Contains(errs, "--limit 101 is not within 1 to 100") {
		t.Errorf("more than are explained: status %d, %s", status, errs)
	}
}

// A record that cannot be read is not left out without a word.
func TestListsTellWhatTheyLack(t *testing.T) {
	for _, mode := range []string{"without a server", "with a server"} {
		t.Run(mode, func(t *testing.T) {
			sh := newShell(t)
			sh.ok("profile apply $D/meter.yaml")
			sh.ok("device add dev-1 --profile meter --psk generate")
			sh.ok("device add dev-2 --profile meter --psk generate")
			b, err := os.ReadFile(sh.path("x.db"))
			if err != nil {
				t.Fatal(err)
			}
			const record = "\x01\x01\x0a\x05dev-" // how the record of a device with such a name begins
			sh.write("x.db", string(bytes.ReplaceAll(b, []byte(record+"1"), []byte(record+"X"))))
			if mode == "with a server" {
				sh.serve()
			}
			for _, line := range []string{"device list", "device list --json", "device list --profile meter"} {
				status, out, errs := sh.run(line)
				if status != exitDone || !strings.Contains(out, "dev-2") || strings.Contains(out, "dev-1") {
					t.Errorf("%s: status %d: %s", line, status, out)
				}
				contains(t, line, errs, `warning: device "dev-1" cannot be read and is in no list: `, "hint: lwbs db check")
			}
		})
	}
}

// What people and peers have named is shown safely wherever it is printed.
func TestOddNamesAreShownSafely(t *testing.T) {
	inBothModes(t, func(t *testing.T, sh *shell) {
		const odd = "a\u202e\u2066b"
		run := func(args ...string) (int, string) {
			var out bytes.Buffer
			status := run(append([]string{"lwbs", "--db", sh.path("x.db")}, args...), strings.NewReader(""), &out, &out)
			for _, r := range out.String() {
				if r != '\n' && output.Invisible(r) {
					t.Errorf("lwbs %q prints %q", args, out.String())
					break
				}
			}
			return status, out.String()
		}
		_, added := run("device", "add", odd, "--profile", "meter", "--psk", "generate", "--note", odd+"\n\x1b]0;forged line\a\u009b", "--tag", odd, "--var", odd+"="+odd)
		contains(t, "add", added, `added "a\u202e\u2066b"`, `warning: the name "a\u202e\u2066b" has invisible characters`)
		run("device", "add", "b c", "--profile", "meter", "--psk", "generate")
		for _, args := range [][]string{
			{"device", "get", odd}, {"device", "get", odd, "--json"}, {"device", "list"}, {"device", "list", "--json"}, {"why", odd},
			{"device", "set", odd, "--note", odd}, {"device", "disable", odd},
		} {
			if status, out := run(args...); status != exitDone {
				t.Errorf("%q: status %d: %s", args, status, out)
			}
		}
		_, listed := run("device", "list", "--json")
		var devices []admin.Device
		if err := json.Unmarshal([]byte(listed), &devices); err != nil || len(devices) != 2 || devices[0].Endpoint != odd {
			t.Errorf("device list --json: %v %s", err, listed)
		}
		_, listed = run("device", "list")
		contains(t, "list", listed, `"a\u202e\u2066b"  meter`, `"b c"             meter`)
		_, got := run("device", "get", odd)
		contains(t, "get", got, `tags                       "a\u202e\u2066b"`)
		for _, args := range [][]string{
			{"device", "get", odd + "x"}, {"why", odd + "x"}, {odd}, {"device", odd}, {"device", "list", "--" + odd}, {"profile", "get", odd},
			{"device", "list", "--limit", odd}, {"profile", "apply", odd}, {"session", "get", odd}, {"--db", odd + ".db", "device", "list"}, {"db", "backup", odd + "/x"},
			{"serve", "--coaps", odd}, {"object", "get", odd}, {"import", "leshan", odd}, {"device", "get", odd + "x", "--json"},
		} {
			if status, _ := run(args...); status == exitDone {
				t.Errorf("%q: status %d", args, status)
			}
		}
		run("device", "delete", odd)
	})
}
