package sandbox

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// engine is how a service runs: confined, or open.
type engine interface {
	// PID is the service's own process, as this process sees it.
	PID() int
	kill()
	terminate()
	// wait blocks until nothing of the service is left, as far as this machine
	// can tell.
	wait() ending
	// close lets go of what is left behind; nothing else is called after it.
	close()
	// hold stops or resumes all of the service, where that can be done.
	hold(still bool)
	dial(ctx context.Context, address string) (net.Conn, error)
}

// ending is how a service ended.
type ending struct {
	exit      string // "exit status 2", "signal: killed"
	succeeded bool
	oom       bool // the kernel ended it for its memory
	cpu       time.Duration
}

// Process is a started service. Its end is told by Done.
type Process struct {
	engine
	spec Spec
	done chan struct{}

	mu    sync.Mutex
	tail  tail
	fault Fault
	ended ending
	peak  int64
}

// watchEvery is how often memory and disk are looked at. Between two looks the
// limits of the kernel hold.
const watchEvery = 50 * time.Millisecond

// Start starts a service. It ends at the latest when ctx does.
func (l *Launcher) Start(ctx context.Context, spec Spec) (*Process, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	spec = spec.withDefaults()
	out, in, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe for the output: %w", err)
	}
	how, err := l.start(ctx, spec, in)
	_ = in.Close()
	if err != nil {
		said, _ := io.ReadAll(io.LimitReader(out, tailSize))
		_ = out.Close()
		if len(said) > 0 {
			err = fmt.Errorf("%w: %s", err, said)
		}
		return nil, fmt.Errorf("start %s: %w", spec.Path, err)
	}
	p := &Process{engine: how, spec: spec, done: make(chan struct{})}
	read := make(chan struct{})
	go func() { defer close(read); p.read(out) }()
	waited, watched := make(chan struct{}), make(chan struct{})
	go func() { defer close(watched); p.watch(ctx, l, waited) }()
	go func() {
		end := p.wait()
		p.mu.Lock()
		p.ended = end
		if end.oom && p.fault == "" {
			p.fault = OverMemory
		}
		p.mu.Unlock()
		close(waited)
		select {
		case <-read:
		case <-time.After(time.Second): // something that left an open launcher holds the pipe
		}
		_ = out.Close()
		<-read
		<-watched
		p.mu.Lock()
		// The limit of its data may be met between two looks: then the runtime
		// says so itself.
		if p.fault == "" && !p.ended.succeeded && p.tail.outOfMemory() {
			p.fault = OverMemory
		}
		p.close()
		p.mu.Unlock()
		close(p.done)
	}()
	return p, nil
}

// Run starts a command, waits for its end and returns the end of what it
// printed. The error is an *ExitError where the command ran and failed.
func (l *Launcher) Run(ctx context.Context, spec Spec) (string, error) {
	p, err := l.Start(ctx, spec)
	if err != nil {
		return "", err
	}
	<-p.Done()
	printed := p.Tail()
	if err := ctx.Err(); err != nil {
		return printed, fmt.Errorf("%s was ended: %w", filepath.Base(spec.Path), err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fault != "" || !p.ended.succeeded {
		return printed, &ExitError{Exit: p.ended.exit, Fault: p.fault, Printed: printed}
	}
	return printed, nil
}

// Done is closed when the service has ended and all its output was read.
func (p *Process) Done() <-chan struct{} { return p.done }

// Ended reports whether the service has ended.
func (p *Process) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Kill ends the service and all that it started, and waits for that.
func (p *Process) Kill() {
	p.act(engine.kill)
	<-p.done
}

// Stop asks with SIGTERM, waits for grace at most, and kills.
func (p *Process) Stop(grace time.Duration) {
	p.act(engine.terminate)
	select {
	case <-p.done:
	case <-time.After(grace):
		p.Kill()
	}
}

// Pause makes the service and all that it started stand still until Resume: it
// then uses nothing that another could miss. Where neither is possible both do
// nothing.
func (p *Process) Pause() { p.act(func(e engine) { e.hold(true) }) }

// Resume is the end of Pause.
func (p *Process) Resume() { p.act(func(e engine) { e.hold(false) }) }

// Dial connects to an address of the service's own network.
func (p *Process) Dial(ctx context.Context, address string) (net.Conn, error) {
	return p.dial(ctx, address)
}

// act does something to the service unless it has ended: its number may then be
// another's.
func (p *Process) act(do func(engine)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.Ended() {
		do(p.engine)
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
	return p.ended.exit
}

// Tail is the end of what was printed, some 8 KiB, whole lines, and before it the
// first line of a panic or fatal error.
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

// CPU is the processor time that the service and its children have used.
func (p *Process) CPU() time.Duration {
	p.mu.Lock()
	ended := p.ended
	p.mu.Unlock()
	if ended.exit != "" {
		return ended.cpu
	}
	return cpuTime(p.PID())
}

func (p *Process) end(f Fault) {
	p.mu.Lock()
	if p.fault == "" && p.ended.exit == "" {
		p.fault = f
	}
	p.mu.Unlock()
	p.act(engine.kill)
}

// read takes the output until it ends or passes its limit.
func (p *Process) read(out io.Reader) {
	limited := &io.LimitedReader{R: out, N: p.spec.Output}
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
			if p.spec.Line != nil {
				p.spec.Line(text)
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

// watch ends the service at ctx's end or over its memory or disk.
func (p *Process) watch(ctx context.Context, l *Launcher, waited <-chan struct{}) {
	look := time.NewTicker(watchEvery)
	defer look.Stop()
	for {
		select {
		case <-waited:
			return
		case <-ctx.Done():
			p.act(engine.kill)
			return
		case <-look.C:
			rss := resident(p.PID())
			p.mu.Lock()
			p.peak = max(p.peak, rss)
			p.mu.Unlock()
			if p.spec.Memory > 0 && rss > p.spec.Memory {
				p.end(OverMemory)
				return
			}
			if p.spec.CPU > 0 && cpuTime(p.PID()) > p.spec.CPU {
				p.end(OverTime)
				return
			}
			if !l.off[LayerDisk] && overDisk(p.spec.Writable, p.spec.Disk) {
				p.end(OverDisk)
				return
			}
		}
	}
}
