package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"lwbs/bootstrap/admin"
	"lwbs/cmd/lwbs/internal/clitest"
)

func TestGroupCommands(t *testing.T) {
	inBothModes(t, func(t *testing.T, sh *shell) {
		out := sh.ok("group add lot7 --profile meter --match urn:imei:35* --max-devices 2 --until 90d --tag lot7 --note n")
		contains(t, "add", out, "added group lot7 (profile meter, revision 1)", "key of the group, for lwbs key derive:", "(hexadecimal, 32 bytes)")
		lacks(t, "get", sh.ok("group get lot7 --json"), `"key":`)
		contains(t, "get", sh.ok("group get lot7"), "open: it enrols devices", "0 of 2", "number 1, of 32 bytes", "16 bytes, by hkdf-sha256", "tags             lot7")
		contains(t, "list", sh.ok("group list"), "lot7   meter    0 of 2   open   1 key  urn:imei:35*")
		sh.ok("group set lot7 --group-key generate --group-key-out $D/lot7.key")
		if info, err := os.Stat(sh.path("lot7.key")); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the file of the key: %v, %v", info, err)
		}
		contains(t, "get", sh.ok("group get lot7"), "former key       number 1", "0 devices came last with it")
		sh.ok("group set lot7 --drop-key")

		contains(t, "add a device", sh.ok("device add urn:imei:350123450000050 --group lot7"), "profile meter", "derived from that of group lot7")
		derived := strings.TrimSpace(sh.ok("key derive urn:imei:350123450000050 --group-key-file $D/lot7.key --group-key-format hex"))
		contains(t, "its key", sh.ok("device get urn:imei:350123450000050 --reveal"), "key "+derived, "derived from key of group lot7")
		contains(t, "its group", sh.ok("device list --group lot7"), "urn:imei:350123450000050")
		lacks(t, "another group", sh.ok("device list --group other"), "urn:imei:350123450000050")
		contains(t, "status", sh.ok("status"), "1 enrolment group with 1 device, 1 open")

		status, _, errs := sh.run("group delete lot7")
		if contains(t, "delete", errs, "in use, by 1 device: lwbs group delete --help"); status != exitFailed {
			t.Errorf("status %d", status)
		}
		_, _, errs = sh.run("device delete urn:imei:350123450000050")
		contains(t, "delete a device", errs, "group lot7 enrols it again when it comes: to prevent that, lwbs group deny lot7 urn:imei:350123450000050")
		contains(t, "deny", sh.ok("group deny lot7 urn:imei:350123450000050"), "group lot7 denies urn:imei:350123450000050")
		_, _, errs = sh.run("why urn:imei:350123450000050")
		contains(t, "why", errs, `It matches the enrolment group "lot7", which denies this name`)
		sh.ok("group allow lot7 urn:imei:350123450000050")
		_, _, errs = sh.run("why urn:imei:350123450000050")
		contains(t, "why", errs, `It matches the enrolment group "lot7", which makes one when the device comes`)
		sh.ok("device add urn:imei:350123450000050 --group lot7")
		_, _, errs = sh.run("device delete --where group=lot7 --yes")
		contains(t, "delete many", errs, "1 device", "group lot7 enrols those of its devices again that come")
		contains(t, "disable", sh.ok("group disable lot7"), "disabled group lot7")
		contains(t, "status", sh.ok("status"), "0 open; lot7 is disabled")
		contains(t, "enable", sh.ok("group enable lot7"), "enabled group lot7")
		contains(t, "delete", sh.ok("group delete lot7"), "deleted group lot7")
	})
}

