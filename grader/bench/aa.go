package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"time"

	"github.com/p95lab/p95lab/grader/duel"
	"github.com/p95lab/p95lab/grader/stats"
)

// AAOptions of AA. A zero field means its default.
type AAOptions struct {
	Runs   int           // of each kind; 100
	Budget time.Duration // of one trial, both sides together, after the warm-up; 10 s
	Busy   bool          // with a neighbour that uses a processor
	// Out is a file to which each trial is appended, and whose trials count as
	// done; "" keeps none.
	Out string
	// Ordinary leaves the services and the sender in the ordinary class of the
	// scheduler, where they wait for their neighbours' time slices.
	Ordinary bool
}

func (o AAOptions) priority(p int) int {
	if o.Ordinary {
		return 0
	}
	return p
}

// AA is what the lab's comparison says where the truth is known.
type AA struct {
	Busy   bool    `json:"busy"`
	Budget float64 `json:"budget_seconds"`
	Rows   []AARow `json:"rows"`
	Trials []Trial `json:"trials"`
	Bounds []Bound `json:"bounds"`
}

// Trial is one comparison of two services.
type Trial struct {
	Factor float64 `json:"factor"` // work of the second, in the first's: 1 for A/A
	Seed   uint64  `json:"seed,string"`
	Busy   bool    `json:"busy"`
	Budget float64 `json:"budget_seconds"`
	Rate   float64 `json:"rate"`
	Slice  float64 `json:"slice_ms"`
	Before float64 `json:"before_p95_ms"`
	After  float64 `json:"after_p95_ms"`
	Late   float64 `json:"late_p99_ms"`
	Drops  int     `json:"dropped"`
	Load1  float64 `json:"load1"`
	// Preferred says that services and sender were in the real-time class.
	Preferred bool `json:"preferred"`
	// All is read from every pair, Stopped from those until a graded run would
	// have had enough.
	All     Reading `json:"all"`
	Stopped Reading `json:"stopped"`
}

// AARow sums up the trials of one factor.
type AARow struct {
	Factor float64 `json:"factor"`
	Trials int     `json:"trials"`
	Mean   float64 `json:"mean"`       // of the ratio, geometric
	SD     float64 `json:"sd"`         // of its logarithm
	HLSD   float64 `json:"typical_sd"` // of the Hodges–Lehmann ratio's
	Width  float64 `json:"half_width"` // of the interval, median, on the log scale
	// Found is the share of trials that were called different, Wrong of those
	// that were called so in the wrong direction.
	Found float64 `json:"found"`
	Wrong float64 `json:"wrong"`
	// Stopped is Found for runs that stop when they have enough, after
	// StoppedPairs pairs in the median.
	Stopped      float64 `json:"stopped_found"`
	StoppedPairs float64 `json:"stopped_pairs"`
}

// factors are the true differences that are tried.
var factors = [...]float64{1, 1.1, 1.3}

// What a trial's services do: about a millisecond of work for the median
// request, as what is not their work should be small beside it, at a rate that
// leaves room.
const (
	workRounds = 10_000
	workAt     = 0.35 // of the processors
	workLooks  = 50
)

// The bounds of AA.
const (
	aaSD     = 0.03
	aaAlarms = 0.05
	aaTen    = 0.95
	aaThirty = 1.0
)

// AA runs trials, a kind after the other so that all see the same weather.
func (b Bench) AA(ctx context.Context, o AAOptions) (AA, error) {
	if o.Runs <= 0 {
		o.Runs = 100
	}
	if o.Budget <= 0 {
		o.Budget = 10 * time.Second
	}
	trials, err := readTrials(o)
	if err != nil {
		return AA{}, err
	}
	rate := 0.0
	for _, t := range trials {
		rate = t.Rate // as before, or the trials would not be of one kind
	}
	for n := range o.Runs {
		for _, factor := range factors {
			if count(trials, factor) > n {
				continue
			}
			b.tell("aa %d/%d: %.1f times the work", n+1, o.Runs, factor)
			if rate == 0 {
				rate = workRate()
			}
			t, err := b.trial(ctx, o, factor, rate)
			if err != nil {
				return AA{}, err
			}
			trials = append(trials, t)
			if err := appendTrial(o.Out, t); err != nil {
				return AA{}, err
			}
		}
	}
	return sum(o, trials), nil
}

func count(trials []Trial, factor float64) (n int) {
	for _, t := range trials {
		if t.Factor == factor {
			n++
		}
	}
	return n
}

// workRate is the rate of all trials: a share of what all processors could work
// off. It is taken from the fastest of several looks at the work itself, so that
// neighbours do not change it.
func workRate() float64 {
	least := time.Duration(math.MaxInt64)
	for range workLooks {
		began := time.Now()
		toil(workRounds)
		least = min(least, time.Since(began))
	}
	mean := least.Seconds() * math.Exp(workSigma*workSigma/2)
	return math.Round(workAt * float64(runtime.GOMAXPROCS(0)) / mean)
}

