//go:build unix && !linux

package sandbox

import (
	"context"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// controllers are Linux's.
type controllers struct{}

// confining has nothing to confine with here.
func confining() *Launcher { return &Launcher{} }

func (l *Launcher) probe(context.Context) Report {
	return Report{Missing: []Finding{{
		Layer: "sandbox", Why: "only Linux has what it is made of",
		How: "run P95 Lab on Linux, in a virtual machine or a container",
	}}}
}

func (l *Launcher) start(_ context.Context, spec Spec, output *os.File) (engine, error) {
	return startOpen(spec, output)
}

// startOpen starts the command in a session of its own. Where there is no
// parent-death signal, a service whose grader was killed ends when it next writes
// to the broken pipe, or by hand.
func startOpen(spec Spec, output *os.File) (*openService, error) {
	o := &openService{cmd: command(spec, output)}
	o.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return o, o.cmd.Start()
}

func (o *openService) wait() ending {
	_ = o.cmd.Wait() // its error repeats the state that is kept
	o.signal(syscall.SIGKILL)
	return o.ending()
}

func (o *openService) hold(still bool) {
	o.signal(map[bool]syscall.Signal{true: syscall.SIGSTOP, false: syscall.SIGCONT}[still])
}

// resident is the resident memory of the service in bytes, 0 where ps does not
// tell.
func resident(pid int) int64 {
	text, err := exec.Command("ps", "-o", "rss=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return 0
	}
	kib, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return 0
	}
	return kib << 10
}

// written is not known here.
func written(int) int64 { return 0 }

// cpuTime is known here only when a service has ended.
func cpuTime(int) time.Duration { return 0 }
