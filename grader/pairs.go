package grader

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/p95lab/p95lab/challenges"
	"github.com/p95lab/p95lab/grader/check"
	"github.com/p95lab/p95lab/grader/duel"
	"github.com/p95lab/p95lab/grader/load"
	"github.com/p95lab/p95lab/grader/stats"
)

// measurement is all that a load phase found.
type measurement struct {
	*duel.Measurement
	mismatch *check.Mismatch
	// audit holds reads of things that were written to a few times.
	audit   []challenges.Drawn
	queries [2]float64 // statements for each request
	counted [2]bool    // whether they were
	cpu     [2]time.Duration
	memory  [2]int64 // peak resident, bytes
	// From the first pair that counts to the last, those dropped with them.
	from, to [2]counter
}

// contest loads starter and candidate with a challenge's requests, and holds
// their answers against each other.
type contest struct {
	plan    duel.Plan
	sides   [2]*side // before, after
	mix     *challenges.Mix
	rng     *rand.Rand
	live    *duel.Live
	touched *check.Touched
	rules   *check.Rules // nil: answers are not compared
	// settled compares what was written to in earlier pairs, where order and the
	// fields that races decide do not count.
	settled check.Rules
	// enough is asked now and then whether the pairs so far decide.
	enough func([]duel.Pair) bool

	drawn []challenges.Drawn // of the pair in progress
	asked int                // requests so far, to each side
}

// fallen tells that a side ended or stopped answering under load.
type fallen struct {
	which int
	why   *startError
}

func (f *fallen) Error() string { return f.why.message }

// run warms up, measures until it is enough or the budget is used, and returns
// what it found. A *fallen says which side gave up.
func (c *contest) run(ctx context.Context) (*measurement, error) {
	m := &measurement{}
	var before [2]counter
	d := &duel.Duel{
		Plan: c.plan, Rng: c.rng, Live: c.live, Draw: c.draw, Enough: c.enough,
		Counting: func() { before = c.counters(ctx) },
		Seen:     func(p duel.Pair) (bool, error) { return c.seen(m, p) },
	}
	for i, s := range c.sides {
		d.Sides[i] = duel.Side{Client: s.client, Pause: s.process.Pause, Resume: s.process.Resume}
	}
	var err error
	m.Measurement, err = d.Run(ctx)
	var refused *duel.ConnectError
	if errors.As(err, &refused) {
		return nil, c.giveUp(err)
	}
	if err != nil {
		return nil, err
	}
	after := c.counters(ctx)
	m.from, m.to = before, after
	for i := range c.sides {
		m.cpu[i] = after[i].cpu - before[i].cpu
		m.memory[i] = c.sides[i].process.PeakMemory()
		m.counted[i] = before[i].counted && after[i].counted && m.Requests > 0 && after[i].queries >= before[i].queries
		if m.counted[i] {
			m.queries[i] = float64(after[i].queries-before[i].queries) / float64(m.Requests)
		}
	}
	return m, nil
}

// counter is what a side has used so far.
type counter struct {
	cpu     time.Duration
	written int64
	// told is what the service itself tells at /metrics.
	told    map[string]float64
	queries uint64
	counted bool
}

func (c *contest) counters(ctx context.Context) (counters [2]counter) {
	for i, s := range c.sides {
		counters[i] = counter{cpu: s.process.CPU(), written: s.process.Written(), told: s.figures(ctx)}
		counters[i].queries, counters[i].counted = s.counted.read()
	}
	return counters
}

// draw draws the requests of a pair, the same bytes for both sides.
func (c *contest) draw(n int) (requests [2][]load.Prepared, err error) {
	c.drawn = make([]challenges.Drawn, n)
	prepared := make([]load.Prepared, n)
	for i := range c.drawn {
		q := c.mix.Draw(c.rng)
		raw, err := load.Prepare(q.Method, host, q.Path, q.Header, q.Body)
		if err != nil {
			return requests, fmt.Errorf("prepare %s %s: %w", q.Method, q.Path, err)
		}
		c.drawn[i], prepared[i] = q, load.Prepared{Class: q.Class, Raw: raw, ID: i, KeepBody: c.rules != nil}
	}
	c.touched.Add(c.drawn)
	c.asked += n
	return [2][]load.Prepared{prepared, prepared}, nil
}

