package grader

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/p95lab/p95lab/challenges"
	"github.com/p95lab/p95lab/grader/cache"
	"github.com/p95lab/p95lab/grader/check"
	"github.com/p95lab/p95lab/grader/duel"
	"github.com/p95lab/p95lab/grader/sandbox"
	"github.com/p95lab/p95lab/grader/verdict"
	"github.com/p95lab/p95lab/grader/workspace"
	"github.com/p95lab/p95lab/labs"
)

// loadBudget is the most time that the pairs of a run may take, both sides
// together, and usualBudget what they take unless a goal is still open then.
// checkBudget is for each check before the load.
const (
	loadBudget  = 18 * time.Second
	usualBudget = 12 * time.Second
	checkBudget = 300 * time.Millisecond
)

// run is one job on its way through the gates.
type run struct {
	*Grader
	job   Job
	mix   *challenges.Mix
	seed  uint64
	dir   string // gone after close
	close func()
	began time.Time
	same  bool // nothing was changed

	mu   sync.Mutex // emit is called from one goroutine at a time
	emit func(verdict.Event)
	gate verdict.Gate
	step time.Time // when the gate was entered
}

func (g *Grader) newRun(job Job, emit func(verdict.Event)) (*run, error) {
	mix, err := challenges.NewMix(job.Challenge.Requests)
	if err != nil {
		return nil, fmt.Errorf("read the challenge's requests: %w", err)
	}
	r := &run{Grader: g, job: job, mix: mix, seed: job.Seed, began: time.Now(), emit: emit}
	for r.seed == 0 {
		r.seed = rand.Uint64()
	}
	if r.same, err = unchanged(job); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(g.cache, 0o755); err != nil {
		return nil, fmt.Errorf("make the cache folder: %w", err)
	}
	g.swept()
	// What a service has left in it may be closed to its own user, too.
	if r.dir, r.close, err = cache.Temp(g.cache, running, sandbox.RemoveAll); err != nil {
		return nil, fmt.Errorf("make the run's folder: %w", err)
	}
	return r, nil
}

// rng is one stream of the run's seed; each use has its own, so that a check
// that asks once more does not move the arrivals.
func (r *run) rng(stream uint64) *rand.Rand { return rand.New(rand.NewPCG(r.seed, stream)) }

// The streams of a run's seed.
const (
	streamChecks uint64 = iota + 1
	streamLoad
	streamCalibration
	streamWitness
)

func (r *run) send(e verdict.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e.At = time.Since(r.began).Seconds()
	r.emit(e)
}

func (r *run) enter(g verdict.Gate, detail string) {
	if r.gate != g {
		r.gate, r.step = g, time.Now()
	}
	r.send(verdict.Event{Kind: "gate", Gate: &verdict.GateStep{Name: g, State: "running", Detail: detail}})
}

func (r *run) pass() {
	detail := fmt.Sprintf("%.1f s", time.Since(r.step).Seconds())
	r.send(verdict.Event{Kind: "gate", Gate: &verdict.GateStep{Name: r.gate, State: "passed", Detail: detail}})
}

func (r *run) line(from, text string) {
	r.send(verdict.Event{Kind: "log", Log: &verdict.LogLine{From: from, Text: strings.TrimRight(text, "\n")}})
}

// failed is a verdict with what every verdict has, at the gate that the run is in.
func (r *run) failed(message, next string) verdict.Verdict {
	return verdict.Verdict{
		Challenge: r.job.Challenge.Slug, Outcome: verdict.Failed, Gate: r.gate, Message: message, Next: next,
		Metrics: []verdict.Metric{}, Seed: r.seed, Machine: duel.Machine(),
	}
}

// end tells a verdict as the last event.
func (r *run) end(v verdict.Verdict) verdict.Verdict {
	v.Seconds = time.Since(r.began).Seconds()
	state := "failed"
	if v.Outcome == verdict.Passed {
		state = "passed"
	}
	if v.Gate != verdict.Compare || v.Outcome == verdict.Passed || v.Outcome == verdict.Failed {
		r.send(verdict.Event{Kind: "gate", Gate: &verdict.GateStep{Name: v.Gate, State: state}})
	} else {
		r.pass()
	}
	r.send(verdict.Event{Kind: "verdict", Verdict: &v})
	return v
}

