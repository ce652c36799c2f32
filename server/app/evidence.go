package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/p95lab/p95lab/grader/evidence"
	"github.com/p95lab/p95lab/server/wire"
)

// Evidence keeps what was taken of a run beside its verdict. Of old runs it may
// be gone.
type Evidence interface {
	// KeepEvidence replaces what is kept of a run.
	KeepEvidence(ctx context.Context, run string, all []evidence.Artefact) error
	// Artefact returns one, ErrNotKept where there is none.
	Artefact(ctx context.Context, run, name string) ([]byte, error)
}

// Profile returns a side's profile of a run as it came, and the run.
func (l *Lab) Profile(ctx context.Context, id, side, name string) (wire.Run, []byte, error) {
	run, err := l.Run(ctx, id)
	if err != nil {
		return wire.Run{}, nil, err
	}
	body, err := l.Evidence.Artefact(ctx, id, evidence.Name(side, name))
	if errors.Is(err, ErrNotKept) {
		err = fail(NotFound, fmt.Sprintf("There is no %s profile of the side %q of run %d. Profiles are kept of the newest runs of a challenge.", name, side, run.Number))
	}
	return run, body, err
}

// Graph folds a view of a run's profiles into one tree. With against, another
// run's candidate stands in the place of the starter.
func (l *Lab) Graph(ctx context.Context, id, view, against string) (evidence.Graph, error) {
	v, err := evidence.ViewOf(view)
	if err != nil {
		return evidence.Graph{}, fail(NotFound, "There is no such view: "+err.Error()+".")
	}
	run, after, err := l.Profile(ctx, id, "after", v.Profile)
	if err != nil {
		return evidence.Graph{}, err
	}
	reference, side := run, "before"
	if against != "" {
		if reference, err = l.Run(ctx, against); err != nil {
			return evidence.Graph{}, err
		}
		side = "after"
	}
	_, before, err := l.Profile(ctx, reference.ID, side, v.Profile)
	if err != nil && !known(err, NotFound) { // one side may have kept silent
		return evidence.Graph{}, err
	}
	g, err := evidence.Fold(v, evidence.Sides{Before: before, After: after})
	if err != nil {
		return evidence.Graph{}, fail(Invalid, "The service told a profile that cannot be read: "+err.Error()+".")
	}
	g.After.Requests = requests(run, v.Profile, "after")
	g.Before.Requests = requests(reference, v.Profile, side)
	return g, nil
}

// requests is how many a side answered while a profile of it was taken.
func requests(run wire.Run, profile, side string) int {
	if run.Verdict == nil || run.Verdict.Evidence == nil {
		return 0
	}
	for _, p := range run.Verdict.Evidence.Profiles {
		switch {
		case p.Name != profile:
		case side == "before":
			return p.Before.Requests
		default:
			return p.After.Requests
		}
	}
	return 0
}