// seen looks at a pair as soon as it is over: a side that fell or answers
// wrongly ends the measurement.
func (c *contest) seen(m *measurement, p duel.Pair) (stop bool, err error) {
	if c.rules != nil && m.mismatch == nil {
		m.mismatch = c.compare(p)
		m.keep(c.drawn, c.touched)
	}
	return m.mismatch != nil, c.alive(p)
}

// compare holds the candidate's answers of a pair to the starter's, wherever no
// write can have come between.
func (c *contest) compare(p duel.Pair) *check.Mismatch {
	now := check.NewTouched(c.mix)
	now.Add(c.drawn)
	for i, q := range c.drawn {
		want, got := p.Samples[0][i], p.Samples[1][i]
		if want.Err != nil || got.Err != nil || want.Status >= 500 || got.Status >= 500 {
			continue // failures are counted, not compared
		}
		rules := *c.rules
		switch n := c.touched.Count(q); {
		case check.Writes(q) || now.Count(q) > 0 || n > auditWrites:
			if want.Status == got.Status {
				continue
			}
		case n > 0:
			// Written to before, and every answer to that has come: whoever answers
			// from memory under load alone is found here.
			rules = c.settled
		}
		diff := check.Compare(check.Answer{Status: want.Status, Body: want.Body}, check.Answer{Status: got.Status, Body: got.Body}, rules)
		if diff != nil {
			return check.NewMismatch(check.UnderLoad, "same-answers", q, *diff)
		}
	}
	return nil
}

// How many things the audit looks at, and how often at most they may have been
// written to: a list cut to its newest entries may differ by a race once it has
// been written to more often than it is long.
const (
	auditReads  = 80
	auditWrites = 4
)

// keep remembers reads worth repeating after the load.
func (m *measurement) keep(drawn []challenges.Drawn, touched *check.Touched) {
	for _, q := range drawn {
		if len(m.audit) < auditReads && !check.Writes(q) && touched.Count(q) > 0 {
			m.audit = append(m.audit, q)
		}
	}
}

// alive gives up on a side that has ended, or that fails nearly everything.
func (c *contest) alive(p duel.Pair) error {
	for which, s := range c.sides {
		if s.process.Ended() {
			return &fallen{which, s.fell("under load")}
		}
		bad := 0
		var first load.Sample
		for _, sample := range p.Samples[which] {
			if duel.Failed(sample) {
				if bad == 0 {
					first = sample
				}
				bad++
			}
		}
		if n := len(p.Samples[which]); n >= 5 && bad*2 > n {
			return &fallen{which, &startError{
				message: fmt.Sprintf("%d of %d requests in a slice failed: %s.", bad, n, failure(first)),
				next:    "The service must answer every request under load. Look at the Output tab for what it printed.",
				log:     s.process.Tail(),
			}}
		}
	}
	return nil
}

// giveUp turns a refused connection into the side's own fault where its service
// has ended.
func (c *contest) giveUp(err error) error {
	for which, s := range c.sides {
		if s.process.Ended() {
			return &fallen{which, s.fell("before the load")}
		}
	}
	return err
}

func failure(s load.Sample) string {
	if s.Err != nil {
		return s.Err.Error()
	}
	return fmt.Sprintf("status %d", s.Status)
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// finite shows a failed request's latency as the time after which it failed.
func finite(v float64) float64 {
	return duel.Finite(v, ms(requestTimeout))
}

// whole is one side's samples over all pairs, sorted, in ms.
func whole(pairs []stats.Pair, which int) []float64 {
	var out []float64
	for _, p := range pairs {
		if which == 0 {
			out = append(out, p.Before...)
		} else {
			out = append(out, p.After...)
		}
	}
	slices.Sort(out)
	return out
}

// isFallen is errors.As for a *fallen.
func isFallen(err error) (*fallen, bool) {
	var f *fallen
	ok := errors.As(err, &f)
	return f, ok
}
