//go:build unix

package handover_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"lwbs/store"
)

// A file of keys stays that of who owns it, so that who read it can read it.
func TestPSKFileKeepsOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root gives files to others")
	}
	file := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(file, []byte("a:01\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(file, 1234, 5678); err != nil {
		t.Skip(err)
	}
	if err := newServer(t, store.LwM2MServer{Kind: store.KindPSKFile, Address: file}).Put(t.Context(), pskAccount("meter", "id")); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if is := info.Sys().(*syscall.Stat_t); is.Uid != 1234 || is.Gid != 5678 || info.Mode().Perm() != 0o640 {
		t.Errorf("it is of %d:%d, %v", is.Uid, is.Gid, info.Mode())
	}
}
