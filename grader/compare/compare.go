// Package compare measures two running versions of anybody's HTTP service
// against each other, with the measurement core of graded runs, and says what
// the difference is with an interval. It knows addresses, commands, requests and
// verdicts; it must not know challenges' lessons and targets, the lab's services,
// or how a result is shown while it is made.
package compare

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/p95lab/p95lab/grader/duel"
	"github.com/p95lab/p95lab/grader/load"
	"github.com/p95lab/p95lab/grader/verdict"
)

// Options say what to compare and how. Fields without a default are required.
type Options struct {
	Before, After Endpoint
	Source        Source
	Rate          float64       // requests per second on each side; 0 is a share of what before carries
	For           time.Duration // of the load, both sides together; 20 s
	Constant      bool          // equal gaps in place of a Poisson process
	Timeout       time.Duration // of an answer; 10 s
	Connections   int           // at once, on each side; 256
	// NewConnections opens a connection for each request.
	NewConnections bool
	Insecure       bool   // any certificate will do
	Host           string // sent to both sides in place of their own
	Users          int    // virtual users, each with cookies of its own; 0 is none
	Take           []load.Take
	Link           load.Link
	Seed           uint64 // 0 draws one
	Check          Check  // what of the answers must agree
	Metric         string // p50, p95 or p99, by which it is decided; p95
	// Worse is by how much the metric may differ without being called better or
	// worse, as a ratio; 1.05.
	Worse float64
	// Within ends the load early once the ratio is known to plus or minus so
	// much; 0 never does.
	Within float64
	Env    []string // of commands
	Dir    string   // commands are started here
}

// Check says what of two answers to the same question must agree.
type Check string

// The checks.
const (
	CheckNone   Check = "none"
	CheckStatus Check = "status"
	CheckBody   Check = "body" // and the status
)

// Names of the two sides, in everything that is told.
var names = [2]string{"before", "after"}

// quantiles are the metrics by which it can be decided.
var quantiles = map[string]float64{"p50": 0.50, "p95": 0.95, "p99": 0.99}

// autoShare is the share of what before carries that is asked of both.
const autoShare = 0.6

func (o Options) withDefaults() (Options, error) {
	set := func(to *time.Duration, v time.Duration) {
		if *to <= 0 {
			*to = v
		}
	}
	set(&o.For, 20*time.Second)
	set(&o.Timeout, 10*time.Second)
	if o.Connections <= 0 {
		o.Connections = 256
	}
	if o.Check == "" {
		o.Check = CheckStatus
	}
	if o.Metric == "" {
		o.Metric = "p95"
	}
	if o.Worse == 0 {
		o.Worse = 1.05
	}
	for o.Seed == 0 {
		o.Seed = rand.Uint64()
	}
	switch {
	case o.Source == nil:
		return o, errors.New("there are no requests to send")
	case o.Rate < 0:
		return o, fmt.Errorf("a rate of %v requests a second makes no sense", o.Rate)
	case quantiles[o.Metric] == 0:
		return o, fmt.Errorf("the metric %q is none of p50, p95, p99", o.Metric)
	case o.Worse <= 1:
		return o, fmt.Errorf("%v times worse is no worse: say 1.05 or more", o.Worse)
	case !slices.Contains([]Check{CheckNone, CheckStatus, CheckBody}, o.Check):
		return o, fmt.Errorf("the check %q is none of none, status, body", o.Check)
	case o.For < shortest:
		return o, fmt.Errorf("%v is too short: the warm-up alone takes a second; say %v or more", o.For, shortest)
	}
	return o, nil
}

// shortest is how long the load must be allowed to last.
const shortest = 3 * time.Second

// UsageError is the caller's to mend: an address that nobody answers at, a
// command that does not start, options that make no sense.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }

func (e *UsageError) Unwrap() error { return e.Err }

func usage(format string, args ...any) error { return &UsageError{fmt.Errorf(format, args...)} }

// Result is what a comparison found.
type Result struct {
	Verdict verdict.Verdict
	// Before and After are what was compared, as the caller named it.
	Before, After string
	Took          time.Time // when it began
	Points        []Point   // latency over the run
	Curves        [2][]Step // latency by share of requests
	Check         Check
	Metric        string
	Users         int
	Link          load.Link
	Fresh         bool // a connection for each request
	Constant      bool
}

