// Package queue grades runs one after the other and keeps each run's events in
// order. It knows runs, attempts and event numbers; it must not know what a
// verdict means or who watches.
package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/p95lab/p95lab/grader"
	"github.com/p95lab/p95lab/grader/verdict"
	"github.com/p95lab/p95lab/server/wire"
)

// Store is where runs are kept.
type Store interface {
	Run(ctx context.Context, id string) (wire.Run, error)
	// Recover queues again what an earlier process was grading, and returns all
	// runs that have not ended, in the order of submission.
	Recover(ctx context.Context) ([]wire.RunInfo, error)
	// Begin counts an attempt; ok is false when the run has ended.
	Begin(ctx context.Context, id string) (attempt int, ok bool, err error)
	// GiveBack queues a run again whose attempt was broken off and does not count.
	GiveBack(ctx context.Context, id string) error
	// Finish ends a run with its verdict and its last event, all or nothing; ok is
	// false when it had ended before, and then nothing is changed.
	Finish(ctx context.Context, id string, state wire.State, v *verdict.Verdict, last *verdict.Event) (ok bool, err error)
	EventStore
}

// EventStore is where events are kept.
type EventStore interface {
	Append(ctx context.Context, id string, events []verdict.Event) error
	Events(ctx context.Context, id string, after int64) ([]verdict.Event, error)
}

// GradeFunc grades a job, as grader.Grader.Grade does.
type GradeFunc func(context.Context, grader.Job, func(verdict.Event)) (verdict.Verdict, error)

// attempts is how often a run is graded before our own fault is its end: in one
// process, and over restarts.
const attempts = 3

// Options are what a queue needs.
type Options struct {
	Store Store
	Grade GradeFunc
	// Job makes a grading job of a run.
	Job func(wire.Run) (grader.Job, error)
	// Changed is told each new state of a run.
	Changed func(wire.RunInfo)
	// Graded is told how long a run took, by its outcome.
	Graded func(outcome string, took time.Duration)
	Slots  int // runs at once; 1
	// Backoff is the pause before our own fault is tried again, doubled each
	// time; 500 ms.
	Backoff time.Duration
	Log     *slog.Logger
}

// Queue grades runs in the order of their submission. It is safe for concurrent
// use.
type Queue struct {
	o      Options
	owned  sync.WaitGroup
	cancel context.CancelFunc
	closed chan struct{} // by the first Close
	once   sync.Once

	mu      sync.Mutex
	waiting []string
	active  map[string]*active
	logs    map[string]*eventLog // of runs that have not ended
	wake    chan struct{}        // holds one token while something may be waiting
}

// active is a run that is being graded.
type active struct {
	cancel  context.CancelFunc
	stopped bool // by the learner
}

// New returns a queue that does nothing before Start.
func New(o Options) *Queue {
	o.Slots = max(1, o.Slots)
	if o.Backoff <= 0 {
		o.Backoff = 500 * time.Millisecond
	}
	return &Queue{o: o, active: map[string]*active{}, logs: map[string]*eventLog{}, wake: make(chan struct{}, 1), closed: make(chan struct{})}
}

// Start queues again what an earlier process left unfinished and begins to
// grade, until Close.
func (q *Queue) Start(ctx context.Context) error {
	left, err := q.o.Store.Recover(ctx)
	if err != nil {
		return fmt.Errorf("read what was left unfinished: %w", err)
	}
	for _, info := range left {
		q.o.Log.Info("queued again after a restart", "submission", info.ID, "challenge", info.Challenge)
		q.Submit(info)
	}
	ctx, q.cancel = context.WithCancel(context.WithoutCancel(ctx))
	for range q.o.Slots {
		q.owned.Go(func() { q.work(ctx) })
	}
	return nil
}

// Close stops grading and waits for it. What was being graded is queued again at
// the next Start of a queue over the same store.
func (q *Queue) Close() {
	q.once.Do(func() { close(q.closed) })
	if q.cancel != nil {
		q.cancel()
	}
	q.owned.Wait()
	q.mu.Lock()
	logs := slices.Collect(maps.Values(q.logs))
	q.mu.Unlock()
	for _, log := range logs { // else their timers would find the store closed
		if err := log.flush(context.Background()); err != nil {
			q.o.Log.Error("keep events at the end", "submission", log.id, "error", err)
		}
		log.close()
	}
}

