package grader

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/p95lab/p95lab/challenges"
	"github.com/p95lab/p95lab/grader/duel"
	"github.com/p95lab/p95lab/grader/stats"
	"github.com/p95lab/p95lab/grader/verdict"
)

// judge turns a measurement into a verdict.
type judge struct {
	run         *run
	calibration calibration
	plan        duel.Plan
}

// quantiles are the metrics that are quantiles of latency.
var quantiles = map[string]float64{"p50": 0.50, "p95": 0.95, "p99": 0.99}

func (j judge) ratio(pairs []duel.Pair, of string, q float64) (stats.Ratio, error) {
	return j.ratioAt(0.95, pairs, of, q)
}

func (j judge) ratioAt(level float64, pairs []duel.Pair, of string, q float64) (stats.Ratio, error) {
	return stats.RatioOfQuantiles(duel.Latencies(pairs, j.class(of)), q, j.options(level))
}

// class is the number of a request's name, duel.Every for all requests.
func (j judge) class(of string) int {
	if of == "" {
		return duel.Every
	}
	return slices.Index(j.run.mix.Names(), of)
}

// primary is the challenge's first goal: what the score is about.
func (j judge) primary() (challenges.Target, float64) {
	for _, t := range j.run.job.Challenge.Targets {
		if q, ok := quantiles[t.Metric]; ok && t.Improve > 0 {
			return t, q
		}
	}
	return challenges.Target{Metric: "p95"}, 0.95
}

// certainty is the level of the interval by which a run is called different
// from the starter. At 95 % one run in twenty would be, of a change that changes
// nothing; learners run hundreds of times.
const certainty = 0.99

// decide says whether the goal's difference is one.
func (j judge) decide(pairs []duel.Pair) (stats.Decision, error) {
	t, q := j.primary()
	return stats.Differs(duel.Latencies(pairs, j.class(t.Of)), q, stats.DefaultBand, j.options(certainty))
}

func (j judge) options(level float64) stats.Options {
	return stats.Options{Level: level, Seed: j.run.seed, Block: j.plan.Block()}
}

func (j judge) goal(pairs []duel.Pair) (stats.Ratio, error) {
	t, q := j.primary()
	return j.ratio(pairs, t.Of, q)
}

// lookEvery is how many pairs lie between two questions whether it is enough.
const lookEvery = 5

// enough says whether the pairs so far decide every goal: known narrowly, or held
// by a margin. It never stops for significance, see stats.Enough. After the usual
// time only a goal that the ratio reaches, and the interval's worse end does not,
// is worth more pairs.
func (j judge) enough(pairs []duel.Pair) bool {
	usual := time.Duration(len(pairs))*2*j.plan.Slice >= j.run.usual
	if len(pairs)%lookEvery != 0 && !usual {
		return false
	}
	for _, t := range j.run.job.Challenge.Targets {
		q, ok := quantiles[t.Metric]
		if !ok || t.Improve <= 0 {
			continue
		}
		r, err := j.ratio(pairs, t.Of, q)
		if err != nil {
			return false
		}
		target := float64(t.Improve)
		open := r.Ratio >= target && r.Low < target
		if !stats.Enough(r, target, 0, 0) && (open || !usual) {
			return false
		}
	}
	return true
}

