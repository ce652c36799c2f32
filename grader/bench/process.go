package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// place says where a process runs.
type place struct {
	// cpu is the only processor that it may use, -1 for all. It is kept on
	// Linux only.
	cpu int
	// weight is the nice value of its session in the scheduler, as far as this
	// user may set it.
	weight int
	// priority, if not 0, is that of the real-time class, in which a process
	// runs before all ordinary ones, whatever their weight.
	priority int
}

// Priorities: services before every ordinary program, the
// sender before them. A weight is not enough: a thread that wakes still waits
// for a time slice of whoever is running. Every generator gets the same as the lab's.
const (
	servicePriority = 1
	senderPriority  = 2
)

// Weights: whoever sends weighs most, so that a service that uses all processors
// does not make requests late; a neighbour weighs as any other program.
const (
	senderWeight    = -19
	serviceWeight   = -10
	neighbourWeight = 0
)

// Where generators and services run when each has a processor of its own.
func besideService() place {
	return place{cpu: generatorCPU(), weight: senderWeight, priority: senderPriority}
}

func besideGenerator() place {
	return place{cpu: serviceCPU(), weight: serviceWeight, priority: servicePriority}
}

// sender and server are where generators and services run that share all
// processors.
func sender() place { return place{cpu: -1, weight: senderWeight, priority: senderPriority} }

func server() place { return place{cpu: -1, weight: serviceWeight, priority: servicePriority} }

// service is a part that answers requests until it is stopped.
type service struct {
	addr string
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	said *bytes.Buffer // its standard error
}

// serve starts a part that prints its address and then answers questions on its
// standard input; the end of that input is its own end, however this process
// goes.
func (b Bench) serve(ctx context.Context, where place, part string, options any) (*service, error) {
	args, err := b.part(part, options)
	if err != nil {
		return nil, err
	}
	s := &service{cmd: exec.CommandContext(ctx, args[0], args[1:]...), said: &bytes.Buffer{}}
	s.cmd.Stderr = s.said
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("open a pipe to %s: %w", part, err)
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("open a pipe from %s: %w", part, err)
	}
	s.out = bufio.NewReaderSize(out, 1<<16)
	if err := startPlaced(s.cmd, where); err != nil {
		return nil, fmt.Errorf("start %s: %w", part, err)
	}
	var hello struct{ Addr string }
	if err := s.read(&hello); err != nil {
		s.stop()
		return nil, fmt.Errorf("start %s: %w: %s", part, err, strings.TrimSpace(s.said.String()))
	}
	s.addr = hello.Addr
	weigh(s.cmd.Process.Pid, where.weight)
	return s, nil
}

func (b Bench) part(name string, options any) ([]string, error) {
	text, err := json.Marshal(options)
	if err != nil {
		return nil, fmt.Errorf("encode the options of %s: %w", name, err)
	}
	return append(append([]string{}, b.Self...), name, string(text)), nil
}

// ask sends a question and reads the answer.
func (s *service) ask(question string, to any) error {
	if _, err := io.WriteString(s.in, question+"\n"); err != nil {
		return fmt.Errorf("ask the service for its %s: %w", question, err)
	}
	if err := s.read(to); err != nil {
		return fmt.Errorf("read the service's %s: %w", question, err)
	}
	return nil
}

func (s *service) read(to any) error {
	line, err := s.out.ReadBytes('\n')
	if err != nil {
		return err
	}
	return json.Unmarshal(line, to)
}

// stop ends the service and returns when it is gone.
func (s *service) stop() {
	_ = s.in.Close()
	_ = s.cmd.Wait() // whatever it says, it was asked to go
}

// ran is what a finished process leaves behind.
type ran struct {
	out  []byte
	cpu  time.Duration // user and system
	took time.Duration
}

// finish runs a command to its end.
func finish(ctx context.Context, where place, stdin io.Reader, args ...string) (ran, error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	var out, said bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &out, &said
	cmd.WaitDelay = 2 * time.Second
	began := time.Now()
	if err := startPlaced(cmd, where); err != nil {
		return ran{}, fmt.Errorf("start %s: %w", args[0], err)
	}
	weigh(cmd.Process.Pid, where.weight)
	err := cmd.Wait()
	if err != nil {
		if ctx.Err() != nil {
			return ran{}, ctx.Err()
		}
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return ran{}, fmt.Errorf("%s: %w: %s", args[0], err, tail(said.String()))
		}
		return ran{}, fmt.Errorf("run %s: %w", args[0], err)
	}
	return ran{out: out.Bytes(), cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), took: time.Since(began)}, nil
}

func tail(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > 400 {
		s = "…" + s[len(s)-400:]
	}
	return s
}

// session puts a command into a session of its own: the scheduler shares
// processors by session, so this is part of where it runs.
func session() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
