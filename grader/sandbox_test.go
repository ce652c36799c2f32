package grader

import (
	"testing"

	"github.com/p95lab/p95lab/grader/check"
	"github.com/p95lab/p95lab/grader/duel"
	"github.com/p95lab/p95lab/grader/sandbox"
	"github.com/p95lab/p95lab/grader/stats"
)

// The sandbox is no part of what is measured: a service within it and the same
// one outside of it, on the same processors, are not told apart.
func TestSandboxMakesNoDifference(t *testing.T) {
	if testing.Short() {
		t.Skip("measures")
	}
	if !sandbox.New(t.Context()).Isolated() {
		t.Skip("this machine does not confine services")
	}
	for range noisyTries {
		decision, ratio, noisy := sandboxed(t)
		t.Logf("in the sandbox %.3f times better (%.3f to %.3f): %s", ratio.Ratio, ratio.Low, ratio.High, decision)
		if noisy {
			continue
		}
		if decision != stats.NoDifference {
			t.Errorf("the sandbox makes it %s", decision)
		}
		return
	}
	t.Error("this machine is too busy to tell")
}

// sandboxed measures a starter outside of the sandbox against itself in it.
func sandboxed(t *testing.T) (stats.Decision, stats.Ratio, bool) {
	t.Helper()
	ctx := t.Context()
	r, err := shared.newRun(Job{Challenge: challenge(t, "missing-index")}, (&events{}).add)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	starter, err := r.builder.BuildOurs(ctx, r.job.Challenge.Lab, nil)
	if err != nil {
		t.Fatal(err)
	}
	template, err := r.template(ctx, starter)
	if err != nil {
		t.Fatal(err)
	}
	done, err := duel.TakeTurn(ctx, func() {})
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	calibration, err := r.calibrate(ctx, starter, template)
	if err != nil {
		t.Fatal(err)
	}
	c := &contest{
		plan: duel.NewPlan(calibration.Capacity*r.at(), usualBudget, 0), mix: r.mix, rng: r.rng(streamLoad),
		live: duel.NewLive(requestTimeout), touched: check.NewTouched(r.mix),
	}
	for i, launcher := range []*sandbox.Launcher{sandbox.Open(), r.launcher()} {
		name := [...]string{"before", "after"}[i]
		c.sides[i], err = start(ctx, r.dir, service{name: name, launcher: launcher, binary: starter, trusted: starter, template: template, line: r.line})
		if err != nil {
			t.Fatal(err)
		}
		defer c.sides[i].stop()
	}
	m, err := c.run(ctx)
	if err != nil {
		t.Fatal(err)
	}
	j := judge{run: r, calibration: calibration, plan: c.plan}
	decision, err := j.decide(m.Pairs)
	if err != nil {
		return decision, stats.Ratio{}, true
	}
	ratio, err := j.goal(m.Pairs)
	if err != nil {
		t.Fatal(err)
	}
	return decision, ratio, m.TooNoisy()
}