// grade goes through the gates.
func (r *run) grade(ctx context.Context) (verdict.Verdict, error) {
	r.enter(verdict.Build, "")
	if v := r.notEditable(); v != nil {
		return r.end(*v), nil
	}
	starter, err := r.builder.BuildOurs(ctx, r.job.Challenge.Lab, nil)
	if err != nil {
		return verdict.Verdict{}, fmt.Errorf("build the starter: %w", err)
	}
	template, err := r.template(ctx, starter)
	if err != nil {
		return verdict.Verdict{}, err
	}
	// The starter comes up while the candidate is built.
	starting := begin(ctx, r.dir, service{name: "before", launcher: r.launcher(), binary: starter, trusted: starter, template: template, line: r.line})
	defer starting.stop()
	candidate, broken, err := r.build(ctx)
	if err != nil || broken != nil {
		return r.finish(broken, err)
	}
	r.pass()

	r.enter(verdict.Start, "")
	before, err := starting.wait()
	if err != nil {
		return verdict.Verdict{}, fmt.Errorf("start the starter: %w", err)
	}
	done, err := duel.TakeTurn(ctx, func() { r.enter(verdict.Start, "waiting: another run is being measured on this machine") })
	if err != nil {
		return verdict.Verdict{}, err
	}
	defer done()
	// Before the candidate is there: what the machine can do must not depend on
	// what the learner wrote.
	calibration, err := r.calibrate(ctx, starter, template)
	if err != nil {
		return verdict.Verdict{}, err
	}
	after, err := start(ctx, r.dir, service{name: "after", launcher: r.launcher(), binary: candidate, trusted: starter, template: template, line: r.line})
	var down *startError
	if errors.As(err, &down) {
		return r.end(r.fault(down)), nil
	}
	if err != nil {
		return verdict.Verdict{}, fmt.Errorf("start the candidate: %w", err)
	}
	defer after.stop()
	r.pass()

	r.enter(verdict.Check, "the same questions to both sides")
	if v, err := r.check(ctx, before, after); err != nil || v != nil {
		return r.finish(v, err)
	}
	r.pass()

	return r.load(ctx, calibration, before, after)
}

func (r *run) finish(v *verdict.Verdict, err error) (verdict.Verdict, error) {
	if err != nil {
		return verdict.Verdict{}, err
	}
	return r.end(*v), nil
}

// fault is the verdict on a service that fell over.
func (r *run) fault(e *startError) verdict.Verdict {
	v := r.failed(e.message, e.next)
	v.Log = e.log
	return v
}

// notEditable is the verdict on files that are not the learner's to change, nil
// if there are none.
func (r *run) notEditable() *verdict.Verdict {
	for _, name := range slices.Sorted(maps.Keys(r.job.Files)) {
		if !r.job.Challenge.Editable(name) && !r.isStarter(name) {
			v := r.failed(fmt.Sprintf("%s is not yours to change here.", name),
				"Undo the change to it. What may be changed: "+strings.Join(r.job.Challenge.Edit, ", ")+", and new .go files beside them.")
			return &v
		}
	}
	return nil
}

// build builds the candidate. A verdict says that it does not build.
func (r *run) build(ctx context.Context) (candidate workspace.Binary, failed *verdict.Verdict, err error) {
	candidate, err = r.builder.Build(ctx, r.job.Challenge.Lab, r.overlay())
	var broken *workspace.BuildError
	if errors.As(err, &broken) {
		v := r.failed("It does not build: "+broken.Error(), "Fix the errors that the editor marks.")
		for _, d := range broken.Diagnostics {
			v.Diagnostics = append(v.Diagnostics, verdict.Diagnostic(d))
		}
		v.Log = broken.Output
		return candidate, &v, nil
	}
	return candidate, nil, err
}

// isStarter tells whether a file that is not the learner's is as it was: a
// whole workspace may be handed in.
func (r *run) isStarter(name string) bool {
	files, err := labs.Files(r.job.Challenge.Lab)
	if err != nil {
		return false
	}
	was, ok := files[name]
	return ok && string(was) == string(r.job.Files[name])
}

// overlay is what differs from the starter; the same content then has the same
// name in the build cache, however it was handed in.
func (r *run) overlay() map[string][]byte {
	files := map[string][]byte{}
	for name, text := range r.job.Files {
		if !r.isStarter(name) {
			files[name] = text
		}
	}
	return files
}

// check compares answers before the load.
func (r *run) check(ctx context.Context, before, after *side) (*verdict.Verdict, error) {
	oracle := r.oracle(before, after)
	rng := r.rng(streamChecks)
	var ignore []string
	for _, c := range r.job.Challenge.Checks {
		var wrong *check.Mismatch
		var err error
		switch {
		case c.SameAnswers != nil:
			ignore = c.SameAnswers.Ignore
			wrong, err = oracle.SameAnswers(ctx, rng, *c.SameAnswers)
		case c.ReadYourWrites != nil:
			wrong, err = oracle.ReadYourWrites(ctx, rng, *c.ReadYourWrites, ignore)
		}
		if after.process.Ended() || (wrong != nil && wrong.Silent && after.dying()) {
			v := r.fault(after.fell("while its answers were checked"))
			return &v, nil
		}
		if err != nil {
			return nil, fmt.Errorf("check the answers: %w", err)
		}
		if wrong != nil {
			v := r.mismatch(wrong)
			return &v, nil
		}
	}
	return nil, nil
}

