package grader

import (
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/p95lab/p95lab/challenges"
	"github.com/p95lab/p95lab/grader/load"
	"github.com/p95lab/p95lab/grader/workspace"
)

// Whatever a service does that may be built at all, its statements are counted:
// the same as an honest one's for the same requests.
func TestStatementsAreCountedAllTheSame(t *testing.T) {
	if testing.Short() {
		t.Skip("builds services")
	}
	c := challenge(t, "n-plus-one")
	mix, err := challenges.NewMix(c.Requests)
	if err != nil {
		t.Fatal(err)
	}
	starter, err := shared.builder.BuildOurs(t.Context(), c.Lab, nil)
	if err != nil {
		t.Fatal(err)
	}
	template, err := shared.template(t.Context(), starter)
	if err != nil {
		t.Fatal(err)
	}
	count := func(t *testing.T, binary workspace.Binary) (n uint64, shown string) {
		t.Helper()
		s, err := start(t.Context(), t.TempDir(), service{
			name: "after", launcher: shared.launcher(), binary: binary, trusted: starter, template: template,
			line: func(_, text string) { t.Log(text) },
		})
		if err != nil {
			t.Fatal(err)
		}
		defer s.stop()
		before, ok := s.counted.read()
		if !ok {
			t.Fatal("nobody counts")
		}
		rng := rand.New(rand.NewPCG(1, 1))
		for range 5 {
			if a := s.ask(t.Context(), mix.Draw(rng)); a.Err != nil || a.Status >= 400 {
				t.Fatalf("%d %s, %v", a.Status, a.Body, a.Err)
			}
		}
		after, ok := s.counted.read()
		if !ok || after <= before {
			t.Fatalf("%d statements before and %d after", before, after)
		}
		raw, err := load.Prepare(http.MethodGet, host, "/metrics", nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		return after - before, string(s.admin.Do(t.Context(), load.Prepared{Raw: raw, KeepBody: true}).Body)
	}
	honest, _ := count(t, starter)
	for _, name := range []string{"lies-in-counters", "serves-by-itself"} {
		t.Run(name, func(t *testing.T) {
			files, err := workspace.Read(filepath.Join("testdata", "statements", name), c.Lab)
			if err != nil {
				t.Fatal(err)
			}
			binary, err := shared.builder.Build(t.Context(), c.Lab, files)
			if err != nil {
				t.Fatal(err)
			}
			got, shown := count(t, binary)
			if got < honest {
				t.Errorf("%d statements were counted of %d", got, honest)
			}
			t.Logf("%d statements, honestly %d; /metrics says %.60q", got, honest, shown)
		})
	}
}
