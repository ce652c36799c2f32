package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/p95lab/p95lab/grader/verdict"
	"github.com/p95lab/p95lab/server/app"
	"github.com/p95lab/p95lab/server/wire"
)

// The store is what the rules ask for.
var (
	_ app.Runs   = (*Store)(nil)
	_ app.Notes  = (*Store)(nil)
	_ app.Drafts = (*Store)(nil)
)

// reopen opens a store at a path, until the test ends.
func reopen(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func fresh(t *testing.T) *Store {
	t.Helper()
	odd := filepath.Join(t.TempDir(), "100% mine? #1") // the driver takes a URL
	if err := os.Mkdir(odd, 0o755); err != nil {
		t.Fatal(err)
	}
	return reopen(t, filepath.Join(odd, "p95lab.db"))
}

func create(t *testing.T, s *Store, challenge string) wire.RunInfo {
	t.Helper()
	info, err := s.Create(t.Context(), wire.Run{
		RunInfo: wire.RunInfo{Challenge: challenge, Hypothesis: "an index helps", Changed: 1},
		Files:   map[string]string{"store.go": "package main // ü\n"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// passed is a verdict with what the history shows of it.
func passed() *verdict.Verdict {
	return &verdict.Verdict{
		Challenge: "missing-index", Outcome: verdict.Passed, Gate: verdict.Compare, Score: 97, Seconds: 14.5, Seed: 1<<64 - 1,
		Metrics: []verdict.Metric{
			{Name: "queries", Unit: "per request", Before: 3, After: 2, Ratio: 1.5},
			{Name: "p95", Of: "history", Unit: "ms", Before: 40, After: 4, Ratio: 10, Low: 9, High: 11, Target: "≥ 8×", Met: true},
		},
	}
}

func TestRunSurvivesARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p95lab.db")
	s := reopen(t, path)
	made := create(t, s, "missing-index")
	if made.Number != 1 || made.State != wire.Queued || made.ID == "" {
		t.Fatalf("a new run is %+v", made)
	}
	if _, ok, err := s.Begin(t.Context(), made.ID); !ok || err != nil {
		t.Fatalf("begin: %v, %v", ok, err)
	}
	if err := s.Append(t.Context(), made.ID, []verdict.Event{{Seq: 1, Kind: "queued", Queued: &verdict.Queued{}}}); err != nil {
		t.Fatal(err)
	}
	last := &verdict.Event{Seq: 2, Kind: "verdict", Verdict: passed()}
	if ok, err := s.Finish(t.Context(), made.ID, wire.Done, passed(), last); !ok || err != nil {
		t.Fatalf("finish: %v, %v", ok, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	s = reopen(t, path)
	run, err := s.Run(t.Context(), made.ID)
	if err != nil {
		t.Fatal(err)
	}
	want := made
	want.State, want.Outcome, want.Gate, want.Score, want.Seconds = wire.Done, verdict.Passed, verdict.Compare, 97, 14.5
	want.P95Before, want.P95After, want.Ratio, want.Low, want.High = 40, 4, 10, 9, 11
	if diff := cmp.Diff(wire.Run{RunInfo: want, Files: map[string]string{"store.go": "package main // ü\n"}, Verdict: passed()}, run); diff != "" {
		t.Errorf("the run changed (-kept +read):\n%s", diff)
	}
	events, err := s.Events(t.Context(), made.ID, 1)
	if err != nil || len(events) != 1 || events[0].Seq != 2 || events[0].Verdict.Seed != 1<<64-1 {
		t.Errorf("events after 1 are %+v, %v", events, err)
	}
	if left, err := s.Recover(t.Context()); err != nil || len(left) != 0 {
		t.Errorf("unfinished: %v, %v", left, err)
	}
}

func TestRunsAreNumberedForEachChallenge(t *testing.T) {
	s := fresh(t)
	const each = 8
	var wait sync.WaitGroup
	for i := range 2 * each {
		wait.Go(func() {
			if _, err := s.Create(context.Background(), wire.Run{RunInfo: wire.RunInfo{Challenge: fmt.Sprint("c", i%2)}}); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	for _, challenge := range []string{"c0", "c1"} {
		runs, err := s.Runs(t.Context(), challenge)
		if err != nil {
			t.Fatal(err)
		}
		var numbers []int
		for _, r := range runs {
			numbers = append(numbers, r.Number)
		}
		if diff := cmp.Diff([]int{8, 7, 6, 5, 4, 3, 2, 1}, numbers); diff != "" {
			t.Errorf("%s, newest first:\n%s", challenge, diff)
		}
	}
	if all, err := s.Recover(t.Context()); err != nil || len(all) != 2*each {
		t.Errorf("%d unfinished, %v", len(all), err)
	}
}

func TestARunEndsOnce(t *testing.T) {
	s := fresh(t)
	info := create(t, s, "missing-index")
	ends := []wire.State{wire.Done, wire.Stopped, wire.Failed, wire.Done}
	won := make([]bool, len(ends))
	var wait sync.WaitGroup
	for i, state := range ends {
		wait.Go(func() {
			var last *verdict.Event
			var v *verdict.Verdict
			if state == wire.Done {
				v = passed()
				last = &verdict.Event{Seq: 1, Kind: "verdict", Verdict: v}
			}
			var err error
			if won[i], err = s.Finish(context.Background(), info.ID, state, v, last); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	winner := -1
	for i := range won {
		if won[i] && winner >= 0 {
			t.Fatalf("ended both as %s and as %s", ends[winner], ends[i])
		}
		if won[i] {
			winner = i
		}
	}
	if winner < 0 {
		t.Fatal("the run did not end")
	}
	run, err := s.Run(t.Context(), info.ID)
	if err != nil || run.State != ends[winner] {
		t.Errorf("kept as %s, told as %s, %v", run.State, ends[winner], err)
	}
	events, err := s.Events(t.Context(), info.ID, 0)
	if err != nil || (len(events) == 1) != (ends[winner] == wire.Done) {
		t.Errorf("%s has %d events, %v: the loser's must not be kept", ends[winner], len(events), err)
	}
	if _, ok, err := s.Begin(t.Context(), info.ID); ok || err != nil {
		t.Errorf("a run that has ended was begun again: %v, %v", ok, err)
	}
}

// A last event that cannot be kept keeps the verdict out, too.
func TestFinishIsAllOrNothing(t *testing.T) {
	s := fresh(t)
	info := create(t, s, "missing-index")
	taken := verdict.Event{Seq: 1, Kind: "queued", Queued: &verdict.Queued{}}
	if err := s.Append(t.Context(), info.ID, []verdict.Event{taken}); err != nil {
		t.Fatal(err)
	}
	if ok, err := s.Finish(t.Context(), info.ID, wire.Done, passed(), &verdict.Event{Seq: 1, Kind: "verdict", Verdict: passed()}); err == nil {
		t.Errorf("number 1 was given twice (ok %v)", ok)
	}
	run, err := s.Run(t.Context(), info.ID)
	if err != nil || run.State.Ended() || run.Verdict != nil {
		t.Errorf("half of an end was kept: %+v, %v", run, err)
	}
}

func TestRecover(t *testing.T) {
	s, ctx := fresh(t), t.Context()
	ended, running, queued := create(t, s, "a"), create(t, s, "b"), create(t, s, "c")
	begin := func(id string, want int) {
		t.Helper()
		if n, ok, err := s.Begin(ctx, id); n != want || !ok || err != nil {
			t.Errorf("begin: attempt %d, %v, %v; want %d", n, ok, err, want)
		}
	}
	if _, err := s.Finish(ctx, ended.ID, wire.Stopped, nil, nil); err != nil {
		t.Fatal(err)
	}
	begin(running.ID, 1)
	left, err := s.Recover(ctx)
	if err != nil || len(left) != 2 || left[0].ID != running.ID || left[0].State != wire.Queued || left[1].ID != queued.ID {
		t.Fatalf("recovered %+v, %v", left, err)
	}
	begin(running.ID, 2) // the process that died had its attempt
	if err := s.GiveBack(ctx, running.ID); err != nil {
		t.Fatal(err)
	}
	begin(running.ID, 2) // the one that was broken off did not
	if err := s.GiveBack(ctx, ended.ID); err != nil {
		t.Fatal(err)
	}
	if run, err := s.Run(ctx, ended.ID); err != nil || run.State != wire.Stopped {
		t.Errorf("an ended run was given back: %+v, %v", run, err)
	}
}

func TestABatchOfEventsIsAllOrNothing(t *testing.T) {
	s := fresh(t)
	info := create(t, s, "missing-index")
	event := func(n int64) verdict.Event {
		return verdict.Event{Seq: n, Kind: "log", Log: &verdict.LogLine{From: "build", Text: "x"}}
	}
	if err := s.Append(t.Context(), info.ID, []verdict.Event{event(1), event(2)}); err != nil {
		t.Fatal(err)
	}
	if err := s.Append(t.Context(), info.ID, []verdict.Event{event(3), event(2)}); err == nil {
		t.Error("number 2 was given twice")
	}
	events, err := s.Events(t.Context(), info.ID, 0)
	if err != nil || len(events) != 2 {
		t.Errorf("%d events, %v; want the first batch alone", len(events), err)
	}
	if err := s.Append(t.Context(), "nobody", []verdict.Event{event(1)}); err == nil {
		t.Error("an event of no run was kept")
	}
}

func TestNotes(t *testing.T) {
	s, ctx := fresh(t), t.Context()
	if a, err := s.Answered(ctx, "c"); a != nil || err != nil {
		t.Errorf("before: %v, %v", a, err)
	}
	if err := s.OpenHints(ctx, "c", 1); err != nil {
		t.Fatal(err)
	}
	for _, answer := range []int{2, 0} {
		if kept, err := s.Answer(ctx, "c", answer); err != nil || kept != 2 {
			t.Errorf("answered %d: kept %d, %v; the first answer counts", answer, kept, err)
		}
	}
	for _, step := range []struct{ open, want int }{{2, 2}, {1, 2}, {3, 3}} {
		if err := s.OpenHints(ctx, "c", step.open); err != nil {
			t.Fatal(err)
		}
		if n, err := s.HintsOpened(ctx, "c"); err != nil || n != step.want {
			t.Errorf("opened %d: %d are open, %v; want %d", step.open, n, err, step.want)
		}
	}
	if n, err := s.HintsOpened(ctx, "other"); n != 0 || err != nil {
		t.Errorf("another challenge has %d hints open, %v", n, err)
	}
}

func TestDrafts(t *testing.T) {
	s, ctx := fresh(t), t.Context()
	want := map[string]string{"store.go": "package main\n", "migrations/2.sql": ""}
	id, err := s.KeepDraft(ctx, "c", want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Draft(ctx, "c", id)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	for _, at := range [][2]string{{"other", id}, {"c", "nobody"}} {
		if _, err := s.Draft(ctx, at[0], at[1]); !errors.Is(err, app.ErrNotKept) {
			t.Errorf("draft %s of %s: %v", at[1], at[0], err)
		}
	}
	if _, err := s.Run(ctx, id); !errors.Is(err, app.ErrNotKept) {
		t.Errorf("a draft was read as a run: %v", err)
	}
}

// Only the newest drafts stay, by the order in which they were kept and whatever
// the clock says.
func TestOldDraftsGo(t *testing.T) {
	s, ctx := fresh(t), t.Context()
	var ids []string
	for i := range maxDrafts + 3 {
		id, err := s.KeepDraft(ctx, "c", map[string]string{"store.go": fmt.Sprint(i)})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
		if _, err := s.db.Exec(`UPDATE drafts SET kept_at = ? WHERE id = ?`, fmt.Sprintf("%04d-01-01T00:00:00Z", 3000-i), id); err != nil {
			t.Fatal(err)
		}
	}
	other, err := s.KeepDraft(ctx, "other", nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range ids {
		_, err := s.Draft(ctx, "c", id)
		if gone := errors.Is(err, app.ErrNotKept); gone != (i < 3) || (!gone && err != nil) {
			t.Errorf("draft %d of %d: %v", i, len(ids), err)
		}
	}
	if _, err := s.Draft(ctx, "other", other); err != nil {
		t.Errorf("another challenge's: %v", err)
	}
}

// A clock that goes back moves no run in any list.
func TestOrderIsNotTheClocks(t *testing.T) {
	s, ctx := fresh(t), t.Context()
	var made []wire.RunInfo
	for i, c := range []string{"a", "b", "a"} {
		made = append(made, create(t, s, c))
		if _, err := s.db.Exec(`UPDATE runs SET created_at = ? WHERE id = ?`, fmt.Sprintf("%04d-01-01T00:00:00Z", 3000-i), made[i].ID); err != nil {
			t.Fatal(err)
		}
	}
	if runs, err := s.Runs(ctx, "a"); err != nil || len(runs) != 2 || runs[0].ID != made[2].ID {
		t.Errorf("newest first: %+v, %v", runs, err)
	}
	if left, err := s.Recover(ctx); err != nil || len(left) != 3 || left[0].ID != made[0].ID || left[2].ID != made[2].ID {
		t.Errorf("in the order of submission: %+v, %v", left, err)
	}
	if p, err := s.Progress(ctx); err != nil || len(p) != 2 || p[0].Challenge != "a" {
		t.Errorf("worked on last: %+v, %v", p, err)
	}
}

func TestProgress(t *testing.T) {
	s, ctx := fresh(t), t.Context()
	won, lost := create(t, s, "won"), create(t, s, "lost")
	missed := passed()
	missed.Outcome = verdict.Failed
	for id, v := range map[string]*verdict.Verdict{won.ID: passed(), lost.ID: missed} {
		if _, err := s.Finish(ctx, id, wire.Done, v, nil); err != nil {
			t.Fatal(err)
		}
	}
	create(t, s, "won") // a later one that has not ended takes nothing away
	got, err := s.Progress(ctx)
	want := []wire.Progress{{Challenge: "won", Passed: true, Best: 10}, {Challenge: "lost"}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

// The lists must not read the pages of files and verdicts.
func TestListsReadTheirIndexAlone(t *testing.T) {
	s := fresh(t)
	var id, parent, unused int
	var plan string
	if err := s.db.QueryRowContext(t.Context(), `EXPLAIN QUERY PLAN SELECT `+infoColumns+` FROM runs WHERE learner = ? AND challenge = ? ORDER BY number DESC`, solo, "c").
		Scan(&id, &parent, &unused, &plan); err != nil || !strings.Contains(plan, "USING COVERING INDEX runs_listed") {
		t.Errorf("the plan is %s, %v", plan, err)
	}
}

// A database of the first version has its verdicts summed up when it is opened.
func TestRunsOfTheFirstVersionKeepTheirFigures(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p95lab.db")
	db, err := open(path, "FULL")
	if err != nil {
		t.Fatal(err)
	}
	migrations, err := migrator(db)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := migrations.UpTo(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	told, err := encode(passed())
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range []any{told, nil, "not a verdict"} {
		if _, err := db.Exec(`INSERT INTO runs (id, learner, challenge, number, state, created_at, hypothesis, changed, files, verdict)
			VALUES (?, 'solo', 'c', ?, 'done', '2026-01-01T00:00:00Z', '', 1, '{}', ?)`, fmt.Sprint("r", i), i+1, text); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.Exec(`INSERT INTO drafts VALUES ('d', 'solo', 'c', '2026-01-01T00:00:00Z', '{"store.go":"x"}')`); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s := reopen(t, path)
	runs, err := s.Runs(t.Context(), "c")
	if err != nil || len(runs) != 3 {
		t.Fatalf("%d runs, %v", len(runs), err)
	}
	if r := runs[2]; r.Outcome != verdict.Passed || r.Ratio != 10 || r.Low != 9 || r.High != 11 || r.P95Before != 40 || r.P95After != 4 || r.Score != 97 || r.Seconds != 14.5 || r.Gate != verdict.Compare {
		t.Errorf("summed up as %+v", r)
	}
	if runs[1].Outcome != "" || runs[0].Outcome != "" {
		t.Errorf("made up: %+v", runs[:2])
	}
	if files, err := s.Draft(t.Context(), "c", "d"); err != nil || files["store.go"] != "x" {
		t.Errorf("the draft is %v, %v", files, err)
	}
}

// Damage is told, with what to do, and nothing is changed.
func TestADamagedDatabaseIsLeftAsItIs(t *testing.T) {
	for name, spoil := range map[string]func([]byte){
		"a page":     func(b []byte) { clear(b[4096*3 : 4096*4]) },
		"the header": func(b []byte) { copy(b, "not a database at all") },
		"the schema": func(b []byte) { clear(b[100:4096]) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "p95lab.db")
			s := reopen(t, path)
			for range 20 {
				create(t, s, "c")
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			bytes, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			spoil(bytes)
			if err := os.WriteFile(path, bytes, 0o644); err != nil {
				t.Fatal(err)
			}
			again, err := Open(t.Context(), path)
			if err == nil {
				_ = again.Close()
				t.Fatal("it was opened")
			}
			for _, want := range []string{path, "is damaged and was left as it is", "p95lab restore FILE"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the message lacks %q: %v", want, err)
				}
			}
			if now, err := os.ReadFile(path); err != nil || string(now) != string(bytes) {
				t.Errorf("it was changed, %v", err)
			}
		})
	}
}

// A disk that is full is told as that, and nothing of the rest suffers.
func TestAFullDiskIsNoDefect(t *testing.T) {
	s := fresh(t)
	kept := create(t, s, "c")
	s.db.SetMaxOpenConns(1)                                           // the bound is a connection's
	if _, err := s.db.Exec(`PRAGMA max_page_count = 1`); err != nil { // 1 is as many as there are
		t.Fatal(err)
	}
	big := wire.Run{RunInfo: wire.RunInfo{Challenge: "c"}, Files: map[string]string{"store.go": strings.Repeat("x", 1<<20)}}
	if _, err := s.Create(t.Context(), big); !errors.Is(err, app.ErrNoRoom) {
		t.Fatalf("a run that has no room: %v", err)
	}
	if _, err := s.db.Exec(`PRAGMA max_page_count = 100000`); err != nil {
		t.Fatal(err)
	}
	next, err := s.Create(t.Context(), big)
	if err != nil || next.Number != kept.Number+1 {
		t.Errorf("with room again: %+v, %v", next, err)
	}
}

func TestANewerDatabaseIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p95lab.db")
	s := reopen(t, path)
	if _, err := s.db.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)`); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), path)
	if err == nil {
		t.Fatal("it was opened")
	}
	for _, want := range []string{"9999", "newer", "--data"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the message lacks %q: %v", want, err)
		}
	}
}

func TestSettings(t *testing.T) {
	s := fresh(t)
	for _, c := range []struct {
		db            *sql.DB
		pragma, value string
	}{
		{s.db, "journal_mode", "wal"}, {s.db, "synchronous", "2"}, {s.db, "foreign_keys", "1"}, {s.db, "busy_timeout", "10000"},
		{s.fast, "journal_mode", "wal"}, {s.fast, "synchronous", "1"}, {s.fast, "foreign_keys", "1"}, {s.fast, "busy_timeout", "10000"},
	} {
		var got string
		if err := c.db.QueryRowContext(t.Context(), "PRAGMA "+c.pragma).Scan(&got); err != nil || got != c.value {
			t.Errorf("%s is %s, %v; want %s", c.pragma, got, err, c.value)
		}
	}
}
