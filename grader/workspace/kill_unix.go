//go:build unix

package workspace

import (
	"os/exec"
	"syscall"
)

// killTogether makes the command's end the end of the compilers that it
// started: they share a process group, and the group is what is killed.
func killTogether(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
