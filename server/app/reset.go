package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/p95lab/p95lab/server/wire"
)

// Reset makes the workspace what it was at the start, in a run, or in a draft
// that an earlier reset kept; or only one file of it. The state before is kept.
func (l *Lab) Reset(ctx context.Context, slug, to, only string) (wire.Workspace, error) {
	c, err := l.Challenge(slug)
	if err != nil {
		return wire.Workspace{}, err
	}
	if only != "" && !c.Editable(only) {
		return wire.Workspace{}, fail(Forbidden, fmt.Sprintf("%s is not yours to change in this challenge.", only))
	}
	files, err := l.state(ctx, slug, to)
	if err != nil {
		return wire.Workspace{}, err
	}
	undo := ""
	// One that cannot be read cannot be kept; it is still on disk until replaced.
	if before, _, err := l.Workspaces.Snapshot(c); err == nil {
		if undo, err = l.Drafts.KeepDraft(ctx, slug, before); err != nil {
			return wire.Workspace{}, fmt.Errorf("keep the state before: %w", err)
		}
	}
	if err := l.Workspaces.replace(c, files, only); err != nil {
		return wire.Workspace{}, err
	}
	view, err := l.Workspaces.View(c)
	view.Undo = undo
	return view, err
}

// state is what a reset goes back to.
func (l *Lab) state(ctx context.Context, slug, to string) (map[string]string, error) {
	if to == "starter" {
		return nil, nil
	}
	run, err := l.Runs.Run(ctx, to)
	if err == nil && run.Challenge == slug {
		return run.Files, nil
	}
	if err != nil && !errors.Is(err, ErrNotKept) {
		return nil, err
	}
	files, err := l.Drafts.Draft(ctx, slug, to)
	if errors.Is(err, ErrNotKept) {
		return nil, fail(NotFound, `Reset to "starter", to a run of this challenge, or to what an earlier reset returned as undo.`)
	}
	return files, err
}