func (r *run) oracle(before, after *side) *check.Oracle {
	return &check.Oracle{Mix: r.mix, Before: before.ask, After: after.ask, Budget: checkBudget}
}

// mismatch is the verdict on a wrong answer.
func (r *run) mismatch(m *check.Mismatch) verdict.Verdict {
	where := ""
	if m.Where != "" {
		where = " at " + m.Where
	}
	difference := fmt.Sprintf("%s%s: want %s, got %s.", m.Request, where, m.Want, m.Got)
	var message, next string
	switch m.When {
	case check.AfterWrite:
		message = "After a write a wrong answer to " + difference
		next = "Something answers from before the write. Ask what is kept, and who tells it of the change."
	case check.UnderLoad:
		message = "Under load a wrong answer to " + difference
		next = "It was right when asked alone. Look for what two requests at once share."
	case check.AfterLoad:
		message = "After the load a wrong answer to " + difference
		next = "Writes were lost, doubled or mixed up while many came at once."
	default:
		message = "A wrong answer to " + difference
		next = "The starter's answers are right. Send the same request to both and compare."
	}
	v := r.failed(message, next)
	v.Mismatch = &m.Mismatch
	return v
}

// rules is how answers are compared under load; nil where a challenge does not
// ask for it.
func (r *run) rules() (*check.Rules, *challenges.SameAnswers) {
	for _, c := range r.job.Challenge.Checks {
		if c.SameAnswers != nil {
			return &check.Rules{Ignore: c.SameAnswers.Ignore}, c.SameAnswers
		}
	}
	return nil, nil
}

// load measures and judges.
func (r *run) load(ctx context.Context, cal calibration, before, after *side) (verdict.Verdict, error) {
	r.enter(verdict.Load, "")
	p := duel.NewPlan(cal.Capacity*r.at(), loadBudget, 0)
	rules, same := r.rules()
	j := judge{run: r, calibration: cal, plan: p}
	picture := duel.NewLive(requestTimeout)
	c := &contest{
		plan: p, sides: [2]*side{before, after}, mix: r.mix, rng: r.rng(streamLoad), live: picture,
		touched: check.NewTouched(r.mix), rules: rules, enough: j.enough,
	}
	if same != nil {
		c.settled = check.Rules{Ignore: slices.Concat(same.Ignore, same.Unstable), Unordered: true}
	}
	r.send(verdict.Event{Kind: "plan", Plan: &verdict.Plan{
		Seconds: p.Usual().Seconds(), Rate: p.Rate, SliceMS: ms(p.Slice), EdgesMS: duel.Edges(),
	}})
	var m *measurement
	var err error
	picture.Watch(func(t verdict.Tick) { r.send(verdict.Event{Kind: "tick", Tick: &t}) }, func() { m, err = c.run(ctx) })
	if f, ok := isFallen(err); ok {
		if f.which == 0 {
			return verdict.Verdict{}, fmt.Errorf("the starter failed under its own load: %w", f)
		}
		return r.end(r.fault(f.why)), nil
	}
	if err != nil {
		return verdict.Verdict{}, err
	}
	if m.mismatch == nil && same != nil {
		if m.mismatch, err = r.audit(ctx, c, m, *same); err != nil {
			return verdict.Verdict{}, err
		}
	}
	if m.mismatch != nil {
		return r.end(r.mismatch(m.mismatch)), nil
	}
	r.pass()
	r.enter(verdict.Compare, "")
	v := j.verdict(m)
	if v.Evidence, err = r.witness(ctx, c, m); err != nil {
		return verdict.Verdict{}, err
	}
	return r.end(v), nil
}

// at is the share of the starter's capacity at which this challenge loads.
func (r *run) at() float64 {
	for _, p := range r.job.Challenge.Phases {
		if p.Steady != nil {
			return p.Steady.At
		}
	}
	return 0.6
}

// audit asks again for what the load has written to.
func (r *run) audit(ctx context.Context, c *contest, m *measurement, same challenges.SameAnswers) (*check.Mismatch, error) {
	reads := slices.DeleteFunc(m.audit, func(q challenges.Drawn) bool { return c.touched.Count(q) > auditWrites })
	wrong, err := r.oracle(c.sides[0], c.sides[1]).Audit(ctx, reads, same)
	if err != nil {
		return nil, fmt.Errorf("audit the data after the load: %w", err)
	}
	return wrong, nil
}
