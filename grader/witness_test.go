package grader

import (
	"slices"
	"strings"
	"testing"

	"github.com/p95lab/p95lab/grader/evidence"
	"github.com/p95lab/p95lab/grader/verdict"
)

// witnessed grades a challenge's solution and returns what was taken of it.
func witnessed(t *testing.T, slug string, files map[string][]byte) (verdict.Verdict, map[string][]byte) {
	t.Helper()
	if testing.Short() {
		t.Skip("measures")
	}
	kept := map[string][]byte{}
	job := Job{Challenge: challenge(t, slug), Files: files, Keep: func(all []evidence.Artefact) error {
		for _, a := range all {
			kept[a.Name] = a.Body
		}
		return nil
	}}
	var told events
	for try := 1; ; try++ {
		v, err := shared.Grade(t.Context(), job, told.add)
		if err != nil {
			t.Fatalf("our own fault: %v", err)
		}
		t.Logf("%s at %s in %.1f s, %.1f s of it for evidence: %s", v.Outcome, v.Gate, v.Seconds, told.since("taking profiles"), v.Message)
		if v.Outcome != verdict.TooNoisy || try == noisyTries {
			return v, kept
		}
	}
}

// since is how long before the last event a gate's detail was told, in seconds.
func (e *events) since(detail string) (seconds float64) {
	for _, ev := range e.all {
		if ev.Gate != nil && strings.HasPrefix(ev.Gate.Detail, detail) {
			seconds = e.all[len(e.all)-1].At - ev.At
		}
	}
	return seconds
}

// The fault of missing-index is the most prominent thing in each instrument on
// the starter, and gone on the solution.
func TestEvidenceShowsTheFault(t *testing.T) {
	c := challenge(t, "missing-index")
	files, err := c.Overlay("_solution")
	if err != nil {
		t.Fatal(err)
	}
	v, kept := witnessed(t, "missing-index", files)
	e := v.Evidence
	if e == nil {
		t.Fatalf("there is none: %+v", v)
	}
	for _, note := range e.Notes {
		t.Errorf("noted: %s", note)
	}

	// The dearest statement, and its plan.
	dearest := e.Statements[0]
	if !strings.Contains(dearest.SQL, "FROM orders WHERE customer_id = ?") || dearest.Before == nil || dearest.After == nil {
		t.Fatalf("the dearest statement is %+v", dearest)
	}
	plan := func(x *verdict.Executed) (text string) {
		for _, s := range x.Plan {
			text += s.Detail + "\n"
		}
		return text
	}
	if got := plan(dearest.Before); !strings.Contains(got, "SCAN orders") || dearest.Before.Plan[0].Rows < 100_000 {
		t.Errorf("the starter's plan is %q", got)
	}
	if got := plan(dearest.After); strings.Contains(got, "SCAN") || !strings.Contains(got, "SEARCH orders USING INDEX") {
		t.Errorf("the solution's plan is %q", got)
	}
	if dearest.Before.TotalMS < 4*dearest.After.TotalMS || dearest.Before.Calls < 0.5 || dearest.Before.Calls > 1 || dearest.Before.Rows < 5 {
		t.Errorf("it costs %+v and %+v", dearest.Before, dearest.After)
	}

	// The hottest frames belong to the database, far more a request than after.
	g, err := evidence.Fold(evidence.Views[0], evidence.Sides{Before: kept["before/cpu"], After: kept["after/cpu"]})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(g.Table, func(r evidence.Row) bool { return strings.HasSuffix(g.Functions[r.Function], "_sqlite3VdbeExec") })
	if i < 0 || float64(g.Table[i].Before) < 0.6*float64(g.Before.Total) {
		t.Errorf("the starter does not spend its time in the database: %+v of %d", g.Table, g.Before.Total)
	}
	if !slices.ContainsFunc(g.Lines, func(l evidence.Line) bool {
		return l.File == "store.go" && float64(l.Before) > 0.6*float64(g.Before.Total)
	}) {
		t.Errorf("no line of store.go holds the processor: %+v", g.Lines)
	}
	for _, p := range e.Profiles {
		if p.Before.Bytes == 0 || p.After.Bytes == 0 || len(kept["after/"+p.Name]) != p.After.Bytes {
			t.Errorf("of %s are kept %+v", p.Name, p)
		}
	}

	// The counters, of which the kernel's do not lean on the service's word.
	for name, from := range map[string]verdict.Source{"cpu": verdict.Kernel, "memory": verdict.Kernel, "queries": verdict.Kit, "allocated": verdict.Service} {
		if !slices.ContainsFunc(e.Counters, func(c verdict.Counter) bool { return c.Name == name && c.From == from && c.Before > 0 && c.After > 0 }) {
			t.Errorf("%s is not told by %s: %+v", name, from, e.Counters)
		}
	}
	if len(e.Endpoints) != 2 || e.Endpoints[0].Name != "history" || e.Endpoints[0].After.Bytes < 100 || e.Endpoints[0].Before.P95 < e.Endpoints[0].After.P95 {
		t.Errorf("the endpoints are %+v", e.Endpoints)
	}
}
