package compare

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/p95lab/p95lab/grader/duel"
	"github.com/p95lab/p95lab/grader/stats"
	"github.com/p95lab/p95lab/grader/verdict"
)

// When nothing can be told.
const (
	// certainty is the level of the interval by which a side is called better or
	// worse: at 95 % one build in twenty would fail for nothing.
	certainty = 0.99
	// unseen is the smallest difference that a run must be able to see, as a
	// ratio. What cannot see a half more is no evidence that nothing got worse.
	unseen = 1.5
	// waiting is the share of requests to before that may find all connections
	// busy.
	waiting = 0.5
	// ownShare is the share of a latency that may be the generator's own lateness.
	ownShare = 0.5
	// lateFloor is the lateness, in ms, that is never called a bottleneck.
	lateFloor = 1.0
	// busyShare is the share of all processors that the generator may use.
	busyShare = 0.9
	// moreErrors is by how much the share of failed requests must grow to count.
	moreErrors = 0.001
)

// verdict is one with what all have, at the gate that the comparison is in.
func (c *comparison) verdict(o verdict.Outcome, message, next string) *verdict.Verdict {
	return &verdict.Verdict{
		Challenge: "compare", Outcome: o, Gate: c.gate, Message: message, Next: next, Metrics: []verdict.Metric{},
		Seed: c.o.Seed, Machine: duel.Machine(),
	}
}

// judge turns a measurement into a verdict: passed is better, failed is worse.
func (c *comparison) judge(m *duel.Measurement) verdict.Verdict {
	v := c.verdict(verdict.TooNoisy, "", "")
	v.Load = m.Summary(c.o.Timeout)
	for i, to := range []*verdict.Side{&v.Load.Before, &v.Load.After} {
		if p := c.sides[i].process; p != nil {
			to.CPU, to.MemoryMB = p.CPU().Seconds(), float64(p.PeakMemory())/1e6
		}
	}
	if c.mismatches > 0 {
		v.Mismatch = c.example
		c.note("%d of %d answers differed.", c.mismatches, c.compared)
	}
	defer func() { v.Load.Notes = append(c.notes, v.Load.Notes...) }()
	r, err := c.ratio(m.Plan, m.Pairs, quantiles[c.o.Metric], 0.95)
	if v.Message, v.Next = c.unsure(m, r, err); v.Message != "" {
		if err == nil {
			v.Metrics = c.metrics(m)
		}
		return *v
	}
	v.Metrics = c.metrics(m)
	what := strings.ToUpper(c.o.Metric)
	measured := fmt.Sprintf("%s went from %s to %s, %s", what, c.millis(r.Before), c.millis(r.After), times(r))
	failing := c.failingMore(m)
	switch decision := c.decide(m); {
	case failing != "":
		v.Outcome, v.Message = verdict.Failed, failing
		v.Next = "An error is never a fast answer. Look at what after logs."
	case float64(c.mismatches) > tolerated*float64(c.compared):
		other := c.differently()
		v.Outcome, v.Gate, v.Message, v.Next = other.Outcome, other.Gate, other.Message, other.Next
	case decision == stats.Worse:
		v.Outcome, v.Message = verdict.Failed, measured+"."
		v.Next = "That is beyond noise. Look for what each request costs more."
	case decision == stats.Better:
		v.Outcome, v.Message = verdict.Passed, measured+"."
	case r.MDE > unseen:
		v.Message = fmt.Sprintf("Nothing can be told: %s is %s before and %s after, and a change of less than %.0f %% could not have been seen.",
			what, c.millis(r.Before), c.millis(r.After), 100*(verdict.Bounded(r.MDE)-1))
		v.Next = "Measure for longer, at a higher rate, or on a quieter machine."
	default:
		v.Outcome = verdict.NoDifference
		v.Message = fmt.Sprintf("No difference: %s is %s before and %s after (95 %% interval of the ratio %s to %s).",
			what, c.millis(r.Before), c.millis(r.After), verdict.Factor(r.Low), verdict.Factor(r.High))
		v.Next = fmt.Sprintf("A change of less than %.0f %% could not be seen in this run.", 100*(max(r.MDE, c.o.Worse)-1))
	}
	return *v
}

// differently is the verdict on answers that are not the same.
func (c *comparison) differently() *verdict.Verdict {
	v := c.verdict(verdict.Failed, fmt.Sprintf("After answers differently: %d of %d answers, for example %s: %s before, %s after.",
		c.mismatches, c.compared, c.example.Request, c.example.Want, c.example.Got),
		"What is not the same answer cannot be compared for its speed. --check none does it all the same.")
	v.Gate, v.Mismatch = verdict.Check, c.example
	return v
}

