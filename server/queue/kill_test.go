package queue_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/p95lab/p95lab/challenges"
	"github.com/p95lab/p95lab/grader"
	"github.com/p95lab/p95lab/grader/verdict"
	"github.com/p95lab/p95lab/server/queue"
	"github.com/p95lab/p95lab/server/sqlite"
	"github.com/p95lab/p95lab/server/wire"
)

// The test binary is also the process that gets killed, see TestRandomKills.
func TestMain(m *testing.M) {
	if path := os.Getenv("KILLED_STORE"); path != "" {
		if err := victim(path, os.Getenv("KILLED_AT")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// victim accepts some runs, prints their names once they are accepted, and grades
// all that the store holds. At its at-th step, which may be any step of accepting,
// building, starting, checking, loading, comparing and storing, it is killed as by
// kill -9; with at 0 it goes on until nothing is left.
func victim(path, at string) error {
	n, err := strconv.Atoi(at)
	if err != nil {
		return fmt.Errorf("read the step: %w", err)
	}
	ctx := context.Background()
	kept, err := sqlite.Open(ctx, path)
	if err != nil {
		return err
	}
	var steps atomic.Int64
	step := func(name string) {
		if n > 0 && steps.Add(1) == int64(n) {
			fmt.Println("killed at", name)
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // a signal may take a moment
		}
	}
	store := &mortal{Store: kept, step: step}
	var left atomic.Int64
	idle := make(chan struct{}, 1)
	q := queue.New(queue.Options{
		Store: store, Slots: 2, Backoff: time.Millisecond, Log: slog.New(slog.DiscardHandler), Graded: func(string, time.Duration) {},
		Job: func(run wire.Run) (grader.Job, error) {
			return grader.Job{Challenge: challenges.Challenge{Slug: run.Challenge}}, nil
		},
		Changed: func(info wire.RunInfo) {
			if info.State.Ended() && left.Add(-1) == 0 {
				idle <- struct{}{}
			}
		},
		Grade: func(_ context.Context, job grader.Job, emit func(verdict.Event)) (verdict.Verdict, error) {
			for _, gate := range []verdict.Gate{verdict.Build, verdict.Start, verdict.Check, verdict.Load, verdict.Compare} {
				step(string(gate))
				emit(verdict.Event{Kind: "gate", Gate: &verdict.GateStep{Name: gate, State: "running"}})
			}
			v := verdict.Verdict{Challenge: job.Challenge.Slug, Outcome: verdict.Passed, Gate: verdict.Compare, Metrics: []verdict.Metric{}}
			emit(verdict.Event{Kind: "verdict", Verdict: &v})
			return v, nil
		},
	})
	unfinished, err := kept.Recover(ctx)
	if err != nil {
		return err
	}
	left.Store(int64(len(unfinished)) + 1) // one for this function
	if err := q.Start(ctx); err != nil {
		return err
	}
	if n > 0 {
		for range 2 {
			step("accept")
			info, err := kept.Create(ctx, wire.Run{RunInfo: wire.RunInfo{Challenge: "c"}, Files: map[string]string{"store.go": "package main\n"}})
			if err != nil {
				return err
			}
			fmt.Println("accepted", info.ID)
			step("accepted")
			left.Add(1)
			q.Submit(info)
		}
	}
	if left.Add(-1) > 0 {
		<-idle
	}
	q.Close()
	return kept.Close()
}

// mortal is a store that may take its process with it before and after each step.
type mortal struct {
	queue.Store
	step func(string)
}

func (m *mortal) Begin(ctx context.Context, id string) (int, bool, error) {
	m.step("begin")
	defer m.step("begun")
	return m.Store.Begin(ctx, id)
}

func (m *mortal) Append(ctx context.Context, id string, events []verdict.Event) error {
	m.step("append")
	defer m.step("appended")
	return m.Store.Append(ctx, id, events)
}

func (m *mortal) Finish(ctx context.Context, id string, state wire.State, v *verdict.Verdict, last *verdict.Event) (bool, error) {
	m.step("finish")
	defer m.step("finished")
	return m.Store.Finish(ctx, id, state, v, last)
}

// One process after the other is killed with kill -9 over the same store, half of
// them at a random step, half at a random moment. Every run that was accepted ends
// with one verdict, told once, with numbers without gaps, and none is there twice.
func TestRandomKills(t *testing.T) {
	kills := 500
	if testing.Short() {
		kills = 25
	}
	const seed = 95 // the steps; moments are the machine's
	rng := rand.New(rand.NewPCG(seed, 0))
	path := filepath.Join(t.TempDir(), "p95lab.db")
	accepted := map[string]bool{}
	where := map[string]int{}
	killed, began := 0, time.Now()
	for tries := 0; killed < kills; tries++ {
		if tries == 4*kills {
			t.Fatalf("only %d of %d processes were killed", killed, tries)
		}
		at, after := 1+rng.IntN(40), time.Duration(0)
		if tries%2 == 1 {
			at, after = 1_000_000, time.Duration(rng.Int64N(int64(40*time.Millisecond)))
		}
		died, step := reap(t, path, at, after, accepted)
		if died {
			killed++
			where[step]++
		}
	}
	took := time.Since(began)
	if died, _ := reap(t, path, 0, 0, accepted); died {
		t.Fatal("the last process was killed by somebody else")
	}

	store, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatalf("the store does not open: %v", err)
	}
	defer func() { _ = store.Close() }()
	runs, err := store.Runs(t.Context(), "c")
	if err != nil {
		t.Fatal(err)
	}
	there, failed := map[string]bool{}, 0
	for i, run := range runs {
		if run.Number != len(runs)-i {
			t.Errorf("the %d-th of %d runs has number %d", i, len(runs), run.Number)
		}
		there[run.ID] = true
		if run.State == wire.Failed { // cut off three times: our own fault, told as one
			failed++
		} else if run.State != wire.Done || run.Outcome != verdict.Passed {
			t.Errorf("run %s ended as %s, %s", run.ID, run.State, run.Outcome)
		}
		events, err := store.Events(t.Context(), run.ID, 0)
		if err != nil {
			t.Fatal(err)
		}
		verdicts := 0
		for j, e := range events {
			if e.Seq != int64(j+1) {
				t.Fatalf("run %s: event %d has number %d", run.ID, j+1, e.Seq)
			}
			if e.Verdict != nil {
				verdicts++
			}
		}
		if verdicts != 1 || events[len(events)-1].Verdict == nil {
			t.Errorf("run %s tells %d verdicts", run.ID, verdicts)
		}
	}
	for id := range accepted {
		if !there[id] {
			t.Errorf("run %s was accepted and is lost", id)
		}
	}
	if len(accepted) < kills/10 || len(runs) < len(accepted) {
		t.Errorf("%d runs were accepted and %d are there", len(accepted), len(runs))
	}
	for _, step := range []string{"accept", "accepted", "begin", "begun", "build", "start", "check", "load", "compare", "append", "appended", "finish", "finished"} {
		if where[step] == 0 && !testing.Short() {
			t.Errorf("no process was killed at %s", step)
		}
	}
	t.Logf("%d kills in %s: %d runs accepted, %d kept, 0 lost, 0 doubled, %d given up after three attempts; by step: %v",
		killed, took.Round(100*time.Millisecond), len(accepted), len(runs), failed, where)
}

// reap starts a process that is killed at a step, or after a time, and notes what
// it has accepted. died tells whether it was killed, and at which step; "" is at
// a moment.
func reap(t *testing.T, path string, at int, after time.Duration, accepted map[string]bool) (died bool, step string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "KILLED_STORE="+path, "KILLED_AT="+strconv.Itoa(at))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if after > 0 {
		kill := time.AfterFunc(after, func() { _ = cmd.Process.Kill() }) // it may have ended by itself
		defer kill.Stop()
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if id, ok := strings.CutPrefix(lines.Text(), "accepted "); ok {
			accepted[id] = true
		}
		if name, ok := strings.CutPrefix(lines.Text(), "killed at "); ok {
			step = name
		}
	}
	err = cmd.Wait()
	// The signal is no signal (-1) when it ended by itself.
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signal() == syscall.SIGKILL {
		return true, step
	}
	if err != nil {
		t.Fatalf("a process that was to be killed failed: %v", err)
	}
	return false, ""
}

// Whatever events hold, they are numbered without gaps and come back as they were.
func FuzzEvents(f *testing.F) {
	f.Add("gate", "build", "running", uint8(3), 0.5)
	f.Add("log", "before", "\x00\xff\u2028", uint8(1), -1.0)
	f.Add("", "", "", uint8(0), 1e300)
	store, err := sqlite.Open(f.Context(), filepath.Join(f.TempDir(), "p95lab.db"))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = store.Close() })
	f.Fuzz(func(t *testing.T, kind, from, text string, n uint8, at float64) {
		info, err := store.Create(t.Context(), wire.Run{RunInfo: wire.RunInfo{Challenge: kind, Hypothesis: text}, Files: map[string]string{from: text}})
		if err != nil {
			t.Fatal(err)
		}
		told := []verdict.Event{}
		for i := range int(n % 8) {
			told = append(told, verdict.Event{Seq: int64(i + 1), At: at, Kind: kind, Log: &verdict.LogLine{From: from, Text: text}})
		}
		encoded, err := json.Marshal(told)
		if err != nil { // JSON has no such number
			t.Skip()
		}
		if err := store.Append(t.Context(), info.ID, told); err != nil {
			t.Fatal(err)
		}
		var want []verdict.Event // what is no text has become U+FFFD
		if err := json.Unmarshal(encoded, &want); err != nil {
			t.Fatal(err)
		}
		got, err := store.Events(t.Context(), info.ID, 0)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
	})
}