// Submit puts a run that is kept at the end of the queue.
func (q *Queue) Submit(info wire.RunInfo) {
	q.mu.Lock()
	q.waiting = append(q.waiting, info.ID)
	q.logs[info.ID] = newEventLog(info.ID, q.o.Store, q.o.Log)
	q.mu.Unlock()
	q.tellPlaces()
	q.poke()
}

func (q *Queue) poke() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Waiting is how many runs are not being graded yet.
func (q *Queue) Waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)
}

// tellPlaces tells each waiting run how many are before it.
func (q *Queue) tellPlaces() {
	q.mu.Lock()
	places := slices.Clone(q.waiting)
	busy := len(q.active)
	logs := make([]*eventLog, len(places))
	for i, id := range places {
		logs[i] = q.logs[id]
	}
	q.mu.Unlock()
	for i, log := range logs {
		if log != nil {
			log.place(i + busy)
		}
	}
}

// Events returns a run's events after a number, and a channel that is closed once
// there are more; it is nil when the run has ended.
func (q *Queue) Events(ctx context.Context, id string, after int64) ([]verdict.Event, <-chan struct{}, error) {
	q.mu.Lock()
	log := q.logs[id]
	q.mu.Unlock()
	if log != nil {
		return log.after(ctx, after)
	}
	events, err := q.o.Store.Events(ctx, id, after)
	return events, nil, err
}

// Stop ends a run that is queued or being graded.
func (q *Queue) Stop(ctx context.Context, id string) error {
	q.mu.Lock()
	if a := q.active[id]; a != nil {
		a.stopped = true
		a.cancel()
		q.mu.Unlock()
		return nil
	}
	i := slices.Index(q.waiting, id)
	if i < 0 {
		q.mu.Unlock()
		return nil // it has just ended
	}
	q.waiting = slices.Delete(q.waiting, i, i+1)
	log := q.logs[id]
	q.mu.Unlock()
	if err := q.end(ctx, log, wire.Stopped, nil); err != nil {
		q.mu.Lock()
		q.waiting = slices.Insert(q.waiting, min(i, len(q.waiting)), id)
		q.mu.Unlock()
		q.poke()
		return fmt.Errorf("stop run %s: %w", id, err)
	}
	q.forget(ctx, log)
	q.tellPlaces()
	return nil
}

func (q *Queue) work(ctx context.Context) {
	for {
		id, ok := q.take()
		if !ok {
			select {
			case <-ctx.Done():
				return
			case <-q.wake:
				continue
			}
		}
		if ctx.Err() != nil {
			return
		}
		q.tellPlaces()
		q.poke() // there may be more, for another slot
		q.grade(ctx, id)
	}
}

// take moves the first waiting run to the active ones.
func (q *Queue) take() (string, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		return "", false
	}
	id := q.waiting[0]
	q.waiting = q.waiting[1:]
	q.active[id] = &active{cancel: func() {}}
	return id, true
}

// grade takes a run to its end, or gives it back when ctx ends.
func (q *Queue) grade(parent context.Context, id string) {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	q.mu.Lock()
	a, log := q.active[id], q.logs[id]
	a.cancel = cancel
	if a.stopped {
		cancel()
	}
	q.mu.Unlock()
	defer func() {
		q.mu.Lock()
		delete(q.active, id)
		q.mu.Unlock()
		q.tellPlaces()
	}()
	keep := context.WithoutCancel(parent)
	began := time.Now()
	v, err := q.attempt(ctx, keep, id, log)

	q.mu.Lock()
	stopped := a.stopped
	q.mu.Unlock()
	switch {
	case errors.Is(err, errEnded):
		q.forget(keep, log)
	case err == nil:
		q.finish(keep, log, wire.Done, &v)
		q.o.Graded(string(v.Outcome), time.Since(began))
	case stopped:
		q.finish(keep, log, wire.Stopped, nil)
	case parent.Err() != nil: // shutting down: it is graded at the next start
		if err := errors.Join(log.flush(keep), q.o.Store.GiveBack(keep, id)); err != nil {
			q.o.Log.Error("give a run back", "submission", id, "error", err)
		}
	default:
		q.o.Log.Error("our own fault, not scored", "submission", id, "error", err)
		v := verdict.Verdict{
			Outcome: verdict.Error, Gate: log.gate(), Metrics: []verdict.Metric{}, Seconds: time.Since(began).Seconds(),
			Message: "This run failed by a fault of ours, not of your code: " + err.Error(),
			Next:    "Nothing is scored. Run it again; if it happens again, please report it.",
		}
		if run, err := q.o.Store.Run(keep, id); err == nil {
			v.Challenge = run.Challenge
		}
		q.finish(keep, log, wire.Failed, &v)
		q.o.Graded(string(v.Outcome), time.Since(began))
	}
}