// verdict judges what was measured.
func (j judge) verdict(m *measurement) verdict.Verdict {
	r := j.run
	v := r.failed("", "")
	v.Load = j.summary(m)
	for _, note := range v.Load.Notes {
		r.line("grader", note)
	}
	goal, err := j.goal(m.Pairs)
	decision, undecided := j.decide(m.Pairs)
	if err != nil || undecided != nil || m.TooNoisy() {
		v.Outcome = verdict.TooNoisy
		v.Message = fmt.Sprintf("This machine is too busy now to tell: %d of %d pairs of slices had to be dropped.", m.Dropped(), m.Dropped()+len(m.Pairs))
		if errors.Is(err, stats.ErrTooFew) {
			v.Message = fmt.Sprintf("This machine is too busy now to tell: it carries %s requests a second, which are too few for the time of a run.", verdict.Number(m.Plan.Rate))
		}
		v.Next = "Close what else is running and run again. Nothing is scored."
		return v
	}
	v.Metrics = j.metrics(m)
	var missed []verdict.Metric
	for _, metric := range v.Metrics {
		if metric.Target != "" && !metric.Met {
			missed = append(missed, metric)
		}
	}
	t, _ := j.primary()
	what := name(t.Metric, t.Of)
	measured := upper(fmt.Sprintf("%s went from %s to %s, %s", what, millis(goal.Before), millis(goal.After), times(goal)))
	switch {
	case r.same:
		v.Outcome = verdict.Unchanged
		v.Message = fmt.Sprintf("These are the starter's own files: %s is %s at %s requests a second. That is what there is to beat.", what, millis(goal.Before), verdict.Number(m.Plan.Rate))
		v.Next = "Both lines are the same program, so what differs between them is noise. Find out where the time goes before you change anything."
	case len(missed) == 0:
		v.Outcome = verdict.Passed
		v.Message = measured + ". Every target is held."
		v.Next = "Read what the reference did, and what remains slow."
		v.Score = stats.Score(goal.Ratio, j.calibration.Reference)
	case decision == stats.NoDifference:
		v.Outcome = verdict.NoDifference
		v.Message = fmt.Sprintf("%s is %s before and %s after, and %s (95 %% interval of the ratio %s to %s).",
			upper(what), millis(goal.Before), millis(goal.After), doubt(goal), verdict.Factor(goal.Low), verdict.Factor(goal.High))
		v.Next = fmt.Sprintf("A change of less than %.0f %% could not be seen in this run. Look again at what each request costs.", 100*(max(goal.MDE, 1+stats.DefaultBand)-1))
	default:
		v.Message = j.miss(missed, measured, decision)
		v.Next = next(missed[0])
		if decision == stats.Better && missed[0].Name != "errors" {
			v.Score = stats.Score(goal.Ratio, j.calibration.Reference)
		}
	}
	return v
}

// miss says which target was missed, and by how much.
func (j judge) miss(missed []verdict.Metric, measured string, d stats.Decision) string {
	m := missed[0]
	if d == stats.Worse {
		return measured + "."
	}
	t, _ := j.primary()
	if m.Name == t.Metric && m.Of == t.Of {
		return fmt.Sprintf("%s. Better, not enough: the target is %s, held by the interval's worse end.", measured, m.Target)
	}
	return fmt.Sprintf("%s misses its target of %s: %s before, %s after.", upper(name(m.Name, m.Of)), m.Target, amount(m, m.Before), amount(m, m.After))
}

func next(m verdict.Metric) string {
	switch m.Name {
	case "errors":
		return "An error is never a fast answer. Look at the Output tab for what the service printed."
	case "queries":
		return "Count the statements that one request sends to the database."
	case "cpu":
		return "Take a CPU profile under load and begin with what is at its top."
	default:
		return "What does each request still wait for? Measure where the remaining time goes."
	}
}

// metrics lists the challenge's targets, those that were missed first, and then
// what else is worth seeing.
func (j judge) metrics(m *measurement) []verdict.Metric {
	var out []verdict.Metric
	seen := map[string]bool{}
	for _, t := range j.run.job.Challenge.Targets {
		out = append(out, j.target(m, t))
		seen[t.Metric+"/"+t.Of] = true
	}
	slices.SortStableFunc(out, func(a, b verdict.Metric) int {
		switch {
		case a.Met == b.Met:
			return 0
		case b.Met:
			return duel.Every
		default:
			return 1
		}
	})
	for _, extra := range []string{"p50", "p95", "p99", "errors", "queries", "cpu"} {
		if !seen[extra+"/"] && (extra != "queries" || m.queries[0] > 0) {
			out = append(out, j.target(m, challenges.Target{Metric: extra}))
		}
	}
	return out
}

func perRequest(cpu time.Duration, m *measurement, which int) float64 {
	var n int
	for _, p := range m.Pairs {
		n += len(p.Samples[which])
	}
	// What was dropped was processed too, at the same rate.
	if len(m.Pairs) > 0 {
		n += n * m.Dropped() / len(m.Pairs)
	}
	if n == 0 {
		return 0
	}
	return ms(cpu) / float64(n)
}

// target measures one target, or shows one figure.
func (j judge) target(m *measurement, t challenges.Target) verdict.Metric {
	out := verdict.Metric{Name: t.Metric, Of: t.Of, Met: true}
	switch t.Metric {
	case "errors":
		out.Unit = "%"
		out.Before, out.After = 100*j.errors(m, t.Of, 0), 100*j.errors(m, t.Of, 1)
		if t.Max != nil {
			out.Target, out.Met = "≤ "+t.Max.String(), out.After <= 100*t.Max.Value
		}
	case "queries":
		out.Unit = "per request"
		counted(t, m.queries[0], m.queries[1], &out)
		out.Met = out.Met && m.counted[1]
	case "cpu":
		out.Unit = "ms per request"
		counted(t, perRequest(m.cpu[0], m, 0), perRequest(m.cpu[1], m, 1), &out)
	default:
		j.quantile(m, t, &out)
	}
	return out
}