// trial compares fresh services once.
func (b Bench) trial(ctx context.Context, o AAOptions, factor, rate float64) (Trial, error) {
	done, err := b.Turn(ctx)
	if err != nil {
		return Trial{}, err
	}
	defer done()
	if o.Busy {
		h, err := b.serve(ctx, place{cpu: -1, weight: neighbourWeight}, partHog, hogOptions{Threads: 1})
		if err != nil {
			return Trial{}, err
		}
		defer h.stop()
	}
	var addrs [2]string
	for i, f := range []float64{1, factor} {
		s, err := b.serve(ctx, place{cpu: -1, weight: serviceWeight, priority: o.priority(servicePriority)}, partWork, workOptions{Factor: f, Rounds: workRounds})
		if err != nil {
			return Trial{}, err
		}
		defer s.stop()
		addrs[i] = s.addr
	}
	p := duel.NewPlan(rate, o.Budget, 0)
	t := Trial{Factor: factor, Seed: rand.Uint64(), Busy: o.Busy, Budget: o.Budget.Seconds(), Rate: rate, Slice: ms(p.Slice), Load1: load1()}
	ordinary := func() {}
	if !o.Ordinary {
		if ordinary, t.Preferred = prefer(senderPriority); !t.Preferred {
			b.tell("aa: this user may not use the real-time class; weights must do")
		}
	}
	m, err := measure(ctx, addrs, p, t.Seed)
	ordinary()
	if err != nil {
		return Trial{}, err
	}
	if t.All, t.Stopped, err = readings(p, m.pairs, t.Seed); err != nil {
		return Trial{}, err
	}
	var before, after []float64
	for _, pair := range m.pairs {
		before, after = append(before, pair.Before...), append(after, pair.After...)
	}
	t.Before, t.After, t.Drops = quantiles(before).P95, quantiles(after).P95, m.dropped
	t.Late = quantiles(m.late).P99
	return t, nil
}

// readTrials reads the trials of an earlier run with the same options. A last
// line that was cut off is left out; the next trial begins on a line of its own.
func readTrials(o AAOptions) ([]Trial, error) {
	if o.Out == "" {
		return nil, nil
	}
	file, err := os.Open(o.Out)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read earlier trials: %w", err)
	}
	defer func() { _ = file.Close() }()
	trials, err := decodeTrials(file)
	if err != nil {
		return nil, fmt.Errorf("read earlier trials in %s: %w", o.Out, err)
	}
	for _, t := range trials {
		if t.Busy != o.Busy || t.Budget != o.Budget.Seconds() {
			return nil, fmt.Errorf("%s holds trials of %.0f s, busy %v: choose another file for these", o.Out, t.Budget, t.Busy)
		}
	}
	return trials, nil
}

func decodeTrials(in io.Reader) ([]Trial, error) {
	var trials []Trial
	lines := bufio.NewReader(in)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return trials, nil // what follows the last line's end was cut off
		}
		if err != nil {
			return nil, err
		}
		if len(line) == 1 {
			continue
		}
		var t Trial
		if err := json.Unmarshal(line, &t); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if !(t.Factor > 0) || !(t.All.Ratio > 0) {
			return nil, fmt.Errorf("line %d is no trial", n)
		}
		trials = append(trials, t)
	}
}

// appendTrial adds a line, over one that was cut off if there is one.
func appendTrial(path string, t Trial) error {
	if path == "" {
		return nil
	}
	text, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("encode a trial: %w", err)
	}
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read earlier trials: %w", err)
	}
	whole := int64(bytes.LastIndexByte(old, '\n') + 1)
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("keep a trial: %w", err)
	}
	_, err = file.WriteAt(append(text, '\n'), whole)
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("keep a trial: %w", err)
	}
	return nil
}

// sum sums trials up.
func sum(o AAOptions, trials []Trial) AA {
	out := AA{Busy: o.Busy, Budget: o.Budget.Seconds(), Trials: trials}
	for _, factor := range factors {
		row := AARow{Factor: factor}
		var logs, typical, widths, pairs []float64
		for _, t := range trials {
			if t.Factor != factor {
				continue
			}
			row.Trials++
			logs, typical = append(logs, math.Log(t.All.Ratio)), append(typical, math.Log(t.All.Typical))
			widths = append(widths, math.Log(t.All.High/t.All.Low)/2)
			pairs = append(pairs, float64(t.Stopped.Pairs))
			if t.All.Decision != stats.NoDifference.String() {
				row.Found++
			}
			if t.All.Decision == stats.Better.String() && factor > 1 {
				row.Wrong++
			}
			if t.Stopped.Decision != stats.NoDifference.String() {
				row.Stopped++
			}
		}
		if row.Trials == 0 {
			continue
		}
		n := float64(row.Trials)
		mean, sd := moments(logs)
		_, hl := moments(typical)
		row.Mean, row.SD, row.HLSD = math.Exp(mean), sd, hl
		row.Width, row.StoppedPairs = spread(widths).Median, spread(pairs).Median
		row.Found, row.Wrong, row.Stopped = row.Found/n, row.Wrong/n, row.Stopped/n
		out.Rows = append(out.Rows, row)
		switch factor {
		case 1:
			out.Bounds = append(out.Bounds,
				atMost("A/A, deviation of the P95 ratio", 100*row.SD, 100*aaSD, "%"),
				atMost("A/A, false alarms", 100*row.Found, 100*aaAlarms, "%"))
		case 1.1:
			out.Bounds = append(out.Bounds, atLeast("+10 % found", 100*(row.Found-row.Wrong), 100*aaTen, "%"))
		case 1.3:
			out.Bounds = append(out.Bounds, atLeast("+30 % found", 100*(row.Found-row.Wrong), 100*aaThirty, "%"))
		}
	}
	return out
}

// moments are the mean and the deviation of a sample.
func moments(values []float64) (mean, sd float64) {
	n := float64(len(values))
	for _, v := range values {
		mean += v / n
	}
	if n < 2 {
		return mean, 0
	}
	for _, v := range values {
		sd += (v - mean) * (v - mean) / (n - 1)
	}
	return mean, math.Sqrt(sd)
}
