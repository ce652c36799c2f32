package app

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/p95lab/p95lab/challenges"
	"github.com/p95lab/p95lab/labs"
	"github.com/p95lab/p95lab/server/wire"
)

// Diagnosis is the question of a challenge, with its answer once it was given.
func (l *Lab) Diagnosis(ctx context.Context, slug string) (wire.Diagnosis, error) {
	c, err := l.Challenge(slug)
	if err != nil {
		return wire.Diagnosis{}, err
	}
	answered, err := l.Notes.Answered(ctx, slug)
	if err != nil {
		return wire.Diagnosis{}, err
	}
	return diagnosis(c, answered), nil
}

// Diagnose answers the question; the first answer counts.
func (l *Lab) Diagnose(ctx context.Context, slug string, answer int) (wire.Diagnosis, error) {
	c, err := l.Challenge(slug)
	if err != nil {
		return wire.Diagnosis{}, err
	}
	if answer < 0 || answer >= len(c.Diagnosis.Options) {
		return wire.Diagnosis{}, fail(Invalid, fmt.Sprintf("answer must be 0 to %d.", len(c.Diagnosis.Options)-1))
	}
	kept, err := l.Notes.Answer(ctx, slug, answer)
	if err != nil {
		return wire.Diagnosis{}, err
	}
	return diagnosis(c, &kept), nil
}

func diagnosis(c challenges.Challenge, answered *int) wire.Diagnosis {
	d := wire.Diagnosis{Question: c.Diagnosis.Question, Options: c.Diagnosis.Options, Answered: answered}
	if answered != nil {
		correct, answer := *answered == c.Diagnosis.Answer, c.Diagnosis.Answer
		d.Correct, d.Answer, d.Why = &correct, &answer, c.Diagnosis.Why
	}
	return d
}

// Hints returns the hints that were opened, and how many there are.
func (l *Lab) Hints(ctx context.Context, slug string) (opened []wire.Hint, count int, err error) {
	c, err := l.Challenge(slug)
	if err != nil {
		return nil, 0, err
	}
	n, err := l.Notes.HintsOpened(ctx, slug)
	if err != nil {
		return nil, 0, err
	}
	opened = []wire.Hint{}
	for _, h := range c.Hints[:min(n, len(c.Hints))] {
		opened = append(opened, wire.Hint{Title: h.Title, HTML: l.Markdown(h.Body)})
	}
	return opened, len(c.Hints), nil
}

// OpenHint opens hint n, from 1; they open in order.
func (l *Lab) OpenHint(ctx context.Context, slug string, n int) (wire.Hint, error) {
	c, err := l.Challenge(slug)
	if err != nil {
		return wire.Hint{}, err
	}
	if n < 1 || n > len(c.Hints) {
		return wire.Hint{}, fail(NotFound, fmt.Sprintf("There are %d hints.", len(c.Hints)))
	}
	opened, err := l.Notes.HintsOpened(ctx, slug)
	if err != nil {
		return wire.Hint{}, err
	}
	if n > opened+1 {
		return wire.Hint{}, fail(Forbidden, fmt.Sprintf("Open hint %d first.", opened+1))
	}
	if err := l.Notes.OpenHints(ctx, slug, n); err != nil {
		return wire.Hint{}, err
	}
	return wire.Hint{Title: c.Hints[n-1].Title, HTML: l.Markdown(c.Hints[n-1].Body)}, nil
}

// Solution shows the reference once a run has ended.
func (l *Lab) Solution(ctx context.Context, slug string) (wire.Solution, error) {
	c, err := l.Challenge(slug)
	if err != nil {
		return wire.Solution{}, err
	}
	runs, err := l.Runs.Runs(ctx, slug)
	if err != nil {
		return wire.Solution{}, err
	}
	if !slices.ContainsFunc(runs, func(r wire.RunInfo) bool { return r.State == wire.Done }) {
		return wire.Solution{}, fail(Forbidden, "The solution opens once a run has ended.")
	}
	s := wire.Solution{HTML: l.Markdown(c.Solved)}
	if s.Files, err = solutionFiles(c, "_solution"); err != nil {
		return wire.Solution{}, err
	}
	s.Also, err = solutionFiles(c, "_also")
	return s, err
}

func solutionFiles(c challenges.Challenge, folder string) ([]wire.SolutionFile, error) {
	overlay, err := c.Overlay(folder)
	if err != nil {
		return nil, fmt.Errorf("read %s of %s: %w", folder, c.Slug, err)
	}
	starter, err := labs.Files(c.Lab)
	if err != nil {
		return nil, fmt.Errorf("read the starter of %s: %w", c.Slug, err)
	}
	var files []wire.SolutionFile
	for _, name := range slices.Sorted(maps.Keys(overlay)) {
		files = append(files, wire.SolutionFile{Path: name, Starter: string(starter[name]), Text: string(overlay[name])})
	}
	return files, nil
}
