//go:build unix

package handover

import (
	"os/exec"
	"syscall"
)

// ownGroup lets the end of the program's time end the programs that it has started, too.
func ownGroup(run *exec.Cmd) {
	run.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	run.Cancel = func() error { return syscall.Kill(-run.Process.Pid, syscall.SIGKILL) }
}
