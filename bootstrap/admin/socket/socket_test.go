package socket

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSocket(t *testing.T) {
	file := filepath.Join(t.TempDir(), "s")
	served, err := Listen(file)
	check(t, err)
	defer served.Close()
	info, err := os.Stat(file)
	check(t, err)
	if mode := info.Mode().Perm(); mode != 0o600 {
		t.Errorf("the socket has mode %o", mode)
	}
	if _, err := Listen(file); !errors.Is(err, ErrRunning) {
		t.Errorf("a second server: error %v, want %v", err, ErrRunning)
	}
	stale := filepath.Join(t.TempDir(), "stale")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: stale, Net: "unix"})
	check(t, err)
	dead.SetUnlinkOnClose(false)
	check(t, dead.Close())
	l, err := Listen(stale)
	check(t, err)
	check(t, l.Close())
	precious := filepath.Join(t.TempDir(), "file")
	check(t, os.WriteFile(precious, []byte("precious"), 0o600))
	if _, err := Listen(precious); err == nil {
		t.Error("a file that is no socket was replaced")
	}
}

// A path that the system takes for too long is reached all the same, as that of a
// database in a deep folder is.
func TestSocketInADeepFolder(t *testing.T) {
	dir := t.TempDir()
	for range 3 {
		dir = filepath.Join(dir, strings.Repeat("d", 100))
	}
	check(t, os.MkdirAll(dir, 0o700))
	file := filepath.Join(dir, "lwbs.db.sock")
	l, err := Listen(file)
	check(t, err)
	defer l.Close()
	if _, err := Listen(file); !errors.Is(err, ErrRunning) {
		t.Errorf("a second server: error %v, want %v", err, ErrRunning)
	}
	c, err := Dial(t.Context(), file)
	check(t, err)
	check(t, c.Close())
	if _, err := Dial(t.Context(), file+"x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no server there: %v", err)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
