package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"lwbs/cmd/lwbs/internal/input"
	"lwbs/cmd/lwbs/internal/lastresort"
)

// A database that is a link to a file which is not there is not made in the place of the link.
func TestDanglingDatabase(t *testing.T) {
	for _, line := range []string{"serve --coaps 127.0.0.1:0", "profile apply -f $D/meter.yaml", "device list"} {
		sh := newShell(t)
		target := filepath.Join(t.TempDir(), "unmounted", "lwbs.db")
		if err := os.Symlink(target, sh.path("x.db")); err != nil {
			t.Fatal(err)
		}
		status, _, errs := sh.run(line)
		if status != exitFailed || !strings.Contains(errs, "is a link to "+target) || !strings.Contains(errs, "remove the link") {
			t.Errorf("%s: status %d, %s", line, status, errs)
		}
		if to, err := os.Readlink(sh.path("x.db")); err != nil || to != target {
			t.Errorf("%s: the link leads to %q, %v", line, to, err)
		}
		if _, err := os.Lstat(sh.path("x.db.key")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: a key was made: %v", line, err)
		}
	}
}

// Who makes a database in the current folder is told where it is, and that a server runs with
// another one.
func TestSecondDatabaseIsTold(t *testing.T) {
	sh := newShell(t)
	sh.ok("profile apply -f $D/meter.yaml")
	server := sh.start()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	run := func(args ...string) string {
		c := exec.Command(exe, args...)
		c.Dir, c.Env = dir, append(os.Environ(), beLwbs+"=1", "LWBS_DB=")
		for i, v := range c.Env {
			if strings.HasPrefix(v, "LWBS_DB=") {
				c.Env[i] = "LWBS_NONE="
			}
		}
		out, _ := c.CombinedOutput()
		return string(out)
	}
	own, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"device", "list"}, {"profile", "apply", "-f", sh.path("meter.yaml")}} {
		out := run(args...)
		if !strings.Contains(out, filepath.Join(own, "lwbs.db")) || !strings.Contains(out, "--db "+sh.path("x.db")) {
			t.Errorf("%v: %s", args, out)
		}
	}
	server.signal(t)
	server.end(t)
}

// A command that waits for a pipe to be opened ends with the signal.
func TestInterruptedAtAPipe(t *testing.T) {
	sh := newShell(t)
	sh.ok("profile apply -f $D/meter.yaml")
	fifo := sh.path("fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"device", "add", "a", "--profile", "meter", "--psk-key-file", fifo, "--psk-key-format", "hex"},
		{"device", "add", "a", "--profile", "meter", "--certificate", fifo},
		{"profile", "apply", "-f", fifo},
		{"import", "leshan", fifo},
		{"serve", "--coaps", "127.0.0.1:0", "--tls-cert", fifo, "--tls-key", sh.path("key.hex")},
	} {
		c := exec.Command(exe, append([]string{"--db", sh.path("x.db")}, args...)...)
		c.Env = append(os.Environ(), beLwbs+"=1")
		var errs strings.Builder
		c.Stderr = &errs
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		awaitBlocked(t, c.Process.Pid)
		began := time.Now()
		if err := c.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		err := c.Wait()
		if took := time.Since(began); err == nil || took > lastresort.EndTime/2 || !strings.Contains(errs.String(), "interrupted") {
			t.Errorf("%v: ended after %v with %v, %s", args, took, err, errs.String())
		}
	}
}

// awaitBlocked waits until a thread of a process is in the opening of a pipe.
func awaitBlocked(t *testing.T, pid int) {
	t.Helper()
	if where, err := os.ReadFile("/proc/self/wchan"); err != nil || len(where) == 0 {
		t.Skip("this kernel does not tell where threads wait")
	}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/wchan", pid))
		for _, file := range threads {
			if where, _ := os.ReadFile(file); strings.Contains(string(where), "fifo") || strings.Contains(string(where), "wait_for_partner") {
				return
			}
		}
	}
	t.Fatal("it does not come to open the pipe")
}

// What is too large is refused before it is read.
func TestLargeFilesAreNotRead(t *testing.T) {
	sh := newShell(t)
	sh.ok("profile apply -f $D/meter.yaml")
	large := sh.path("large")
	if err := os.WriteFile(large, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, 3<<30); err != nil { // with nothing in it, on the disk
		t.Skip(err)
	}
	for _, line := range []string{
		"profile apply -f $D/large", "profile apply -f /dev/zero", "import leshan $D/large", "import leshan /dev/zero", "import wakaama /dev/zero",
		"device add a --profile meter --psk-key-file $D/large --psk-key-format hex", "device add a --profile meter --psk-key-file /dev/zero --psk-key-format hex",
		"device add a --profile meter --certificate $D/large", "--key-file $D/large device list",
		"serve --coaps 127.0.0.1:0 --tls-cert $D/large --tls-key $D/large", "object check $D/large",
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		status, _, errs := sh.run(line)
		runtime.ReadMemStats(&after)
		if status == exitDone || strings.Count(errs, "\n") > 3 {
			t.Errorf("%s: status %d, %s", line, status, errs)
		}
		limit := uint64(64 << 20)
		if strings.HasPrefix(line, "import") {
			limit = 6 * input.MaxStream // as it is read into memory that grows
		}
		if taken := after.TotalAlloc - before.TotalAlloc; taken > limit {
			t.Errorf("%s: %d bytes were taken", line, taken)
		}
	}
}
