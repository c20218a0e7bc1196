package main

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"lwbs/cmd/lwbs/internal/clitest"
)

// Files are arguments or options, as many as one likes, and all of them count or none.
func TestProfilesOfSeveralFiles(t *testing.T) {
	inBothModes(t, func(t *testing.T, sh *shell) {
		named := func(name string) string { return strings.Replace(meterYAML, "meter", name, 1) }
		sh.write("two.yaml", named("a")+"---\n"+named("b"))
		sh.write("c.yaml", named("c"))
		contains(t, "check", sh.ok("profile check $D/two.yaml $D/c.yaml"), "profile a is good", "profile b is good", "profile c is good")
		sh.write("bad.yaml", strings.Replace(named("d"), "coaps:", "http:", 1))
		for line, want := range map[string]string{
			"profile apply $D/two.yaml $D/bad.yaml":           "$D/bad.yaml:4: accounts[0].uri",
			"profile apply -f $D/two.yaml -f $D/nope.yaml":    "no such file",
			"profile apply $D/two.yaml $D/c.yaml $D/./c.yaml": `$D/./c.yaml:1: name: a second profile with the name "c", the first is in $D/c.yaml`,
			"profile apply --revision 1 $D/two.yaml":          "--revision is for one profile; there are 2",
			"profile apply --revision 7 $D/c.yaml":            `profile "c": not found`,
			"profile apply $D/two.yaml /dev/zero":             "/dev/zero:1: the file has more than 1048576 bytes",
			"profile apply $D/two.yaml $D":                    "is a directory",
		} {
			if status, out, errs := sh.run(line); status == exitDone || out != "" || !strings.Contains(errs, want) {
				t.Errorf("%s: status %d: %s%s, want %q", line, status, out, errs, want)
			}
		}
		if got := sh.ok("profile list"); strings.Contains(got, "a ") || strings.Contains(got, "b ") || strings.Contains(got, "c ") {
			t.Errorf("a part of what was refused was kept:\n%s", got)
		}
		sh.write("utf16.yaml", clitest.UTF16(strings.ReplaceAll(named("ü"), "\n", "\r\n"), true))
		contains(t, "UTF-16", sh.ok("profile check $D/utf16.yaml"), "profile ü is good")
		contains(t, "apply", sh.ok("profile apply $D/two.yaml -f $D/c.yaml"), "created profile a (revision 1)", "created profile b (revision 1)", "created profile c (revision 1)")
		contains(t, "apply again", sh.ok("profile apply $D/two.yaml"), "unchanged: profile a (revision 1)", "unchanged: profile b (revision 1)")
	})
}

// A command line that is wrong makes no database.
func TestWrongApplyMakesNothing(t *testing.T) {
	sh := newShell(t)
	for _, line := range []string{"profile apply --examine 0 $D/meter.yaml", "profile apply --revision 1 $D/meter.yaml", "profile apply $D/meter.yaml $D/key.hex"} {
		if status, _, errs := sh.run(line); status == exitDone {
			t.Errorf("%s: status %d, %s", line, status, errs)
		}
		if _, err := os.Stat(sh.path("x.db")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: there is a database: %v", line, err)
		}
	}
}