// A mistake is told in one line, with what to do, and changes nothing.
func TestGroupMistakes(t *testing.T) {
	inBothModes(t, func(t *testing.T, sh *shell) {
		sh.ok("group add lot7 --profile meter --match a*")
		sh.write("short.key", "00112233\n")
		for line, want := range map[string]string{
			"group add x --match a*":                                                                                         "--profile is missing",
			"group add x --profile meter":                                                                                    "--match is missing",
			"group add x --profile metre --match a*":                                                                         `profile "metre": not found: did you mean "meter"?`,
			"group add none --profile meter --match a*":                                                                      "a group cannot be called none",
			"group add lot7 --profile meter --match a*":                                                                      "exists already",
			"group add x --profile meter --match a* --group-key 001122":                                                      "--group-key is generate: other users could read a key on the command line",
			"group add x --profile meter --match a* --group-key-file $D/key.hex":                                             "--group-key-file needs --group-key-format",
			"group add x --profile meter --match a* --group-key-file $D/short.key --group-key-format hex":                    "key of a group has 4 bytes, 16 to 128 are possible",
			"group add x --profile meter --match a* --group-key-file $D/key.hex --group-key-format hex --group-key-out $D/k": "--group-key-out is for a key that is made",
			"group add x --profile meter --match a* --group-key-out $D/key.hex":                                              "exists, and is not replaced",
			"group add x --profile meter --match a* --until soon":                                                            "--until soon: want a day such as 2027-01-31",
			"group add x --profile meter --match a* --derivation md5":                                                        "--derivation md5 is not hkdf-sha256 or azure-dps",
			"group add x --profile meter --match a* --derivation azure-dps --device-key-length 16":                           "always have 32 bytes",
			"group add x --profile meter --match a* --ca $D/key.hex":                                                         "key.hex",
			"group set lot7":                       "no option says what to change",
			"group set lot7 --lock-out":            "--lock-out goes with --drop-key",
			"group set lot7 --drop-key":            "it has no former key that could be dropped",
			"group set lot8 --note x":              `group "lot8": not found: did you mean "lot7"?`,
			"group set lot7 --revision 9 --note x": "revision is 1, not 9",
			"group allow lot7 a1":                  "group lot7 does not deny a1",
			"group deny lot7":                      "expected NAME ENDPOINT",
			"device add a1 --group lot8":           `group "lot8": not found`,
			"device add a1":                        "--profile is missing",
			"device delete --where group=":         "--where group=: it is empty",
		} {
			if status, out, errs := sh.run(line); status == exitDone || out != "" || !strings.Contains(errs, want) {
				t.Errorf("%s: status %d: %s%s, want %q", line, status, out, errs, want)
			}
		}
		var all []admin.Group
		if err := json.Unmarshal([]byte(sh.ok("group list --json")), &all); err != nil || len(all) != 1 || all[0].Revision != 1 {
			t.Errorf("the groups are %+v, %v", all, err)
		}
	})
}

// The keys in a list come out in the form of the list, or nothing does.
func TestKeyDerive(t *testing.T) {
	sh := newShell(t)
	derive := func(more string) (int, string, string) {
		return sh.run("key derive --group-key-file $D/key.hex --group-key-format hex " + more)
	}
	const one = "c0a51ec2a6f1b4ee0b2c7e3c0d6ac0a5"
	_, key, _ := derive("urn:imei:490154203237518")
	if key = strings.TrimSpace(key); len(key) != 32 || key == one {
		t.Errorf("the key is %q", key)
	}
	for name, list := range map[string]string{
		"names":       "urn:imei:490154203237518\r\n\r\ndev-2\r\n",
		"heading":     "IMEI\nurn:imei:490154203237518\ndev-2\n",
		"table":       "Serial;Endpoint\nA1;urn:imei:490154203237518\nA2;dev-2\n",
		"UTF-16":      clitest.UTF16("serial\tendpoint\r\nA1\turn:imei:490154203237518\r\nA2\tdev-2\r\n", true),
		"no endpoint": "Serial,Name in it\nA1,urn:imei:490154203237518\nA2,dev-2\n",
	} {
		sh.write("list", list)
		more := "--list $D/list"
		if name == "no endpoint" {
			if status, out, errs := derive(more); status == exitDone || out != "" || !strings.Contains(errs, "say with --column") {
				t.Errorf("%s: status %d, %s%s", name, status, out, errs)
			}
			continue
		}
		status, out, errs := derive(more)
		lines := strings.Split(strings.TrimSpace(out), "\n")
		if status != exitDone || len(lines) != 3 || lines[0] != "endpoint,psk-identity,psk-key" || lines[1] != "urn:imei:490154203237518,urn:imei:490154203237518,"+key || !strings.HasPrefix(lines[2], "dev-2,dev-2,") {
			t.Errorf("%s: status %d, %q %s", name, status, lines, errs)
		}
	}
	sh.write("list", "Serial,Name\nA1,dev-2\n")
	if _, out, errs := derive("--list $D/list --column name"); !strings.Contains(out, "dev-2,dev-2,") {
		t.Errorf("a column that was named: %s%s", out, errs)
	}
	sh.write("list", "{\"endpoint\":\"urn:imei:490154203237518\",\"more\":1}\n\n{\"endpoint\":\"dev <2>\"}\n")
	_, out, _ := derive("--list $D/list --device-key-format base64")
	contains(t, "JSON lines", out, `{"endpoint":"urn:imei:490154203237518","pskIdentity":"urn:imei:490154203237518","pskKey":"`, `"dev <2>"`)
	if status, _, errs := derive("--list $D/list --out $D/keys"); status != exitDone {
		t.Errorf("status %d: %s", status, errs)
	}
	if info, err := os.Stat(sh.path("keys")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file of keys: %v, %v", info, err)
	}
	sh.write("same.key", "the same key of all that we make\n")
	_, azure, _ := sh.run("key derive dev --group-key-file $D/same.key --group-key-format text --derivation azure-dps")
	if len(strings.TrimSpace(azure)) != 64 {
		t.Errorf("the key by azure-dps is %q", azure)
	}

	for list, want := range map[string]string{
		"urn:imei:490154203237518\nurn:imei:4901542\n": "line 2: the IMEI has 7 digits in place of 15",
		"endpoint\ndev-1\n\x00\n":                      "it is no text: byte 16 is zero",
		"{\"endpoint\":\"a\"}\n{\"name\":\"b\"}\n":     "line 2: it has no member endpoint",
		"{\"endpoint\":\"a\"}\n[]\n":                   "line 2: it is no JSON object",
		"":                                             "empty",
		"endpoint\n":                                   "has no names",
		strings.Repeat("x", 129) + "\n":                "as a PSK identity it may have 128",
	} {
		sh.write("list", list)
		if status, out, errs := derive("--list $D/list --out $D/none"); status == exitDone || out != "" || !strings.Contains(errs, want) {
			t.Errorf("list %.40q: status %d, %s%s, want %q", list, status, out, errs, want)
		}
		if _, err := os.Stat(sh.path("none")); err == nil {
			t.Errorf("list %.40q: a part was written", list)
		}
	}
	for more, want := range map[string]string{
		"":                                     "expected ENDPOINT",
		"a --list $D/list":                     "exclude each other",
		"a --length 8":                         "16 to 64 are possible",
		"a --derivation azure-dps --length 16": "with the derivation azure-dps they have 32",
		"a --derivation x":                     `derivation "x" does not exist`,
		"a --device-key-format text":           "is not hex or base64",
		"a --column x":                         "--column is for the table",
	} {
		if status, out, errs := derive(more); status != exitUsage || out != "" || !strings.Contains(errs, want) {
			t.Errorf("%s: status %d, %s%s, want %q", more, status, out, errs, want)
		}
	}
	if _, err := os.Stat(sh.path("x.db")); err == nil {
		t.Error("it has made a database")
	}
}

