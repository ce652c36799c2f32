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
		v, err := g.Grade(ctx, Job{Challenge: c, Files: files}, func(verdict.Event) {})
		if err != nil {
			return fmt.Errorf("grade %s of %s: %w", p.name, c.Slug, err)
		}
		why := p.judge(v)
		report(Proof{Challenge: c.Slug, Name: p.name, Want: p.want, Holds: why == "", Why: why, Verdict: v})
	}
	return nil
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
		gate := verdict.Gate(c.Wrong[name].Gate)
		list = append(list, proof{"wrong/" + name, "_wrong/" + name, "fails at " + string(gate), failsAt(gate)})
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

func failsAt(gate verdict.Gate) func(verdict.Verdict) string {
	return func(v verdict.Verdict) string {
		bad := v.Outcome == verdict.Failed || v.Outcome == verdict.NoDifference
		if bad && v.Gate == gate {
			return ""
		}
		return fmt.Sprintf("%s at %s: %s", v.Outcome, v.Gate, v.Message)
	}
}
