package grader

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/p95lab/p95lab/challenges"
	"github.com/p95lab/p95lab/grader/backing"
	"github.com/p95lab/p95lab/grader/check"
	"github.com/p95lab/p95lab/grader/duel"
	"github.com/p95lab/p95lab/grader/evidence"
	"github.com/p95lab/p95lab/grader/load"
	"github.com/p95lab/p95lab/grader/sandbox"
	"github.com/p95lab/p95lab/grader/workspace"
)

// side is one running version of the service, with data of its own.
type side struct {
	name    string // before, after
	dir     string
	process *sandbox.Process
	// In the service's own network where it is confined.
	port, adminPort int

	client  *load.Client
	admin   *load.Client
	counted statements
	// explain writes the plans of statements, once the service has ended.
	explain func(ctx context.Context, statements []string) ([]evidence.Plan, error)
}

// What a service under test may use.
const (
	serviceMemory = 512 << 20
	serviceOutput = 4 << 20
	serviceDisk   = 1 << 30
	startTimeout  = 10 * time.Second
	// requestTimeout is what an answer may take before it counts as failed, and
	// as the worst latency.
	requestTimeout = 5 * time.Second
	connections    = 256
	// The admin port answers figures and profiles; one profile takes a while.
	adminConns   = 4
	adminTimeout = 3 * time.Second
	answerLimit  = 4 << 20
)

// host is the same in every request to both sides, so that a service cannot
// tell by it which side it is.
const host = "127.0.0.1"

// databaseName is the file of a side's data in its folder.
const databaseName = "data.db"

// startError is the learner's: the service did not come up.
type startError struct {
	message, next, log string
}

func (e *startError) Error() string { return e.message }

// service says what to start for one side.
type service struct {
	name    string
	binary  workspace.Binary
	trusted workspace.Binary // the starter: it alone runs migrations
	// template is the database to copy.
	template string
	launcher *sandbox.Launcher
	line     func(from, text string)
}

// start gives a service its own data and waits until it is ready. A
// *startError is the service's own fault.
func start(ctx context.Context, dir string, s service) (_ *side, err error) {
	own := filepath.Join(dir, s.name)
	if err := os.MkdirAll(own, 0o755); err != nil {
		return nil, fmt.Errorf("make the folder of a side: %w", err)
	}
	database := filepath.Join(own, databaseName)
	if err := backing.Copy(s.template, database); err != nil {
		return nil, err
	}
	if err := migrate(ctx, s, database); err != nil {
		return nil, err
	}
	port, adminPort, err := freePorts()
	if err != nil {
		return nil, err
	}
	out := &side{name: s.name, dir: own, port: port, adminPort: adminPort}
	out.explain = func(ctx context.Context, statements []string) ([]evidence.Plan, error) {
		text, err := backing.Plan(ctx, s.launcher, s.trusted.Path, database, statements)
		if err != nil {
			return nil, err
		}
		return evidence.Plans(text, len(statements))
	}
	if out.counted, err = newStatements(own + "-statements"); err != nil {
		return nil, err
	}
	out.process, err = s.launcher.Start(ctx, sandbox.Spec{
		Path: s.binary.Path, Dir: own, Writable: []string{own, out.counted.folder}, Memory: serviceMemory, Output: serviceOutput, Disk: serviceDisk, Weight: duel.ServiceWeight,
		Env: []string{
			"PORT=" + strconv.Itoa(port), "ADMIN_PORT=" + strconv.Itoa(adminPort), backing.URL(database), "TMPDIR=" + own,
			out.counted.variable(),
		},
		Line: func(text string) { s.line(s.name, text) },
	})
	if err != nil {
		out.counted.close()
		return nil, err
	}
	defer func() {
		if err != nil {
			out.stop()
		}
	}()
	options := load.Options{MaxConns: connections, Timeout: requestTimeout, BodyLimit: answerLimit, Connect: out.process.Dial}
	out.client = load.Dial(net.JoinHostPort(host, strconv.Itoa(port)), options)
	out.admin = load.Dial(net.JoinHostPort(host, strconv.Itoa(adminPort)), load.Options{
		MaxConns: adminConns, Timeout: adminTimeout, BodyLimit: evidence.MaxProfile, Connect: out.process.Dial,
	})
	return out, out.ready(ctx)
}

// starting is a side on its way up.
type starting struct {
	done chan struct{}
	side *side
	err  error
}

// begin starts a service and returns at once.
func begin(ctx context.Context, dir string, s service) *starting {
	b := &starting{done: make(chan struct{})}
	go func() {
		defer close(b.done)
		b.side, b.err = start(ctx, dir, s)
	}()
	return b
}

func (s *starting) wait() (*side, error) {
	<-s.done
	return s.side, s.err
}

// stop waits until the side is up, if it ever is, and ends it.
func (s *starting) stop() {
	if side, err := s.wait(); err == nil {
		side.stop()
	}
}

func migrate(ctx context.Context, s service, database string) error {
	_, err := backing.Migrate(ctx, s.launcher, s.trusted.Path, s.binary.Migrations, database)
	var exit *sandbox.ExitError
	switch {
	case errors.As(err, &exit):
		return &startError{
			message: "A migration failed: " + lastLine(exit.Printed),
			next:    "Fix the SQL in migrations/. Each file runs in one transaction, in order of their names.",
			log:     exit.Printed,
		}
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
		return &startError{
			message: "The migrations took more than 20 s.",
			next:    "Look for a statement that reads or writes the table once for each row.",
		}
	}
	return err
}

// lastLine is where a command says what it failed of.
func lastLine(printed string) string {
	lines := strings.Split(strings.TrimSpace(printed), "\n")
	return lines[len(lines)-1]
}

