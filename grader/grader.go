// Package grader proves a fix: it builds starter and candidate, starts them,
// compares their answers, loads them in interleaved slices and says what the
// difference is. It knows challenges and labs; it must not know who asked, where
// submissions are kept or how a verdict is shown.
package grader

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/p95lab/p95lab/challenges"
	"github.com/p95lab/p95lab/grader/backing"
	"github.com/p95lab/p95lab/grader/cache"
	"github.com/p95lab/p95lab/grader/duel"
	"github.com/p95lab/p95lab/grader/evidence"
	"github.com/p95lab/p95lab/grader/sandbox"
	"github.com/p95lab/p95lab/grader/verdict"
	"github.com/p95lab/p95lab/grader/workspace"
	"github.com/p95lab/p95lab/labs"
)

// Grader grades jobs, one at a time or several. What it keeps between them
// (builds, data templates, calibration) is in its cache folder, which may be
// deleted whenever no run is in progress.
type Grader struct {
	cache     string
	builder   *workspace.Builder
	templates *backing.Templates
	// launcher tries this machine out when it is first needed.
	launcher func() *sandbox.Launcher
	// swept removes, once, what graders over this cache have left that were killed.
	// What cannot be removed takes room and does no other harm; the next grader
	// tries again.
	swept func()

	// usual is how long the pairs of a run last that has nothing left to decide;
	// usualBudget but in tests that want no figures.
	usual time.Duration

	mu   sync.Mutex // one calibration at a time
	idle idle
}

// New returns a grader that keeps its cache in a folder, which need not exist.
//
// On Linux as root it raises the scheduler's weight of this process's session.
func New(folder string) *Grader {
	duel.Weigh()
	launcher := sync.OnceValue(func() *sandbox.Launcher { return sandbox.New(context.Background()) })
	g := &Grader{
		cache:     folder,
		builder:   workspace.NewBuilder(filepath.Join(folder, "builds"), launcher),
		templates: backing.NewTemplates(filepath.Join(folder, "templates")),
		launcher:  launcher,
		usual:     usualBudget,
	}
	g.swept = sync.OnceFunc(func() {
		_ = errors.Join(cache.Sweep(folder, running, sandbox.RemoveAll), g.builder.Sweep(), g.templates.Sweep())
	})
	return g
}

// running is how the names of the folders of runs begin.
const running = "run-"

// Require refuses unless this machine confines strangers' code, tried with the
// launcher that runs all of it.
func (g *Grader) Require() error { return g.launcher().Require() }

// Sandbox tells what this machine confines services with.
func (g *Grader) Sandbox() sandbox.Report { return g.launcher().Report() }

// GoVersion is the version of the go command that builds, such as "go1.26.8".
func (g *Grader) GoVersion(ctx context.Context) (string, error) { return g.builder.GoVersion(ctx) }

// Job is one run to do.
type Job struct {
	Challenge challenges.Challenge
	// Files are laid over the starter: paths relative to the service's folder,
	// slash-separated. A starter's file that is absent stays the starter's.
	Files map[string][]byte
	// Seed fixes requests and arrivals; 0 draws one.
	Seed uint64
	// Keep is given the profiles of both sides, once, before the verdict is told;
	// nil takes none. They are taken after all that is scored.
	Keep func([]evidence.Artefact) error
}

// Grade runs a job through the gates and returns its verdict. emit is called
// from one goroutine at a time with events whose Seq is not set; it must not
// block for long. What the learner's code does wrong is a verdict; an error is
// our own fault, or ctx's end, and is never scored.
func (g *Grader) Grade(ctx context.Context, job Job, emit func(verdict.Event)) (verdict.Verdict, error) {
	defer g.idle.begin()()
	r, err := g.newRun(job, emit)
	if err != nil {
		return verdict.Verdict{}, err
	}
	defer r.close()
	v, err := r.grade(ctx)
	if err != nil {
		return verdict.Verdict{}, err
	}
	return v, nil
}

// Prepare builds what every run of a challenge needs and this machine has not
// got yet: the starter, the reference, the data. A run does the same by itself;
// this does it before anyone waits. It lets runs pass before each step, and does
// none while anyone measures.
func (g *Grader) Prepare(ctx context.Context, c challenges.Challenge) error {
	g.swept()
	var starter workspace.Binary
	steps := []func() error{
		func() (err error) {
			if starter, err = g.builder.BuildOurs(ctx, c.Lab, nil); err != nil {
				return fmt.Errorf("build %s: %w", c.Lab, err)
			}
			return nil
		},
		func() error { _, err := g.template(ctx, starter); return err },
		func() error { _, err := g.reference(ctx, c); return err },
	}
	for _, step := range steps {
		if err := g.idle.wait(ctx); err != nil {
			return err
		}
		done, err := duel.TakeTurn(ctx, func() {})
		if err != nil {
			return err
		}
		err = step()
		done()
		if err != nil {
			return err
		}
	}
	return nil
}

func (g *Grader) reference(ctx context.Context, c challenges.Challenge) (workspace.Binary, error) {
	files, err := c.Overlay("_solution")
	if err != nil {
		return workspace.Binary{}, fmt.Errorf("read the reference solution: %w", err)
	}
	b, err := g.builder.BuildOurs(ctx, c.Lab, files)
	if err != nil {
		return workspace.Binary{}, fmt.Errorf("build the reference solution: %w", err)
	}
	return b, nil
}

func (g *Grader) template(ctx context.Context, starter workspace.Binary) (string, error) {
	return g.templates.Template(ctx, backing.Data{Binary: starter.Path, Key: starter.Hash, Seed: 1, Scale: 1})
}

// unchanged tells whether a job's files are the starter's, byte for byte.
func unchanged(job Job) (bool, error) {
	starter, err := labs.Files(job.Challenge.Lab)
	if err != nil {
		return false, fmt.Errorf("read the starter: %w", err)
	}
	for name, text := range job.Files {
		if was, ok := starter[name]; !ok || string(was) != string(text) {
			return false, nil
		}
	}
	return true, nil
}
