// Package sandbox starts a service that nobody trusts, watches its memory and
// its output, and ends it with everything that it started. It knows processes;
// it must not know challenges, builds or load.
//
// This is the solo form: the learner's own code on the learner's own machine.
// It bounds memory and output, gives the service an empty environment, and lets
// nothing outlive the run. It does not hide the machine's files or network.
package sandbox

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Spec says what to start and how much it may use.
type Spec struct {
	Path string
	Args []string
	Env  []string // the whole environment
	Dir  string
	// Memory is the most resident memory in bytes, of all its processes
	// together; Output the most bytes that it may print.
	Memory int64
	Output int64
	// Weight is the nice value of its session's autogroup on Linux, where this
	// user may set it; "" leaves it as it is.
	Weight string
	// Line receives what is printed, line by line, until Output is reached. It
	// must not block for long.
	Line func(string)
}

// Process is a started service. Its end is told by Done.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}

	mu    sync.Mutex
	tail  tail
	fault Fault
	state *os.ProcessState
	peak  int64
}

// Fault says why a process was ended from outside; the zero value says that it
// was not.
type Fault string

// The faults.
const (
	OverMemory Fault = "memory"
	OverOutput Fault = "output"
)

// watchEvery is how often memory is looked at. Between two looks the limit of
// the data segment holds, see limitData.
const watchEvery = 50 * time.Millisecond

// Start starts a service. It ends at the latest when ctx does.
func Start(ctx context.Context, spec Spec) (*Process, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	out, in, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe for the output: %w", err)
	}
	p := &Process{done: make(chan struct{})}
	started := make(chan error, 1)
	waited := make(chan struct{})
	go p.own(spec, in, started, waited)
	err = <-started
	_ = in.Close()
	if err != nil {
		_ = out.Close()
		return nil, fmt.Errorf("start %s: %w", spec.Path, err)
	}

	read := make(chan struct{})
	go func() { defer close(read); p.read(out, spec) }()
	go p.watch(ctx, spec, waited)
	go func() {
		<-waited
		// What it started may hold the pipe open; nothing of it may live on.
		p.killGroup()
		select {
		case <-read:
		case <-time.After(time.Second):
		}
		_ = out.Close()
		<-read
		close(p.done)
	}()
	return p, nil
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

// Run starts a command, waits for its end and returns the end of what it
// printed. The error is an *ExitError where the command ran and failed.
func Run(ctx context.Context, spec Spec) (string, error) {
	p, err := Start(ctx, spec)
	if err != nil {
		return "", err
	}
	<-p.Done()
	printed := p.Tail()
	if err := ctx.Err(); err != nil {
		return printed, fmt.Errorf("%s was ended: %w", filepath.Base(spec.Path), err)
	}
	if fault := p.Fault(); fault != "" || !p.succeeded() {
		return printed, &ExitError{Exit: p.Exit(), Fault: fault, Printed: printed}
	}
	return printed, nil
}

// ExitError tells that a command ran and did not succeed.
type ExitError struct {
	Exit    string // "exit status 1"
	Fault   Fault  // set where it was ended for what it used
	Printed string // the end of its output
}

func (e *ExitError) Error() string {
	if e.Fault != "" {
		return "ended for its use of " + string(e.Fault)
	}
	return e.Exit + ": " + strings.TrimSpace(e.Printed)
}

func (p *Process) succeeded() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state != nil && p.state.Success()
}

// Done is closed when the service has ended and all its output was read.
func (p *Process) Done() <-chan struct{} { return p.done }

// PID is the service's process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Kill ends the service and all that it started, and waits for that.
func (p *Process) Kill() {
	p.killGroup()
	<-p.done
}

// Stop asks with SIGTERM, waits for grace at most, and kills.
func (p *Process) Stop(grace time.Duration) {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // an ended process needs no asking
	select {
	case <-p.done:
	case <-time.After(grace):
		p.Kill()
	}
}

// Fault says whether the service was ended for what it used.
func (p *Process) Fault() Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fault
}

// Exit describes how the service ended ("exit status 2", "signal: killed"); it
// is empty while it runs.
func (p *Process) Exit() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state == nil {
		return ""
	}
	return p.state.String()
}

// Tail is the end of what was printed, at most 8 KiB, whole lines.
func (p *Process) Tail() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tail.String()
}

// PeakMemory is the most resident memory seen, in bytes.
func (p *Process) PeakMemory() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.peak
}

// Ended reports whether the service has ended.
func (p *Process) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

func (p *Process) end(f Fault) {
	p.mu.Lock()
	if p.fault == "" && p.state == nil {
		p.fault = f
	}
	p.mu.Unlock()
	p.killGroup()
}

// read takes the output until it ends or passes its limit.
func (p *Process) read(out io.Reader, spec Spec) {
	limited := &io.LimitedReader{R: out, N: spec.Output}
	lines := bufio.NewReaderSize(limited, 4096)
	for {
		// A line longer than the buffer is cut into pieces, so that one endless
		// line cannot grow without bound.
		line, err := lines.ReadSlice('\n')
		if len(line) > 0 {
			text := string(line)
			p.mu.Lock()
			p.tail.add(text)
			p.mu.Unlock()
			if spec.Line != nil {
				spec.Line(text)
			}
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			break
		}
	}
	if limited.N <= 0 {
		p.end(OverOutput)
	}
}

// watch ends the service at ctx's end or over its memory.
func (p *Process) watch(ctx context.Context, spec Spec, waited <-chan struct{}) {
	look := time.NewTicker(watchEvery)
	defer look.Stop()
	for {
		select {
		case <-waited:
			return
		case <-ctx.Done():
			p.killGroup()
			return
		case <-look.C:
			rss := p.resident()
			p.mu.Lock()
			p.peak = max(p.peak, rss)
			p.mu.Unlock()
			if spec.Memory > 0 && rss > spec.Memory {
				p.end(OverMemory)
				return
			}
		}
	}
}

// tail keeps the last lines of an output.
type tail struct {
	lines []string
	size  int
}

// tailSize is how many bytes of output a verdict carries.
const tailSize = 8 << 10

func (t *tail) add(line string) {
	t.lines = append(t.lines, line)
	t.size += len(line)
	for t.size > tailSize && len(t.lines) > 1 {
		t.size -= len(t.lines[0])
		t.lines = t.lines[1:]
	}
}

func (t *tail) String() string {
	var n int
	for _, l := range t.lines {
		n += len(l)
	}
	out := make([]byte, 0, n)
	for _, l := range t.lines {
		out = append(out, l...)
	}
	return string(out)
}