// counted measures a target that is counted for the whole load, not sampled: its
// ratio has no interval.
func counted(t challenges.Target, before, after float64, out *verdict.Metric) {
	out.Before, out.After = before, after
	if after > 0 {
		out.Ratio = verdict.Bounded(before / after)
		out.Low, out.High = out.Ratio, out.Ratio
	}
	switch {
	case t.Max != nil:
		out.Target, out.Met = "≤ "+t.Max.String(), after <= t.Max.Value
	case t.Improve > 0:
		out.Target, out.Met = "≥ "+t.Improve.String(), after > 0 && after*float64(t.Improve) <= before
	case t.Worsen > 0:
		out.Target, out.Met = "≤ "+t.Worsen.String()+" the starter", after <= before*float64(t.Worsen)
	}
}

// quantile measures a target that is a quantile of latency.
func (j judge) quantile(m *measurement, t challenges.Target, out *verdict.Metric) {
	out.Unit = "ms"
	q := quantiles[t.Metric]
	r, err := j.ratio(m.Pairs, t.Of, q)
	if err == nil {
		out.Before, out.After = finite(r.Before), finite(r.After)
		out.Ratio, out.Low, out.High, out.MDE = verdict.Bounded(r.Ratio), verdict.Bounded(r.Low), verdict.Bounded(r.High), verdict.Bounded(r.MDE)
	} else { // too few to compare; shown all the same
		all := duel.Latencies(m.Pairs, j.class(t.Of))
		if before, after := whole(all, 0), whole(all, 1); len(before) > 0 && len(after) > 0 {
			out.Before, out.After = finite(stats.Quantile(before, q)), finite(stats.Quantile(after, q))
		}
	}
	switch {
	case t.Improve > 0:
		// A gain must be proven: the worse end holds the target.
		out.Target, out.Met = "≥ "+t.Improve.String(), err == nil && r.Low >= float64(t.Improve)
	case t.Worsen > 0:
		// So must a harm: only when the better end is beyond the bound, at the
		// level of any claim that something differs.
		sure, err := j.ratioAt(certainty, m.Pairs, t.Of, q)
		out.Target, out.Met = "≤ "+t.Worsen.String()+" the starter", err != nil || sure.High >= 1/float64(t.Worsen)
	}
}

// errors is the share of requests that failed.
func (j judge) errors(m *measurement, of string, which int) float64 {
	bad, n := duel.Errors(m.Pairs, j.class(of), which)
	if n == 0 {
		return 0
	}
	return float64(bad) / float64(n)
}

// summary is the load and both sides' whole-run figures.
func (j judge) summary(m *measurement) *verdict.Summary {
	s := m.Summary(requestTimeout)
	for which, to := range []*verdict.Side{&s.Before, &s.After} {
		to.CPU = m.cpu[which].Seconds()
		to.MemoryMB = float64(m.memory[which]) / 1e6
		to.Queries = m.queries[which]
	}
	return s
}

// doubt says why a difference is not called one.
func doubt(r stats.Ratio) string {
	if r.Low <= 1 && r.High >= 1 {
		return "what lies between is noise"
	}
	return "that is too close to call"
}

// times tells a ratio with its interval: "8.9 times better (95 % interval 7.7 to
// 9.9)", or how many times worse.
func times(r stats.Ratio) string {
	if r.Ratio < 1 && r.Ratio > 0 {
		return fmt.Sprintf("%s times worse (95 %% interval %s to %s)", verdict.Factor(1/r.Ratio), verdict.Factor(1/r.High), verdict.Factor(1/r.Low))
	}
	return fmt.Sprintf("%s times better (95 %% interval %s to %s)", verdict.Factor(r.Ratio), verdict.Factor(r.Low), verdict.Factor(r.High))
}

// name is a metric as a sentence tells it: "the P95 of history".
func name(metric, of string) string {
	text := metric
	if _, ok := quantiles[metric]; ok {
		text = strings.ToUpper(metric)
	}
	if of != "" {
		text += " of " + of
	}
	return "the " + text
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func amount(m verdict.Metric, v float64) string {
	switch m.Unit {
	case "ms":
		return millis(v)
	case "%":
		return verdict.Number(v) + " %"
	default:
		return verdict.Number(v) + " " + m.Unit
	}
}

// millis tells a latency; of what failed, the time after which it did.
func millis(v float64) string { return verdict.Millis(finite(v)) }
