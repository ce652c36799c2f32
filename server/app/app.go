// Package app holds the rules of the lab: what a learner may see, change and
// submit, and when. It knows challenges, workspaces and runs; it must not know
// HTTP, SQL or how a run is graded.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"unicode/utf8"

	"github.com/p95lab/p95lab/challenges"
	"github.com/p95lab/p95lab/grader/verdict"
	"github.com/p95lab/p95lab/server/wire"
)

// Runs keeps submissions. A run that Create has returned is never lost.
type Runs interface {
	// Create keeps a new run, gives it its ID and number and returns it.
	Create(ctx context.Context, run wire.Run) (wire.RunInfo, error)
	Run(ctx context.Context, id string) (wire.Run, error)
	Runs(ctx context.Context, challenge string) ([]wire.RunInfo, error) // newest first
	// Progress is about each challenge that has runs, last worked on at first.
	Progress(ctx context.Context) ([]wire.Progress, error)
}

// Notes keeps what a learner has answered and opened.
type Notes interface {
	// Answer keeps the first answer and returns the one that is kept.
	Answer(ctx context.Context, challenge string, answer int) (int, error)
	Answered(ctx context.Context, challenge string) (*int, error)
	OpenHints(ctx context.Context, challenge string, upTo int) error
	HintsOpened(ctx context.Context, challenge string) (int, error)
}

// Drafts keeps states of a workspace that a reset replaced.
type Drafts interface {
	KeepDraft(ctx context.Context, challenge string, files map[string]string) (id string, err error)
	Draft(ctx context.Context, challenge, id string) (map[string]string, error)
}

// ErrNotKept is what a store answers when there is no such thing.
var ErrNotKept = errors.New("not kept")

// What a machine may refuse for a while. None is a defect, and each passes when
// the machine is mended.
var (
	ErrNoRoom   = errors.New("the disk is full")
	ErrReadOnly = errors.New("the disk cannot be written")
	ErrBusy     = errors.New("too many files are open")
)

// Queue grades runs.
type Queue interface {
	Submit(info wire.RunInfo)
	// Stop ends a run that is queued or running.
	Stop(ctx context.Context, id string) error
	// Events returns a run's events after a number, and a channel that is closed
	// once there are more; it is nil when the run has ended.
	Events(ctx context.Context, id string, after int64) ([]verdict.Event, <-chan struct{}, error)
}

// Lab is the whole application for one learner.
type Lab struct {
	Runs       Runs
	Notes      Notes
	Drafts     Drafts
	Queue      Queue
	Evidence   Evidence
	Workspaces *Workspaces
	Log        *slog.Logger
	// Markdown renders a lesson's text to sanitised HTML.
	Markdown func(string) string

	challenges []challenges.Challenge

	starting sync.Mutex // so that two submissions at once do not both find the way free

	mu      sync.Mutex
	readers map[string]map[*Reader]struct{} // by challenge
}

// SetChallenges gives the lab its curriculum, before it is used.
func (l *Lab) SetChallenges(all []challenges.Challenge) { l.challenges = all }

// Challenges lists the curriculum in the order in which it is taught.
func (l *Lab) Challenges() []challenges.Challenge { return l.challenges }

// Challenge returns one challenge.
func (l *Lab) Challenge(slug string) (challenges.Challenge, error) {
	for _, c := range l.challenges {
		if c.Slug == slug {
			return c, nil
		}
	}
	return challenges.Challenge{}, fail(NotFound, "There is no such challenge. The catalogue lists all of them.")
}

// maxHypothesis bounds the line that a learner may write before a run.
const maxHypothesis = 280

// Start submits the workspace as it is on disk.
func (l *Lab) Start(ctx context.Context, slug, hypothesis string) (wire.RunInfo, error) {
	c, err := l.Challenge(slug)
	if err != nil {
		return wire.RunInfo{}, err
	}
	if utf8.RuneCountInString(hypothesis) > maxHypothesis {
		return wire.RunInfo{}, fail(Invalid, fmt.Sprintf("A hypothesis is one line of %d letters at most.", maxHypothesis))
	}
	l.starting.Lock()
	defer l.starting.Unlock()
	runs, err := l.Runs.Runs(ctx, slug)
	if err != nil {
		return wire.RunInfo{}, err
	}
	for _, r := range runs {
		if !r.State.Ended() {
			return wire.RunInfo{}, fail(Conflict, fmt.Sprintf("Run %d is still going on. Stop it or wait for its verdict.", r.Number))
		}
	}
	files, changed, err := l.Workspaces.Snapshot(c)
	if err != nil {
		return wire.RunInfo{}, err
	}
	info, err := l.Runs.Create(ctx, wire.Run{
		RunInfo: wire.RunInfo{Challenge: slug, State: wire.Queued, Hypothesis: hypothesis, Changed: changed}, Files: files,
	})
	if err != nil {
		return wire.RunInfo{}, fmt.Errorf("keep the run: %w", err)
	}
	l.RunChanged(info)
	l.Queue.Submit(info)
	return info, nil
}

// History lists a challenge's runs, newest first.
func (l *Lab) History(ctx context.Context, slug string) ([]wire.RunInfo, error) {
	if _, err := l.Challenge(slug); err != nil {
		return nil, err
	}
	return l.Runs.Runs(ctx, slug)
}

// Run returns one run.
func (l *Lab) Run(ctx context.Context, id string) (wire.Run, error) {
	run, err := l.Runs.Run(ctx, id)
	if errors.Is(err, ErrNotKept) {
		return wire.Run{}, fail(NotFound, "There is no such run.")
	}
	return run, err
}

// Events returns a run's events after a number, see Queue. A viewer asks twenty
// times a second, so the store is asked only where nothing else knows the run.
func (l *Lab) Events(ctx context.Context, id string, after int64) ([]verdict.Event, <-chan struct{}, error) {
	events, more, err := l.Queue.Events(ctx, id, after)
	if err == nil && len(events) == 0 && more == nil {
		_, err = l.Run(ctx, id)
	}
	return events, more, err
}

// Stop ends a run.
func (l *Lab) Stop(ctx context.Context, id string) error {
	run, err := l.Run(ctx, id)
	if err != nil {
		return err
	}
	if run.State.Ended() {
		return fail(Conflict, fmt.Sprintf("Run %d has ended already.", run.Number))
	}
	return l.Queue.Stop(ctx, id)
}

// Active is the run of a challenge that has not ended, "" if there is none.
func (l *Lab) Active(ctx context.Context, slug string) (string, error) {
	runs, err := l.History(ctx, slug)
	if err != nil {
		return "", err
	}
	for _, r := range runs {
		if !r.State.Ended() {
			return r.ID, nil
		}
	}
	return "", nil
}
