// Package grader proves a fix: it builds starter and candidate, starts them,
// compares their answers, loads them in interleaved slices and says what the
// difference is. It knows challenges and labs; it must not know who asked, where
// submissions are kept or how a verdict is shown.
package grader

import (
	"context"
	"errors"

	"github.com/p95lab/p95lab/challenges"
	"github.com/p95lab/p95lab/grader/verdict"
)

// Job is one run to do.
type Job struct {
	Challenge challenges.Challenge
	// Files are laid over the starter: paths relative to the service's folder,
	// slash-separated. A starter's file that is absent stays the starter's.
	Files map[string][]byte
	// Seed fixes requests and arrivals; 0 draws one.
	Seed uint64
	// Cache is the folder for builds, data templates and calibration. It may be
	// shared by any number of runs and deleted between them.
	Cache string
}

// Grade runs a job through the gates and returns its verdict. emit is called
// from one goroutine at a time with events whose Seq is not set; it must not
// block for long. What the learner's code does wrong is a verdict; an error is
// our own fault, or ctx's end, and is never scored.
func Grade(ctx context.Context, job Job, emit func(verdict.Event)) (verdict.Verdict, error) {
	return verdict.Verdict{}, errors.New("grade: not built yet")
}
