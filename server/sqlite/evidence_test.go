package sqlite

import (
	"errors"
	"testing"

	"github.com/p95lab/p95lab/grader/evidence"
	"github.com/p95lab/p95lab/server/app"
)

var _ app.Evidence = (*Store)(nil)

// Evidence is kept of the newest runs of each challenge, and an attempt's takes
// the place of an earlier one's.
func TestEvidenceOfTheNewestRuns(t *testing.T) {
	s := fresh(t)
	first := create(t, s, "missing-index")
	other := create(t, s, "n-plus-one")
	for _, run := range []string{first.ID, other.ID} {
		for _, body := range []string{"of an attempt that was broken off", run} {
			if err := s.KeepEvidence(t.Context(), run, []evidence.Artefact{{Name: "after/cpu", Body: []byte(body)}}); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := s.Artefact(t.Context(), run, "after/cpu"); err != nil || string(got) != run {
			t.Errorf("kept is %q, %v", got, err)
		}
	}
	for range maxEvidence {
		run := create(t, s, "missing-index").ID
		if err := s.KeepEvidence(t.Context(), run, []evidence.Artefact{{Name: "after/cpu", Body: []byte("x")}}); err != nil {
			t.Fatal(err)
		}
	}
	for run, want := range map[string]error{first.ID: app.ErrNotKept, other.ID: nil, "nobody's": app.ErrNotKept} {
		if _, err := s.Artefact(t.Context(), run, "after/cpu"); !errors.Is(err, want) {
			t.Errorf("of run %s: %v, want %v", run, err, want)
		}
	}
	if err := s.KeepEvidence(t.Context(), "nobody's", []evidence.Artefact{{Name: "after/cpu"}}); err == nil {
		t.Error("evidence of no run is kept")
	}
}
