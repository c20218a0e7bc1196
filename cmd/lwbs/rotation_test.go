package main

import (
	"strings"
	"testing"
)

// The revisions of a profile are listed, compared and rolled back to, with a server and without.
func TestProfileRevisions(t *testing.T) {
	sh := newShell(t)
	meter := func(uri, more string) {
		sh.write("m.yaml", "name: valve\naccounts:\n  - {name: main, uri: \""+uri+"\", shortServerID: 101}\n"+more)
	}
	meter("coaps://a.example", "")
	contains(t, "created", sh.ok("profile apply $D/m.yaml"), "created profile valve (revision 1)")
	contains(t, "the same again", sh.ok("profile apply $D/m.yaml"), "unchanged: profile valve (revision 1)")
	status, _, errs := sh.run("profile diff valve")
	if status != exitFailed || !strings.Contains(errs, "no revision before 1") {
		t.Errorf("status %d: %s", status, errs)
	}
	meter("coaps://b.example", "verify: record\n")
	sh.ok("profile apply $D/m.yaml")
	meter("coaps://b.example", "# a remark\nverify: fail\nrotateAfter: 365d\n")
	sh.ok("profile apply $D/m.yaml")
	contains(t, "get", sh.ok("profile get valve"), "rotateAfter: 365d", "revision 3")
	for _, served := range []string{"without a server", "with a server"} {
		if served == "with a server" {
			sh.serve()
		}
		contains(t, served, sh.ok("profile history valve"), "REVISION", "rotateAfter, verify", "accounts[main].uri, verify", "created")
		contains(t, served, sh.ok("profile diff valve"), "revision 2 to 3: 2 differences", `~ verify: record -> fail`, "+ rotateAfter: ", "devices are given the same by both")
		contains(t, served, sh.ok("profile diff valve 1"), "revision 1 to 3", `~ accounts[main].uri: coaps://a.example -> coaps://b.example`)
		contains(t, served, sh.ok("profile diff valve 2 1"), "revision 2 to 1", `- verify: record`)
		contains(t, served, sh.ok("profile diff valve 1 2 --json"), `"place": "accounts[main].uri"`)
		for line, told := range map[string]string{
			"profile diff valve 9": "no revision 9: 1 to 3 are kept", "profile diff valve x": `"x" is not a revision`, "profile diff valve 0": `"0" is not a revision`,
			"profile diff valv": `did you mean "valve"`, "profile history valv": `did you mean "valve"`, "profile rollback valve --to 7": "no revision 7",
		} {
			if status, _, errs := sh.run(line); status == exitDone || !strings.Contains(errs, told) {
				t.Errorf("%s: %s: status %d: %s", served, line, status, errs)
			}
		}
	}
	contains(t, "dry run", sh.ok("profile rollback valve --dry-run"), `~ verify: fail -> record`)
	contains(t, "roll back", sh.ok("profile rollback valve --to 1"), "rolled profile valve back to revision 1 (revision 4)")
	contains(t, "roll back again", sh.ok("profile rollback valve --to 1"), "has the content of revision 1 already (revision 4)")
	contains(t, "get", sh.ok("profile get valve"), "coaps://a.example")
}

// Other keys are asked for, listed and withdrawn, of one device and of many.
func TestRotateCommands(t *testing.T) {
	sh := newShell(t)
	sh.ok("profile apply $D/meter.yaml")
	for _, ep := range []string{"m-1", "m-2", "m-3"} {
		sh.ok("device add " + ep + " --profile meter --psk generate --tag lot7")
	}
	sh.ok("device set m-3 --tag other")
	contains(t, "dry run", sh.ok("device rotate m-1 --dry-run"), "this would ask for other keys of m-1")
	contains(t, "dry run", sh.ok("device rotate --where tag=lot7 --dry-run"), "this would ask for other keys of 2 devices")
	contains(t, "none", sh.ok("rotation get m-1"), "no key of m-1 is being replaced")
	contains(t, "rotate", sh.ok("device rotate m-1"), "key of account main: asked for", "another is made when the device bootstraps")
	for line, told := range map[string]string{
		"device rotate --where tag=lot7":         "this would ask for other keys of 2 devices: --yes does it",
		"device rotate m-1 --bootstrap-key":      "has no bootstrapServer",
		"device rotate m-1 --account nope":       `has no account "nope"`,
		"device rotate m-1 --account=":           "no account \"\"",
		"device rotate nope":                     "not found",
		"rotation get nope":                      "not found",
		"device rotate m-1 --where tag=lot7":     "exclude each other",
		"rotation list --expires-within soon":    "want a time such as",
		"rotation cancel --where tag=lot7 --yes": "",
	} {
		status, _, errs := sh.run(line)
		if (status == exitDone) != (told == "") || !strings.Contains(errs, told) {
			t.Errorf("%s: status %d: %s", line, status, errs)
		}
	}
	sh.serve()
	contains(t, "many", sh.ok("device rotate --where tag=lot7 --yes"), "asked for other keys of 2 devices")
	list := sh.ok("rotation list")
	contains(t, "list", list, "ENDPOINT", "m-1", "m-2", "main", "asked", "never came")
	lacks(t, "list", list, "m-3")
	contains(t, "JSON", sh.ok("rotation list --json"), `"stage": "asked"`, `"endpoint": "m-2"`)
	contains(t, "JSON", sh.ok("rotation get m-2 --json"), `"account": "main"`)
	contains(t, "get", sh.ok("device get m-2"), "rotating", "key of account main: asked for")
	contains(t, "count", sh.ok("device list --count"), "2 rotating")
	contains(t, "withdraw", sh.ok("rotation cancel m-2"), "no key of m-2 is being replaced")
	contains(t, "count", sh.ok("device list --count"), "1 rotating")
}
