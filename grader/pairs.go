package grader

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/p95lab/p95lab/challenges"
	"github.com/p95lab/p95lab/grader/check"
	"github.com/p95lab/p95lab/grader/load"
	"github.com/p95lab/p95lab/grader/stats"
)

// plan says how two sides are measured.
type plan struct {
	rate   float64       // arrivals per second, on each side
	slice  time.Duration // one side's turn
	warm   int           // pairs that are thrown away at the start
	pairs  int           // the most pairs that count
	budget time.Duration // the most time for all of them
}

// How a slice is chosen: short enough that both sides see the same weather,
// long enough that a queue can form in it.
const (
	shortestSlice = 100 * time.Millisecond
	longestSlice  = 500 * time.Millisecond
	sliceRequests = 24
	fewestPairs   = 8
)

// newPlan fits slices to a rate and pairs to a budget.
func newPlan(rate float64, budget time.Duration) plan {
	slice := time.Duration(sliceRequests / rate * float64(time.Second))
	slice = max(shortestSlice, min(longestSlice, slice))
	p := plan{rate: rate, slice: slice, budget: budget}
	p.pairs = max(fewestPairs, int(budget/(2*slice)))
	p.warm = max(1, int(time.Second/(2*slice)))
	return p
}

// pair is what one pair of slices showed. The same requests arrived at the same
// times on both sides.
type pair struct {
	samples [2][]load.Sample
	dropped string // why it does not count, "" if it does
}

// measurement is all that a load phase found.
type measurement struct {
	plan     plan
	pairs    []pair // those that count
	dropped  int
	late     []float64 // the generator's own lateness, ms, unsorted
	mismatch *check.Mismatch
	// audit holds reads of things that were written to a few times.
	audit   []challenges.Drawn
	queries [2]float64 // statements for each request, 0 where not counted
	cpu     [2]time.Duration
	memory  [2]int64 // peak resident, bytes
	took    time.Duration
}

// duel loads two sides in turns.
type duel struct {
	plan    plan
	sides   [2]*side // before, after
	mix     *challenges.Mix
	rng     *rand.Rand
	live    *live
	touched *check.Touched
	rules   *check.Rules // nil: answers are not compared
	// settled compares what was written to in earlier pairs, where order and the
	// fields that races decide do not count.
	settled check.Rules
	weather *weather
	// enough is asked now and then whether the pairs so far decide.
	enough func([]pair) bool
}

// fallen tells that a side ended or stopped answering under load.
type fallen struct {
	which int
	why   *startError
}

func (f *fallen) Error() string { return f.why.message }

// run warms up, measures until it is enough or the budget is used, and returns
// what it found. A *fallen says which side gave up.
func (d *duel) run(ctx context.Context) (*measurement, error) {
	for _, s := range d.sides {
		if err := s.client.Warm(min(32, connections)); err != nil {
			return nil, d.giveUp(err)
		}
	}
	d.live.mu.Lock()
	d.live.warm = true
	d.live.mu.Unlock()
	m := &measurement{plan: d.plan}
	for range d.plan.warm {
		p, err := d.pair(ctx, m)
		if err != nil {
			return nil, err
		}
		if err := d.alive(p); err != nil {
			return nil, err
		}
		if m.mismatch != nil {
			return m, nil
		}
	}
	d.live.counted()
	return m, d.count(ctx, m)
}

// count measures the pairs that count.
func (d *duel) count(ctx context.Context, m *measurement) error {
	began := time.Now()
	before := d.counters(ctx)
	var requests int
	flip := false
	for len(m.pairs) < d.plan.pairs && time.Since(began) < d.plan.budget {
		p, err := d.pairIn(ctx, m, flip)
		if err != nil {
			return err
		}
		flip = !flip
		if err := d.alive(p); err != nil {
			return err
		}
		requests += len(p.samples[0])
		if p.dropped != "" {
			m.dropped++
		} else {
			m.pairs = append(m.pairs, p)
		}
		if m.mismatch != nil || (d.enough != nil && d.enough(m.pairs)) {
			break
		}
	}
	m.took = time.Since(began)
	after := d.counters(ctx)
	for i := range d.sides {
		m.cpu[i] = after[i].cpu - before[i].cpu
		m.memory[i] = d.sides[i].process.PeakMemory()
		if before[i].counted && after[i].counted && requests > 0 {
			m.queries[i] = (after[i].queries - before[i].queries) / float64(requests)
		}
	}
	return nil
}

type counter struct {
	queries float64
	counted bool
	cpu     time.Duration
}

func (d *duel) counters(ctx context.Context) (c [2]counter) {
	for i, s := range d.sides {
		c[i].queries, c[i].counted = s.queries(ctx)
		c[i].cpu = s.process.CPU()
	}
	return c
}

func (d *duel) pair(ctx context.Context, m *measurement) (pair, error) {
	return d.pairIn(ctx, m, d.rng.IntN(2) == 1)
}

