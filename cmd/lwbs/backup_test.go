package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A copy on standard output is the database, with a server and without, and nothing else is left.
func TestBackupToStandardOutput(t *testing.T) {
	sh := newShell(t)
	sh.ok("profile apply -f $D/meter.yaml")
	sh.ok("device add dev-1 --profile meter --psk generate")
	check := func(how string) {
		t.Helper()
		status, out, errs := sh.run("db backup -")
		if status != exitDone || errs != "" {
			t.Fatalf("%s: status %d, %s", how, status, errs)
		}
		copied := filepath.Join(t.TempDir(), "copy.db")
		if err := os.WriteFile(copied, []byte(out), 0o600); err != nil {
			t.Fatal(err)
		}
		other := &shell{t: t, dir: sh.dir}
		contains(t, how, other.ok("--db "+copied+" --key-file $D/x.db.key device list"), "dev-1")
		contains(t, how, other.ok("--db "+copied+" --key-file $D/x.db.key db check"), "sound")
		if left, _ := filepath.Glob(sh.path(".lwbs-backup-*")); len(left) > 0 {
			t.Errorf("%s: %q are left", how, left)
		}
	}
	check("without a server")
	sh.serve()
	check("with a server")
	file := sh.path("file.db")
	if out := sh.ok("db backup " + file); !strings.Contains(out, "the server wrote it") {
		t.Errorf("it is not told who wrote the copy: %s", out)
	}
}
