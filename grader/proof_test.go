package grader

import (
	"testing"

	"github.com/p95lab/p95lab/challenges"
	"github.com/p95lab/p95lab/grader/verdict"
)

// Every challenge is honest: its starter misses, its solution and another fix
// pass, and each wrong fix fails where the challenge says it does.
func TestProofs(t *testing.T) {
	if testing.Short() {
		t.Skip("measures")
	}
	all, err := challenges.All()
	if err != nil {
		t.Fatal(err)
	}
	shared.usual = usualBudget / 2 // what misses a target misses it by far
	defer func() { shared.usual = usualBudget }()
	for _, c := range all {
		t.Run(c.Slug, func(t *testing.T) {
			err := shared.Prove(t.Context(), c, func(string) {}, func(p Proof) {
				v := p.Verdict
				t.Logf("%-28s %s at %s in %.1f s: %s", p.Name, v.Outcome, v.Gate, v.Seconds, v.Message)
				if !p.Holds {
					t.Errorf("%s: want %s: %s", p.Name, p.Want, p.Why)
				}
				if p.Name == "solution" && (v.Score < 50 || v.Score > 200) {
					t.Errorf("the solution scores %.0f against itself", v.Score)
				}
			})
			if err != nil {
				t.Fatalf("our own fault: %v", err)
			}
		})
	}
}

// A remark changes the binary and not the program: no difference may be found.
func TestARemarkMakesNoDifference(t *testing.T) {
	v, _ := grade(t, "missing-index", edited(t, "orders", "store.go", "// Store keeps orders.", "// Store keeps orders, as it always has."))
	if v.Outcome != verdict.NoDifference || v.Score != 0 {
		t.Errorf("%s with score %.0f", v.Outcome, v.Score)
	}
}
