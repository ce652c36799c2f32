//go:build unix && !linux

package sandbox

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// own starts the command in a session of its own and waits for it. Where there
// is no parent-death signal, a service whose grader was killed ends when it next
// writes to the broken pipe, or by hand.
func (p *Process) own(spec Spec, output *os.File, started chan<- error, waited chan<- struct{}) {
	p.cmd = command(spec, output)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := p.cmd.Start(); err != nil {
		started <- err
		return
	}
	started <- nil
	// Wait's error repeats the state that is kept here.
	_ = p.cmd.Wait()
	p.mu.Lock()
	p.state = p.cmd.ProcessState
	p.mu.Unlock()
	close(waited)
}

func (p *Process) killGroup() {
	// Both may fail because it has ended, which is what is wanted.
	_ = p.cmd.Process.Kill()
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
}

// resident is the resident memory of the service in bytes, 0 where ps does not
// tell.
func (p *Process) resident() int64 {
	text, err := exec.Command("ps", "-o", "rss=", "-p", strconv.Itoa(p.cmd.Process.Pid)).Output()
	if err != nil {
		return 0
	}
	kib, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return 0
	}
	return kib << 10
}

// CPU is the processor time of the service once it has ended; 0 before.
func (p *Process) CPU() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state == nil {
		return 0
	}
	return p.state.UserTime() + p.state.SystemTime()
}