// unsure says why nothing can be told, "" if something can.
func (c *comparison) unsure(m *duel.Measurement, r stats.Ratio, err error) (message, next string) {
	dropped, all := m.Dropped(), m.Dropped()+len(m.Pairs)
	q := quantiles[c.o.Metric]
	late := 0.0
	if len(m.OwnLate) > 0 {
		late = stats.Quantile(slices.Sorted(slices.Values(m.OwnLate)), q)
	}
	processors := float64(runtime.NumCPU())
	queued := float64(m.Queued[0]) / float64(max(1, m.Requests))
	switch {
	case queued > waiting:
		return fmt.Sprintf("%s requests a second are more than before carries on %d connections: %.0f %% of them found every connection busy, so what was measured is the queue.", verdict.Number(m.Plan.Rate), c.o.Connections, 100*queued),
			"Lower --rate, or raise --connections if the service can take them."
	case m.TooNoisy() && dropped > 0:
		return fmt.Sprintf("This machine is too busy now to tell: %d of %d pairs of slices did not count, most of them because %s.", dropped, all, m.MainDrop()),
			"Close what else is running and compare again."
	case errors.Is(err, stats.ErrTooFew) || m.TooNoisy():
		return fmt.Sprintf("Too few requests to tell a %s: %d on each side.", strings.ToUpper(c.o.Metric), m.Whole[0].Count()),
			"Raise --rate or --for."
	case err != nil:
		return fmt.Sprintf("Nothing can be told: %v.", err), "Raise --rate or --for."
	case m.CPUShare() > busyShare*processors:
		return fmt.Sprintf("The load generator was the bottleneck: it used %.1f of %.0f processors itself.", m.CPUShare(), processors),
			"Lower --rate, or run it on another machine than the service."
	case late > lateFloor && late > ownShare*min(r.Before, r.After):
		return fmt.Sprintf("The load generator was the bottleneck: it was late itself by %s at %s, and the latencies are hardly more.", verdict.Millis(late), strings.ToUpper(c.o.Metric)),
			"Lower --rate, close what else is running, or run it on another machine than the service."
	}
	return "", ""
}

// decide says whether the metric's difference is one.
func (c *comparison) decide(m *duel.Measurement) stats.Decision {
	d, err := stats.Differs(duel.Latencies(m.Pairs, duel.Every), quantiles[c.o.Metric], c.o.Worse-1,
		stats.Options{Level: certainty, Seed: c.o.Seed, Block: m.Plan.Block()})
	if err != nil {
		return stats.NoDifference // told by unsure
	}
	return d
}

// failingMore says that after fails more requests than before, "" if it does
// not: by the shares of all requests, and by the slices, as failures come in
// clusters.
func (c *comparison) failingMore(m *duel.Measurement) string {
	before, n := duel.Errors(m.Pairs, duel.Every, 0)
	after, k := duel.Errors(m.Pairs, duel.Every, 1)
	more, low, _ := stats.Difference(before, n, after, k)
	if low <= 0 || more < moreErrors {
		return ""
	}
	if before > 0 {
		if r, err := stats.RatioOfSums(c.sums(m, failedSums), stats.Options{Seed: c.o.Seed, Block: m.Plan.Block()}); err == nil && r.High >= 1 {
			return ""
		}
	}
	return fmt.Sprintf("After fails more requests: %.2f %% before, %.2f %% after.", 100*float64(before)/float64(n), 100*float64(after)/float64(k))
}

// failedSums counts a side's failures.
func failedSums(p duel.Pair, which int) (counted, of float64) {
	bad, n := duel.Errors([]duel.Pair{p}, duel.Every, which)
	return float64(bad), float64(n)
}

// answerSums counts the seconds that a side took for its answers.
func answerSums(p duel.Pair, which int) (counted, of float64) {
	bad, n := duel.Errors([]duel.Pair{p}, duel.Every, which)
	return p.Took[which].Seconds(), float64(n - bad)
}

func (c *comparison) sums(m *duel.Measurement, count func(duel.Pair, int) (float64, float64)) []stats.Sums {
	all := make([]stats.Sums, len(m.Pairs))
	for i, p := range m.Pairs {
		s := &all[i]
		s.Before, s.BeforeRequests = count(p, 0)
		s.After, s.AfterRequests = count(p, 1)
	}
	return all
}