// comparison is one on its way.
type comparison struct {
	o     Options
	emit  func(verdict.Event)
	began time.Time
	step  time.Time
	gate  verdict.Gate
	sides [2]*side

	drawn      []Request // of the pair in progress
	asked      int       // requests drawn so far
	mismatches int
	compared   int
	example    *verdict.Mismatch
	failing    [2]int // neighbouring pairs in which most requests failed
	notes      []string
}

// Run compares. emit is called from one goroutine at a time with events whose Seq
// is not set; it must not block for long. A *UsageError is the caller's, any other
// error ours or ctx's end.
func Run(ctx context.Context, o Options, emit func(verdict.Event)) (Result, error) {
	began := time.Now()
	o, err := o.withDefaults()
	if err != nil {
		return Result{}, &UsageError{err}
	}
	c := &comparison{o: o, began: began, emit: emit}
	defer c.stop()
	v, m, err := c.run(ctx)
	if err != nil {
		return Result{}, err
	}
	v.Seconds = time.Since(began).Seconds()
	r := Result{
		Verdict: v, Before: o.Before.String(), After: o.After.String(), Took: began, Check: o.Check, Metric: o.Metric,
		Users: o.Users, Link: o.Link, Fresh: o.NewConnections, Constant: o.Constant,
	}
	if m != nil {
		r.Points, r.Curves = points(m, o.Timeout), curves(m, o.Timeout)
	}
	c.send(verdict.Event{Kind: "verdict", Verdict: &r.Verdict})
	return r, nil
}

func (c *comparison) send(e verdict.Event) {
	e.At = time.Since(c.began).Seconds()
	c.emit(e)
}

func (c *comparison) enter(g verdict.Gate, detail string) {
	if c.gate != g {
		c.gate, c.step = g, time.Now()
	}
	c.send(verdict.Event{Kind: "gate", Gate: &verdict.GateStep{Name: g, State: "running", Detail: detail}})
}

func (c *comparison) pass() {
	detail := fmt.Sprintf("%.1f s", time.Since(c.step).Seconds())
	c.send(verdict.Event{Kind: "gate", Gate: &verdict.GateStep{Name: c.gate, State: "passed", Detail: detail}})
}

func (c *comparison) note(format string, args ...any) {
	c.notes = append(c.notes, fmt.Sprintf(format, args...))
}

// run goes through the gates. There is no measurement where one stopped it.
func (c *comparison) run(ctx context.Context) (verdict.Verdict, *duel.Measurement, error) {
	c.enter(verdict.Start, "")
	if err := c.find(ctx); err != nil {
		return verdict.Verdict{}, nil, err
	}
	done, err := duel.TakeTurn(ctx, func() { c.enter(verdict.Start, "waiting: another run is being measured on this machine") })
	if err != nil {
		return verdict.Verdict{}, nil, err
	}
	defer done()
	duel.Weigh()
	if err := c.start(ctx); err != nil {
		return verdict.Verdict{}, nil, err
	}
	c.pass()

	c.enter(verdict.Check, "the same questions to both sides")
	serviceTime, failed, err := c.check(ctx)
	if err != nil || failed != nil {
		return value(failed), nil, err
	}
	c.pass()

	c.enter(verdict.Load, "")
	if c.o.Rate == 0 {
		if c.o.Rate, err = c.capacity(ctx); err != nil {
			return verdict.Verdict{}, nil, err
		}
	}
	m, failed, err := c.load(ctx, serviceTime)
	if err != nil || failed != nil {
		return value(failed), nil, err
	}
	c.pass()
	c.enter(verdict.Compare, "")
	v := c.judge(m)
	c.pass()
	return v, m, nil
}

func value(v *verdict.Verdict) verdict.Verdict {
	if v == nil {
		return verdict.Verdict{}
	}
	return *v
}

// Unsure says that nothing could be told: neither that a side is better nor that
// both are alike.
func (r Result) Unsure() bool {
	return r.Verdict.Outcome == verdict.TooNoisy || r.Verdict.Outcome == verdict.Error
}

// Worse says that after is worse than before, beyond noise, or answers
// differently.
func (r Result) Worse() bool { return r.Verdict.Outcome == verdict.Failed }

// write writes a report's text.
func write(out io.Writer, text string) error {
	if _, err := io.WriteString(out, text); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}