// errEnded tells that a run had ended before it was begun.
var errEnded = errors.New("the run has ended")

// attempt grades a run, again after faults of our own.
func (q *Queue) attempt(ctx, keep context.Context, id string, log *eventLog) (verdict.Verdict, error) {
	for pause := q.o.Backoff; ; pause *= 2 {
		n, ok, err := q.o.Store.Begin(keep, id)
		if err != nil {
			return verdict.Verdict{}, err
		}
		if !ok {
			return verdict.Verdict{}, errEnded
		}
		if n > attempts { // each took its process with it, so it had no chance to fail
			return verdict.Verdict{}, fmt.Errorf("grading was begun %d times and each time the server ended in the middle of it", attempts)
		}
		run, err := q.o.Store.Run(keep, id)
		if err != nil {
			return verdict.Verdict{}, err
		}
		q.o.Changed(run.RunInfo)
		job, err := q.o.Job(run)
		if err != nil {
			return verdict.Verdict{}, err
		}
		v, err := q.guarded(ctx, job, log)
		if err == nil || ctx.Err() != nil || n >= attempts {
			return v, err
		}
		q.o.Log.Warn("our own fault, trying again", "submission", id, "attempt", n, "error", err)
		log.add(verdict.Event{Kind: "log", Log: &verdict.LogLine{From: "grader", Text: "A fault of ours, trying again: " + err.Error()}})
		select {
		case <-ctx.Done():
			return v, ctx.Err()
		case <-time.After(pause):
		}
	}
}

// guarded grades; a panic of the grader is a fault of ours.
func (q *Queue) guarded(ctx context.Context, job grader.Job, log *eventLog) (v verdict.Verdict, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the grader panicked: %v", p)
		}
	}()
	return q.o.Grade(ctx, job, func(e verdict.Event) {
		// The verdict is told when it is kept, and only then.
		if e.Verdict == nil {
			log.add(e)
		}
	})
}

// longestPause is how long, at most, a final state waits to be tried again: a disk
// that is full may have room again, after a minute or after a day.
const longestPause = 10 * time.Second

// finish ends a run; what ended it is kept before anyone is told. It goes on
// trying until that is so, since a run that neither ends nor goes on would be in
// the way of the next; it gives up when the queue is closed.
func (q *Queue) finish(ctx context.Context, log *eventLog, state wire.State, v *verdict.Verdict) {
	for n, pause, last := 1, q.o.Backoff, false; ; n, pause = n+1, min(2*pause, longestPause) {
		err := q.end(ctx, log, state, v)
		if err == nil {
			break
		}
		// Unfinished in the store, it is graded again at the next start.
		q.o.Log.Error("keep a verdict", "submission", log.id, "try", n, "error", err)
		if last {
			break
		}
		select {
		case <-time.After(pause):
		case <-q.closed:
			last = true // once more, and no longer
		}
	}
	q.forget(ctx, log)
}

// end keeps a run's end. That it had one before is no error: the first counts.
func (q *Queue) end(ctx context.Context, log *eventLog, state wire.State, v *verdict.Verdict) error {
	return log.end(ctx, v, func(last *verdict.Event) (bool, error) {
		return q.o.Store.Finish(ctx, log.id, state, v, last)
	})
}

// forget drops a run that has ended and tells those who look at it.
func (q *Queue) forget(ctx context.Context, log *eventLog) {
	log.close()
	q.mu.Lock()
	delete(q.logs, log.id)
	q.mu.Unlock()
	run, err := q.o.Store.Run(ctx, log.id)
	if err != nil {
		q.o.Log.Error("read a run that ended", "submission", log.id, "error", err)
		return
	}
	q.o.Changed(run.RunInfo)
}
