package grader

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/p95lab/p95lab/challenges"
	"github.com/p95lab/p95lab/grader/verdict"
)

// Proof is one of the four kinds of proof that a challenge is honest: the
// starter misses the target, the reference holds it, a second and different fix
// holds it too, and each wrong fix fails where the challenge says it does.
type Proof struct {
	Challenge string          `json:"challenge"`
	Name      string          `json:"name"` // starter, solution, also, wrong/<name>
	Want      string          `json:"want"`
	Holds     bool            `json:"holds"`
	Why       string          `json:"why,omitempty"` // what is otherwise, when it does not hold
	Verdict   verdict.Verdict `json:"verdict"`
}

// Prove runs all proofs of a challenge, one after the other, and reports each
// as it ends. An error is our own fault; a proof that does not hold is not one.
func (g *Grader) Prove(ctx context.Context, c challenges.Challenge, began func(name string), report func(Proof)) error {
	for _, p := range proofs(c) {
		files := map[string][]byte{}
		if p.folder != "" {
			var err error
			if files, err = c.Overlay(p.folder); err != nil {
				return fmt.Errorf("read %s: %w", p.folder, err)
			}
		}
		began(p.name)
		v, err := g.calm(ctx, Job{Challenge: c, Files: files})
		if err != nil {
			return fmt.Errorf("grade %s of %s: %w", p.name, c.Slug, err)
		}
		why := p.judge(v)
		report(Proof{Challenge: c.Slug, Name: p.name, Want: p.want, Holds: why == "", Why: why, Verdict: v})
	}
	return nil
}

// noisyTries is how often a run is made that the machine was too busy for.
const noisyTries = 3

// calm grades, again where the machine was too busy to tell: that says nothing
// of the challenge.
func (g *Grader) calm(ctx context.Context, job Job) (v verdict.Verdict, err error) {
	for range noisyTries {
		v, err = g.Grade(ctx, job, func(verdict.Event) {})
		if err != nil || v.Outcome != verdict.TooNoisy {
			break
		}
	}
	return v, err
}

type proof struct {
	name, folder, want string
	// judge says what is otherwise than wanted, "" if nothing is.
	judge func(verdict.Verdict) string
}

func proofs(c challenges.Challenge) []proof {
	list := []proof{
		{"starter", "", "misses a target", missesTarget},
		{"solution", "_solution", "passes", passes},
		{"also", "_also", "passes", passes},
	}
	for _, name := range slices.Sorted(maps.Keys(c.Wrong)) {
		list = append(list, proof{"wrong/" + name, "_wrong/" + name, "fails at " + c.Wrong[name].Gate, failsAs(c.Wrong[name])})
	}
	return list
}

func passes(v verdict.Verdict) string {
	if v.Outcome == verdict.Passed {
		return ""
	}
	return fmt.Sprintf("%s at %s: %s", v.Outcome, v.Gate, v.Message)
}

func missesTarget(v verdict.Verdict) string {
	if v.Outcome != verdict.Unchanged {
		return fmt.Sprintf("%s at %s: %s", v.Outcome, v.Gate, v.Message)
	}
	for _, m := range v.Metrics {
		if m.Target != "" && !m.Met {
			return ""
		}
	}
	return "the starter holds every target"
}

// failsAs holds a wrong fix to the gate that is declared for it, and to the
// target where one is named.
func failsAs(w challenges.Wrong) func(verdict.Verdict) string {
	return func(v verdict.Verdict) string {
		bad := v.Outcome == verdict.Failed || v.Outcome == verdict.NoDifference
		if !bad || string(v.Gate) != w.Gate {
			return fmt.Sprintf("%s at %s: %s", v.Outcome, v.Gate, v.Message)
		}
		if w.Target == "" {
			return ""
		}
		for _, m := range v.Metrics {
			if m.Target != "" && !m.Met && (challenges.Target{Metric: m.Name, Of: m.Of}).String() == w.Target {
				return ""
			}
		}
		return "it holds the target of " + w.Target
	}
}
