package main

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// A signal ends any command, also one that hangs where it cannot be interrupted.
func TestSignalEndsWhatHangs(t *testing.T) {
	t.Parallel() // it takes ten seconds
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	const setPipeSize = 1031 // F_SETPIPE_SZ
	if _, _, errno := syscall.Syscall(syscall.SYS_FCNTL, w.Fd(), setPipeSize, 4096); errno != 0 {
		t.Fatal(errno)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(exe, "object", "list", "--json") // more than a pipe takes
	c.Env, c.Stdout = append(os.Environ(), beLwbs+"=1"), w
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if _, err := r.Read(make([]byte, 1)); err != nil { // it is at its output
		t.Fatal(err)
	}
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	select {
	case err := <-ended:
		if err == nil {
			t.Error("it ended as if nothing had been")
		}
	case <-time.After(patience):
		_ = c.Process.Kill()
		t.Fatal("it does not end")
	}
}
