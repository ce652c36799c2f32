package queue_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/p95lab/p95lab/challenges"
	"github.com/p95lab/p95lab/grader"
	"github.com/p95lab/p95lab/grader/verdict"
	"github.com/p95lab/p95lab/server/queue"
	"github.com/p95lab/p95lab/server/sqlite"
	"github.com/p95lab/p95lab/server/wire"
)

// patience bounds the wait for something that should happen at once. It is the
// end of a test that failed, never a measure.
const patience = 20 * time.Second

// bench is a queue over a real store with a grader that follows a script.
type bench struct {
	*queue.Queue
	store   *sqlite.Store
	changed chan wire.RunInfo
	log     *bytes.Buffer
}

type options struct {
	path    string
	slots   int
	grade   queue.GradeFunc
	store   func(queue.Store) queue.Store // wraps the real one
	backoff time.Duration
}

// prepare returns a queue that was not started.
func prepare(t *testing.T, o options) *bench {
	t.Helper()
	if o.path == "" {
		o.path = filepath.Join(t.TempDir(), "p95lab.db")
	}
	store, err := sqlite.Open(t.Context(), o.path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	b := &bench{store: store, changed: make(chan wire.RunInfo, 1000), log: &bytes.Buffer{}}
	var kept queue.Store = store
	if o.store != nil {
		kept = o.store(store)
	}
	if o.backoff == 0 {
		o.backoff = time.Millisecond
	}
	b.Queue = queue.New(queue.Options{
		Store: kept, Grade: o.grade, Slots: o.slots, Backoff: o.backoff,
		Job: func(run wire.Run) (grader.Job, error) {
			files := map[string][]byte{}
			for name, text := range run.Files {
				files[name] = []byte(text)
			}
			return grader.Job{Challenge: challenges.Challenge{Slug: run.Challenge}, Files: files}, nil
		},
		Changed: func(info wire.RunInfo) { b.changed <- info },
		Graded:  func(string, time.Duration) {},
		Log:     slog.New(slog.NewTextHandler(b.log, nil)),
	})
	return b
}

func start(t *testing.T, o options) *bench {
	t.Helper()
	b := prepare(t, o)
	if err := b.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// submit keeps a run whose one file holds the text, and queues it.
func (b *bench) submit(t *testing.T, text string) wire.RunInfo {
	t.Helper()
	info, err := b.store.Create(t.Context(), wire.Run{RunInfo: wire.RunInfo{Challenge: "c"}, Files: map[string]string{"store.go": text}})
	if err != nil {
		t.Fatal(err)
	}
	b.Submit(info)
	return info
}

// until waits for a run to have a state.
func (b *bench) until(t *testing.T, id string, state wire.State) wire.RunInfo {
	t.Helper()
	late := time.After(patience)
	for {
		select {
		case info := <-b.changed:
			if info.ID == id && info.State == state {
				return info
			}
			if info.ID == id && info.State.Ended() {
				t.Fatalf("the run is %s (%s), want %s", info.State, info.Outcome, state)
			}
		case <-late:
			t.Fatalf("the run did not become %s", state)
		}
	}
}

// follow reads a run's events as a viewer does, until the run has ended.
func follow(q *queue.Queue, id string) ([]verdict.Event, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var all []verdict.Event
	for {
		events, more, err := q.Events(ctx, id, int64(len(all)))
		if err != nil {
			return nil, err
		}
		all = append(all, events...)
		if more == nil {
			return all, nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// whole fails unless events are numbered from 1 without gaps, and returns how
// many of them are verdicts.
func whole(t *testing.T, events []verdict.Event) int {
	t.Helper()
	verdicts := 0
	for i, e := range events {
		if e.Seq != int64(i)+1 {
			t.Fatalf("event %d has the number %d", i+1, e.Seq)
		}
		if e.Verdict != nil {
			verdicts++
			if i != len(events)-1 {
				t.Errorf("%d events come behind the verdict", len(events)-1-i)
			}
		}
	}
	return verdicts
}

func gate(name verdict.Gate) verdict.Event {
	return verdict.Event{Kind: "gate", Gate: &verdict.GateStep{Name: name, State: "running"}}
}

func passed() verdict.Verdict {
	return verdict.Verdict{Outcome: verdict.Passed, Gate: verdict.Compare, Metrics: []verdict.Metric{}, Seconds: 1}
}

func TestARunIsSeenToItsVerdict(t *testing.T) {
	b := start(t, options{grade: func(_ context.Context, job grader.Job, emit func(verdict.Event)) (verdict.Verdict, error) {
		if string(job.Files["store.go"]) != "mine" || job.Challenge.Slug != "c" {
			return verdict.Verdict{}, fmt.Errorf("graded %+v", job)
		}
		for range 300 {
			emit(gate(verdict.Build))
		}
		v := passed()
		emit(verdict.Event{Kind: "verdict", Verdict: &v}) // the queue tells it, once it is kept
		return v, nil
	}})
	info := b.submit(t, "mine")
	seen, err := follow(b.Queue, info.ID)
	if err != nil {
		t.Fatal(err)
	}
	if whole(t, seen) != 1 {
		t.Errorf("the verdict was not told once")
	}
	if len(seen) < 302 {
		t.Errorf("%d events; want the place, 300 gates and the verdict", len(seen))
	}
	if done := b.until(t, info.ID, wire.Done); done.Outcome != verdict.Passed {
		t.Errorf("the run is %+v", done)
	}
	kept, err := b.store.Events(t.Context(), info.ID, 0)
	if err != nil || len(kept) != len(seen) {
		t.Errorf("%d events were seen and %d kept, %v", len(seen), len(kept), err)
	}
	again, more, err := b.Events(t.Context(), info.ID, 300)
	if err != nil || more != nil || len(again) != len(seen)-300 || again[0].Seq != 301 {
		t.Errorf("after the end: %d events behind 300, %v", len(again), err)
	}
}

func TestOneAtATimeAndInOrder(t *testing.T) {
	let := make(chan struct{})
	var now, most atomic.Int32
	var mu sync.Mutex
	var order []string
	b := start(t, options{grade: func(ctx context.Context, job grader.Job, _ func(verdict.Event)) (verdict.Verdict, error) {
		most.Store(max(most.Load(), now.Add(1)))
		defer now.Add(-1)
		mu.Lock()
		order = append(order, string(job.Files["store.go"]))
		mu.Unlock()
		select {
		case <-let:
		case <-ctx.Done():
		}
		return passed(), ctx.Err()
	}})
	first := b.submit(t, "1")
	b.until(t, first.ID, wire.Running)
	second, third := b.submit(t, "2"), b.submit(t, "3")
	if n := b.Waiting(); n != 2 {
		t.Errorf("%d are waiting, want 2", n)
	}
	close(let)
	b.until(t, third.ID, wire.Done)
	if most.Load() != 1 || strings.Join(order, "") != "123" {
		t.Errorf("graded %v, %d at once", order, most.Load())
	}
	events, err := follow(b.Queue, third.ID)
	if err != nil {
		t.Fatal(err)
	}
	var places []int
	for _, e := range events {
		if e.Queued != nil {
			places = append(places, e.Queued.Ahead)
		}
	}
	if len(places) < 2 || places[0] != 2 || !falling(places) {
		t.Errorf("the third run was told the places %v; want 2, and then fewer", places)
	}
	_ = second
}

func falling(list []int) bool {
	for i := 1; i < len(list); i++ {
		if list[i] >= list[i-1] {
			return false
		}
	}
	return true
}

func TestSlotsGradeSideBySide(t *testing.T) {
	var both sync.WaitGroup
	both.Add(2)
	b := start(t, options{slots: 2, grade: func(context.Context, grader.Job, func(verdict.Event)) (verdict.Verdict, error) {
		both.Done()
		both.Wait() // ends only if the other one is graded, too
		return passed(), nil
	}})
	one, two := b.submit(t, "1"), b.submit(t, "2")
	for _, id := range []string{one.ID, two.ID} {
		if _, err := follow(b.Queue, id); err != nil {
			t.Fatal(err)
		}
	}
}

func TestStop(t *testing.T) {
	begun := make(chan string, 10)
	b := start(t, options{grade: func(ctx context.Context, job grader.Job, _ func(verdict.Event)) (verdict.Verdict, error) {
		begun <- string(job.Files["store.go"])
		<-ctx.Done()
		return verdict.Verdict{}, ctx.Err()
	}})
	active, waiting := b.submit(t, "active"), b.submit(t, "waiting")
	<-begun
	for _, info := range []wire.RunInfo{waiting, active} {
		if err := b.Stop(t.Context(), info.ID); err != nil {
			t.Fatal(err)
		}
		b.until(t, info.ID, wire.Stopped)
		events, err := follow(b.Queue, info.ID)
		if err != nil || whole(t, events) != 0 {
			t.Errorf("%v, or a stopped run has a verdict: %+v", err, events)
		}
		if run, err := b.store.Run(t.Context(), info.ID); err != nil || run.Verdict != nil || run.Outcome != "" {
			t.Errorf("kept as %+v, %v", run, err)
		}
	}
	if err := b.Stop(t.Context(), active.ID); err != nil {
		t.Errorf("stopping what has ended: %v", err)
	}
	next := b.submit(t, "next")
	if got := <-begun; got != "next" {
		t.Errorf("%s was graded behind them", got)
	}
	if err := b.Stop(t.Context(), next.ID); err != nil {
		t.Fatal(err)
	}
}

func TestOurFaultsAreTriedAgain(t *testing.T) {
	fault := errors.New("no space left")
	for name, c := range map[string]struct {
		script  []any // a verdict's outcome, an error, or a panic
		tries   int
		state   wire.State
		outcome verdict.Outcome
	}{
		"a fault that passes":              {[]any{fault, fault, verdict.Passed}, 3, wire.Done, verdict.Passed},
		"a fault that stays":               {[]any{fault, fault, fault, verdict.Passed}, 3, wire.Failed, verdict.Error},
		"a panic is ours":                  {[]any{"nil map", verdict.Passed}, 2, wire.Done, verdict.Passed},
		"a learner's failure is a verdict": {[]any{verdict.Failed, verdict.Passed}, 1, wire.Done, verdict.Failed},
		"a noisy machine is a verdict":     {[]any{verdict.TooNoisy, verdict.Passed}, 1, wire.Done, verdict.TooNoisy},
	} {
		t.Run(name, func(t *testing.T) {
			var tries atomic.Int32
			b := start(t, options{grade: func(_ context.Context, _ grader.Job, emit func(verdict.Event)) (verdict.Verdict, error) {
				emit(gate(verdict.Load))
				switch step := c.script[tries.Add(1)-1].(type) {
				case error:
					return verdict.Verdict{}, step
				case string:
					panic(step)
				default:
					v := passed()
					v.Outcome = step.(verdict.Outcome)
					return v, nil
				}
			}})
			info := b.submit(t, "")
			end := b.until(t, info.ID, c.state)
			if int(tries.Load()) != c.tries || end.Outcome != c.outcome {
				t.Errorf("%d tries and the outcome %s; want %d and %s", tries.Load(), end.Outcome, c.tries, c.outcome)
			}
			events, err := follow(b.Queue, info.ID)
			if err != nil || whole(t, events) != 1 {
				t.Errorf("the verdict was not told once: %v", err)
			}
			if v := events[len(events)-1].Verdict; c.state == wire.Failed && (v.Gate != verdict.Load || v.Score != 0 || !strings.Contains(v.Message, "no space left") || v.Next == "") {
				t.Errorf("our fault is told as %+v", v)
			}
		})
	}
}

// flaky fails the calls that it is told to.
type flaky struct {
	queue.Store
	fail func(call string) bool
}

var errDisk = errors.New("disk full")

func (f *flaky) Append(ctx context.Context, id string, events []verdict.Event) error {
	if f.fail("append") {
		return errDisk
	}
	return f.Store.Append(ctx, id, events)
}

func (f *flaky) Finish(ctx context.Context, id string, state wire.State, v *verdict.Verdict, last *verdict.Event) (bool, error) {
	if f.fail("finish") {
		return false, errDisk
	}
	return f.Store.Finish(ctx, id, state, v, last)
}

// What cannot be kept for a while is neither lost nor told out of order.
func TestADiskThatIsFullForAWhile(t *testing.T) {
	for _, call := range []string{"append", "finish"} {
		t.Run(call, func(t *testing.T) {
			var left atomic.Int32
			left.Store(9)
			b := start(t, options{
				store: func(s queue.Store) queue.Store {
					return &flaky{s, func(c string) bool { return c == call && left.Add(-1) >= 0 }}
				},
				grade: func(_ context.Context, _ grader.Job, emit func(verdict.Event)) (verdict.Verdict, error) {
					for range 5 {
						emit(gate(verdict.Build))
					}
					return passed(), nil
				},
			})
			info := b.submit(t, "")
			b.until(t, info.ID, wire.Done)
			kept, err := b.store.Events(t.Context(), info.ID, 0)
			if err != nil || whole(t, kept) != 1 {
				t.Errorf("the verdict was not kept once: %v", err)
			}
			gates := 0
			for _, e := range kept {
				if e.Gate != nil {
					gates++
				}
			}
			if gates != 5 {
				t.Errorf("%d of 5 gates were kept", gates)
			}
		})
	}
}

// A run that was ended by someone else keeps that end.
func TestTheFirstEndCounts(t *testing.T) {
	begun, let := make(chan struct{}), make(chan struct{})
	b := start(t, options{grade: func(context.Context, grader.Job, func(verdict.Event)) (verdict.Verdict, error) {
		close(begun)
		<-let
		return passed(), nil
	}})
	info := b.submit(t, "")
	<-begun
	if ok, err := b.store.Finish(t.Context(), info.ID, wire.Stopped, nil, nil); !ok || err != nil {
		t.Fatal(ok, err)
	}
	close(let)
	b.until(t, info.ID, wire.Stopped)
	if kept, err := b.store.Events(t.Context(), info.ID, 0); err != nil || whole(t, kept) != 0 {
		t.Errorf("a second end was kept, %v", err)
	}
}
