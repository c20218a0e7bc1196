package main

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"lwbs/store/postgres/pgtest"
)

// Commands and the server work on a PostgreSQL as on a file, and what it takes to reach one is told in one line.
func TestPostgres(t *testing.T) {
	sh := newShell(t)
	t.Chdir(sh.dir) // the admin socket is in the current folder
	server := pgtest.Start(t, "fsync=off")
	sh.db = server.URL()
	t.Setenv("LWBS_KEY_FILE", "")
	fails := func(line, want string) {
		t.Helper()
		status, _, errs := sh.run(line)
		if status == exitDone || !strings.Contains(errs, want) || strings.Count(strings.TrimSpace(errs), "\n") > 1 || strings.Contains(errs, "hunter2") {
			t.Errorf("%s: status %d, %s", line, status, errs)
		}
	}
	fails("device list", "needs --key-file")
	fails("--db postgres://lwbs:hunter2@db1/fleet device list", "LWBS_DB_PASSWORD_FILE")
	fails("--db mysql://lwbs:hunter2@db1/fleet device list", "neither a file nor postgres://")
	t.Setenv("LWBS_KEY_FILE", sh.path("sealing.key"))
	fails("device list", "does not exist")

	if _, _, errs := sh.run("profile apply -f $D/meter.yaml"); !strings.Contains(errs, "sealing key is in $D/sealing.key") {
		t.Errorf("a new key is told of with %s", errs)
	}
	sh.ok("device add dev --profile meter --psk-key-file $D/key.hex --psk-key-format hex")
	contains(t, "without a server", sh.ok("device list"), "dev")
	end := sh.serveLogging(io.Discard, "--metrics", "127.0.0.1:0")
	sh.ok("probe coaps://" + sh.coaps + " --endpoint dev --psk-key-file $D/key.hex --psk-key-format hex")
	contains(t, "with a server", sh.ok("why dev"), "confirmed Bootstrap-Finish")
	contains(t, "with a server", sh.ok("db check"), "sound")
	contains(t, "with a server", sh.ok("status"), "postgres://"+pgtest.User)
	fails("db backup $D/copy", "its own tools")
	ready := func() string {
		t.Helper()
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		resp, err := client.Get(sh.metrics + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Error(err)
		}
		return resp.Status + ": " + string(text)
	}
	if got := ready(); got != "200 OK: ok\n" {
		t.Errorf("/readyz tells %s", got)
	}
	server.Stop()
	if got := ready(); !strings.HasPrefix(got, "503") || !strings.Contains(got, "the database") {
		t.Errorf("without the database /readyz tells %s", got)
	}
	server.Restart(t, "fsync=off")
	sh.ok("probe coaps://" + sh.coaps + " --endpoint dev --psk-key-file $D/key.hex --psk-key-format hex")
	end()
	fails("db salvage $D/copy", "this command is about a file")
	contains(t, "after the server", sh.ok("db check"), "sound")
	t.Setenv("LWBS_KEY_FILE", sh.path("another.key"))
	fails("device list", "sealing key is missing")
}