// A device that no record has is enrolled, told of, refused with the reason, and let in again.
func TestEnrolledDevice(t *testing.T) {
	t.Parallel()
	sh := newShellBeside(t)
	sh.ok("profile apply -f $D/meter.yaml")
	sh.serve("--handshake-timeout", "2s")
	sh.ok("group add lot7 --profile meter --match lot7-* --max-devices 1 --group-key-out $D/lot7.key")
	come := func(name string) string {
		key := sh.ok("key derive " + name + " --group-key-file $D/lot7.key --group-key-format hex")
		sh.write("device.key", key)
		_, out, errs := sh.run("probe coaps://" + sh.coaps + " --endpoint " + name + " --psk-key-file $D/device.key --psk-key-format hex --timeout 2s")
		return out + errs
	}
	why := func(name, want string) {
		t.Helper()
		text := ""
		for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
			if _, text, _ = sh.run("why " + name); strings.Contains(text, want) {
				return
			}
		}
		t.Errorf("why %s says\n%s\nand not %q", name, text, want)
	}
	contains(t, "the first device", come("lot7-1"), "done")
	why("lot7-1", `It is in the enrolment group "lot7".`)
	contains(t, "its record", sh.ok("device get lot7-1"), "derived from key number 1 of group lot7")
	lacks(t, "the second device", come("lot7-2"), "\ndone")
	why("lot7-2", `it matches group "lot7", which is full: it has 1 of at most 1 devices`)
	why("lot7-2", "lwbs group set lot7 --max-devices NUMBER, with more than 1")
	sh.ok("group set lot7 --max-devices 2")
	why("lot7-2", "Let the device come again: group lot7 enrols it by now.")
	contains(t, "the second device, later", come("lot7-2"), "done")
	sh.ok("group deny lot7 lot7-1")
	lacks(t, "the denied device", come("lot7-1"), "\ndone")
	why("lot7-1", "lwbs group allow lot7 lot7-1")
	sh.ok("group disable lot7")
	lacks(t, "a third device", come("lot7-3"), "\ndone")
	why("lot7-3", "lwbs group enable lot7")
	contains(t, "the second device goes on", come("lot7-2"), "done")
	contains(t, "list", sh.ok("group list"), "2 of 2   disabled")
}