// metrics are the figures of the verdict, the one that it is decided by first.
func (c *comparison) metrics(m *duel.Measurement) []verdict.Metric {
	var out []verdict.Metric
	for _, name := range []string{"p50", "p95", "p99"} {
		r, err := c.ratio(m.Plan, m.Pairs, quantiles[name], 0.95)
		metric := verdict.Metric{Name: name, Unit: "ms", Met: true}
		if err == nil {
			metric.Before, metric.After = c.finite(r.Before), c.finite(r.After)
			metric.Ratio, metric.Low, metric.High, metric.MDE = verdict.Bounded(r.Ratio), verdict.Bounded(r.Low), verdict.Bounded(r.High), verdict.Bounded(r.MDE)
		} else {
			metric.Before, metric.After = c.finite(m.Whole[0].Quantile(quantiles[name])), c.finite(m.Whole[1].Quantile(quantiles[name]))
		}
		if name == c.o.Metric {
			metric.Target = fmt.Sprintf("≤ %s× before", verdict.Factor(c.o.Worse))
			metric.Met = c.decide(m) != stats.Worse
			out = slices.Insert(out, 0, metric)
			continue
		}
		out = append(out, metric)
	}
	before, n := duel.Errors(m.Pairs, duel.Every, 0)
	after, k := duel.Errors(m.Pairs, duel.Every, 1)
	out = append(out, verdict.Metric{
		Name: "errors", Unit: "%", Before: share(before, n), After: share(after, k), Target: "no more than before", Met: c.failingMore(m) == "",
	})
	throughput := verdict.Metric{Name: "throughput", Unit: "answers/s", Met: true}
	if r, err := stats.RatioOfSums(c.sums(m, answerSums), stats.Options{Seed: c.o.Seed, Block: m.Plan.Block()}); err == nil && r.Before > 0 && r.After > 0 {
		throughput.Before, throughput.After = verdict.Bounded(1/r.Before), verdict.Bounded(1/r.After)
		throughput.Ratio, throughput.Low, throughput.High, throughput.MDE = verdict.Bounded(r.Ratio), verdict.Bounded(r.Low), verdict.Bounded(r.High), verdict.Bounded(r.MDE)
	}
	out = append(out, throughput)
	if c.compared > 0 {
		out = append(out, verdict.Metric{
			Name: "other answers", Unit: "%", After: share(c.mismatches, c.compared), Target: fmt.Sprintf("≤ %.0f %%", 100*tolerated),
			Met: float64(c.mismatches) <= tolerated*float64(c.compared),
		})
	}
	return out
}

// share is n of all, in per cent.
func share(n, all int) float64 {
	if all == 0 {
		return 0
	}
	return 100 * float64(n) / float64(all)
}

// finite shows a failed request's latency as the time after which it failed.
func (c *comparison) finite(v float64) float64 { return duel.Finite(v, ms(c.o.Timeout)) }

func (c *comparison) millis(v float64) string { return verdict.Millis(c.finite(v)) }

// times tells a ratio with its interval: "8.9 times better (95 % interval 7.7 to
// 9.9)", or how many times worse.
func times(r stats.Ratio) string {
	if r.Ratio < 1 && r.Ratio > 0 {
		return fmt.Sprintf("%s times worse (95 %% interval %s to %s)", verdict.Factor(1/r.Ratio), verdict.Factor(1/r.High), verdict.Factor(1/r.Low))
	}
	return fmt.Sprintf("%s times better (95 %% interval %s to %s)", verdict.Factor(r.Ratio), verdict.Factor(r.Low), verdict.Factor(r.High))
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// Point is both sides' latency in ms over some neighbouring pairs.
type Point struct {
	At            float64 // seconds since the first
	P50, P95, P99 [2]float64
}

// How many requests a point of the charts should have, and how many points there
// are at the most.
const (
	pointRequests = 100
	mostPoints    = 120
)

// points are both sides' latencies over the run.
func points(m *duel.Measurement, timeout time.Duration) []Point {
	if len(m.Pairs) == 0 {
		return nil
	}
	began := m.Pairs[0].Began[0]
	if other := m.Pairs[0].Began[1]; other.Before(began) {
		began = other
	}
	group := max(1, int(math.Ceil(float64(len(m.Pairs))/mostPoints)))
	if each := m.Whole[0].Count() / len(m.Pairs); each > 0 {
		group = max(group, min(len(m.Pairs), (pointRequests+each-1)/each))
	}
	var out []Point
	for some := range slices.Chunk(m.Pairs, group) {
		p := Point{At: some[0].Began[0].Sub(began).Seconds()}
		var sides [2][]float64
		for _, pair := range duel.Latencies(some, duel.Every) {
			sides[0], sides[1] = append(sides[0], pair.Before...), append(sides[1], pair.After...)
		}
		for i, latencies := range sides {
			slices.Sort(latencies)
			at := func(q float64) float64 { return duel.Finite(stats.Quantile(latencies, q), ms(timeout)) }
			p.P50[i], p.P95[i], p.P99[i] = at(0.50), at(0.95), at(0.99)
		}
		if len(sides[0]) > 0 && len(sides[1]) > 0 {
			out = append(out, p)
		}
	}
	return out
}

// Step is the latency in ms that a share of all requests does not exceed.
type Step struct{ Share, Latency float64 }

// curves are both sides' latencies by share, finer towards the slowest.
func curves(m *duel.Measurement, timeout time.Duration) (out [2][]Step) {
	for i, r := range m.Whole {
		for beyond := 1.0; beyond*float64(r.Count()) >= 1; beyond /= math.Sqrt2 {
			q := 1 - beyond
			out[i] = append(out[i], Step{q, duel.Finite(r.Quantile(q), ms(timeout))})
		}
	}
	return out
}