// pairIn sends one slice to each side, the candidate first if flipped.
func (d *duel) pairIn(ctx context.Context, m *measurement, flipped bool) (pair, error) {
	times := load.Poisson(d.rng, d.plan.rate, d.plan.slice)
	drawn := make([]challenges.Drawn, len(times))
	arrivals := make([]load.Arrival, len(times))
	for i, at := range times {
		drawn[i] = d.mix.Draw(d.rng)
		arrivals[i] = load.Arrival{At: at, Request: i}
	}
	d.touched.Add(drawn)
	prepared := make([]load.Prepared, len(drawn))
	for i, q := range drawn {
		raw, err := load.Prepare(q.Method, host, q.Path, q.Header, q.Body)
		if err != nil {
			return pair{}, fmt.Errorf("prepare %s %s: %w", q.Method, q.Path, err)
		}
		prepared[i] = load.Prepared{Class: q.Class, Raw: raw, ID: i, KeepBody: d.rules != nil}
	}

	order := []int{0, 1}
	if flipped {
		order = []int{1, 0}
	}
	var p pair
	d.weather.begin()
	// The side that is not asked stands still: what it would do meanwhile (burn
	// processor time, flood memory or disk, finish what it has answered already)
	// would be the other's loss.
	defer d.sides[0].process.Resume()
	defer d.sides[1].process.Resume()
	for _, which := range order {
		d.sides[1-which].process.Pause()
		d.sides[which].process.Resume()
		report, err := d.sides[which].client.Slice(ctx, prepared, arrivals, func(s load.Sample) { d.live.add(which, s) })
		if err != nil {
			return pair{}, err
		}
		d.live.sliceDone(which, max(report.Took, d.plan.slice))
		p.samples[which] = report.Samples
		for _, l := range report.Late {
			m.late = append(m.late, ms(l))
		}
		d.weather.slice(report.Late)
	}
	p.dropped = d.weather.verdict()
	if d.rules != nil && m.mismatch == nil {
		m.mismatch = d.compare(drawn, p)
		m.keep(drawn, d.touched)
	}
	for which := range p.samples {
		for i := range p.samples[which] {
			p.samples[which][i].Body = nil // compared; the figures are all that is kept
		}
	}
	return p, nil
}

// compare holds the candidate's answers of a pair to the starter's, wherever no
// write can have come between.
func (d *duel) compare(drawn []challenges.Drawn, p pair) *check.Mismatch {
	var answers [2][]*load.Sample
	for which := range answers {
		answers[which] = make([]*load.Sample, len(drawn))
		for i := range p.samples[which] {
			s := &p.samples[which][i]
			answers[which][s.ID] = s
		}
	}
	now := check.NewTouched(d.mix)
	now.Add(drawn)
	for i, q := range drawn {
		want, got := answers[0][i], answers[1][i]
		if want == nil || got == nil || want.Err != nil || got.Err != nil || want.Status >= 500 || got.Status >= 500 {
			continue // failures are counted, not compared
		}
		rules := *d.rules
		switch n := d.touched.Count(q); {
		case check.Writes(q) || now.Count(q) > 0 || n > auditWrites:
			if want.Status == got.Status {
				continue
			}
		case n > 0:
			// Written to before, and every answer to that has come: whoever answers
			// from memory under load alone is found here.
			rules = d.settled
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
func (d *duel) alive(p pair) error {
	for which, s := range d.sides {
		if s.process.Ended() {
			return &fallen{which, s.fell("under load")}
		}
		bad := 0
		var first load.Sample
		for _, sample := range p.samples[which] {
			if failed(sample) {
				if bad == 0 {
					first = sample
				}
				bad++
			}
		}
		if n := len(p.samples[which]); n >= 5 && bad*2 > n {
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
func (d *duel) giveUp(err error) error {
	for which, s := range d.sides {
		if s.process.Ended() {
			return &fallen{which, s.fell("before the load")}
		}
	}
	return fmt.Errorf("open connections: %w", err)
}

// failed says whether an answer counts as an error: none came, or the service
// said that it could not (5xx) or would not for load (429).
func failed(s load.Sample) bool {
	return s.Err != nil || s.Status >= 500 || s.Status == 429
}

func failure(s load.Sample) string {
	if s.Err != nil {
		return s.Err.Error()
	}
	return fmt.Sprintf("status %d", s.Status)
}

// latency is from the intended start, in ms; a failure is the worst latency
// there is.
func latency(s load.Sample) float64 {
	if failed(s) {
		return math.Inf(1)
	}
	return ms(s.Done - s.Intended)
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// finite shows a failed request's latency as the time after which it failed.
func finite(v float64) float64 {
	if math.IsInf(v, 0) || math.IsNaN(v) {
		return ms(requestTimeout)
	}
	return v
}

// latencies picks one class of requests, or all with -1, as the statistics want
// them.
func latencies(pairs []pair, class int) []stats.Pair {
	out := make([]stats.Pair, 0, len(pairs))
	for _, p := range pairs {
		var sp stats.Pair
		for which, to := range []*[]float64{&sp.Before, &sp.After} {
			for _, s := range p.samples[which] {
				if class < 0 || s.Class == class {
					*to = append(*to, latency(s))
				}
			}
		}
		out = append(out, sp)
	}
	return out
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