// ready waits for the first answer of /healthz.
func (s *side) ready(ctx context.Context) error {
	raw, err := load.Prepare("GET", host, "/healthz", nil, nil)
	if err != nil {
		return fmt.Errorf("prepare the health check: %w", err)
	}
	deadline := time.NewTimer(startTimeout)
	defer deadline.Stop()
	// A refused connection is the only sign that a port is not open yet, so this
	// is a poll.
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for {
		got := s.client.Do(ctx, load.Prepared{Raw: raw})
		if got.Err == nil && got.Status < 500 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.process.Done():
			return s.fell("while it was starting")
		case <-deadline.C:
			message := fmt.Sprintf("The service did not answer GET /healthz within %s of its start.", startTimeout)
			if got.Err == nil {
				message = fmt.Sprintf("The service answered GET /healthz with status %d for %s.", got.Status, startTimeout)
			}
			return &startError{
				message: message, log: s.process.Tail(),
				next: "It must listen on 127.0.0.1 at the port in PORT. Look at the Output tab for what it printed.",
			}
		case <-poll.C:
		}
	}
}

// dying waits a moment for a service that stopped answering to end, so that the
// end is told and not the silence before it.
func (s *side) dying() bool {
	select {
	case <-s.process.Done():
		return true
	case <-time.After(dyingGrace):
		return s.process.Fault() != ""
	}
}

// dyingGrace is how long a service that was ended may take to be gone.
const dyingGrace = 2 * time.Second

// fell describes a service that has ended by itself or by its limits.
func (s *side) fell(when string) *startError {
	e := &startError{log: s.process.Tail()}
	switch s.process.Fault() {
	case sandbox.OverMemory:
		e.message = fmt.Sprintf("The service used more than %d MB of memory %s, and was ended.", serviceMemory>>20, when)
		e.next = "Look for what grows with each request: a map, a slice, a channel, goroutines that never end."
	case sandbox.OverOutput:
		e.message = fmt.Sprintf("The service printed more than %d MB %s, and was ended.", serviceOutput>>20, when)
		e.next = "Print less: nothing for each request or row."
	case sandbox.OverDisk:
		e.message = fmt.Sprintf("The service wrote more than %d MB to disk %s, and was ended.", serviceDisk>>20, when)
		e.next = "Keep what it writes in bounds: no log files, no copies of the database."
	default:
		e.message = fmt.Sprintf("The service ended %s: %s.", when, s.process.Exit())
		e.next = "The end of its output says why."
		if panicked := panicLine(e.log); panicked != "" {
			e.message = fmt.Sprintf("The service panicked %s: %s", when, panicked)
			e.next = "Follow the stack in the Output tab to the first line of your own code."
		}
	}
	return e
}

// panicLine is the line of a log that tells a panic or a fatal error of the
// runtime.
func panicLine(log string) string {
	for line := range strings.Lines(log) {
		if strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

// stop ends the service and closes what leads to it.
func (s *side) stop() {
	if s.client != nil {
		s.client.Close()
	}
	if s.admin != nil {
		s.admin.Close()
	}
	s.process.Kill()
	s.counted.close()
}

// ask is a check's question.
func (s *side) ask(ctx context.Context, d challenges.Drawn) check.Answer {
	raw, err := load.Prepare(d.Method, host, d.Path, d.Header, d.Body)
	if err != nil {
		return check.Answer{Err: err}
	}
	got := s.client.Do(ctx, load.Prepared{Raw: raw, KeepBody: true})
	return check.Answer{Status: got.Status, Body: got.Body, Err: got.Err}
}

// toldFigures are what is read of a service's own metrics.
var toldFigures = []string{
	"go_memstats_alloc_bytes_total", "go_memstats_mallocs_total", "go_gc_cpu_seconds_total", "go_mutex_wait_seconds_total", "go_goroutines",
}

// figures reads what the service tells of itself; those that it does not tell are
// missing.
func (s *side) figures(ctx context.Context) map[string]float64 {
	told := map[string]float64{}
	text, err := s.administer(ctx, "GET", "/metrics")
	if err != nil {
		return told
	}
	for line := range bytes.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(string(line)), " ")
		if !slices.Contains(toldFigures, name) {
			continue
		}
		if n, err := strconv.ParseFloat(value, 64); err == nil && !math.IsNaN(n) && !math.IsInf(n, 0) {
			told[name] = n
		}
	}
	return told
}

// administer asks the service's admin port.
func (s *side) administer(ctx context.Context, method, path string) ([]byte, error) {
	raw, err := load.Prepare(method, host, path, nil, nil)
	if err != nil {
		return nil, fmt.Errorf("prepare %s %s: %w", method, path, err)
	}
	got := s.admin.Do(ctx, load.Prepared{Raw: raw, KeepBody: true})
	if got.Err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, got.Err)
	}
	if got.Status >= 300 {
		return nil, fmt.Errorf("%s %s: status %d", method, path, got.Status)
	}
	return got.Body, nil
}

// freePorts asks the kernel for two ports that are free now.
func freePorts() (a, b int, err error) {
	one, err := net.Listen("tcp4", host+":0")
	if err != nil {
		return 0, 0, fmt.Errorf("find a free port: %w", err)
	}
	two, err := net.Listen("tcp4", host+":0")
	if err != nil {
		return 0, 0, errors.Join(fmt.Errorf("find a free port: %w", err), one.Close())
	}
	a, b = one.Addr().(*net.TCPAddr).Port, two.Addr().(*net.TCPAddr).Port
	if err := errors.Join(one.Close(), two.Close()); err != nil {
		return 0, 0, fmt.Errorf("let go of a port: %w", err)
	}
	return a, b, nil
}
