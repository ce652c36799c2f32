// Package sandbox starts a service that nobody trusts, bounds what it may use and
// see, and ends it with everything that it started. It knows processes and what
// the kernel offers to confine them; it must not know challenges, builds or load.
//
// Confined, a service has a network, processes, users and a root of its own, in
// which there is nothing but what its Spec names; it has no rights and few system
// calls; its memory, processes, disk and output end somewhere. Where a machine
// does not allow that a launcher is open: the learner's own code runs on the
// learner's own machine with a clean environment and limits, and says so.
package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
)

// Launcher starts services. It is safe for concurrent use.
type Launcher struct {
	confines    bool
	controllers controllers
	report      Report
	off         map[Layer]bool // layers left out, for tests alone
	leak        *os.File       // handed to the holder, for tests alone
}

// New returns a launcher that confines where this machine lets it, which it
// tries out, and is open otherwise; Report says why.
func New(ctx context.Context) *Launcher {
	l := confining()
	l.report = l.probe(ctx)
	l.confines = l.report.Isolated
	return l
}

// Open returns a launcher that confines nothing: for code that is trusted.
func Open() *Launcher {
	return &Launcher{report: Report{Missing: []Finding{{Layer: "sandbox", Why: "it was not asked for"}}}}
}

// Isolated tells whether services are confined.
func (l *Launcher) Isolated() bool { return l.confines }

// Report is what was found out about this machine.
func (l *Launcher) Report() Report { return l.report }

// ErrNotIsolated refuses to run strangers' code.
var ErrNotIsolated = errors.New("this machine does not confine what it runs")

// Require refuses unless all that a host for strangers needs is there: the
// sandbox itself, and limits of memory and processes that hold for a whole
// service.
func (l *Launcher) Require() error {
	if !l.confines || len(l.report.Missing) > 0 {
		return fmt.Errorf("%w: %s", ErrNotIsolated, l.report.Summary())
	}
	return nil
}

// openService is a service that nothing confines.
type openService struct {
	cmd    *exec.Cmd
	waited chan struct{} // closed when it has ended, where another goroutine waits
}

// command is the service with nothing of our own environment in it.
func command(spec Spec, output *os.File) *exec.Cmd {
	cmd := exec.Command(spec.Path, spec.Args...)
	cmd.Env, cmd.Dir = spec.Env, spec.Dir
	if cmd.Env == nil {
		cmd.Env = []string{} // nil would mean ours
	}
	cmd.Stdout, cmd.Stderr = output, output
	return cmd
}

func (o *openService) PID() int { return o.cmd.Process.Pid }

func (o *openService) close() {}

func (o *openService) dial(ctx context.Context, address string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, "tcp", address)
}

func (o *openService) ending() ending {
	state := o.cmd.ProcessState
	if state == nil {
		return ending{exit: "signal: killed"}
	}
	return ending{exit: state.String(), succeeded: state.Success(), cpu: state.UserTime() + state.SystemTime()}
}
