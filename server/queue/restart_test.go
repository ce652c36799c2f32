package queue_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/p95lab/p95lab/grader"
	"github.com/p95lab/p95lab/grader/verdict"
	"github.com/p95lab/p95lab/server/wire"
)

func TestWhatWasBeingGradedGoesOnAfterARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p95lab.db")
	begun := make(chan struct{}, 1)
	b := start(t, options{path: path, grade: func(ctx context.Context, _ grader.Job, emit func(verdict.Event)) (verdict.Verdict, error) {
		emit(gate(verdict.Build))
		begun <- struct{}{}
		<-ctx.Done()
		return verdict.Verdict{}, ctx.Err()
	}})
	active, waiting := b.submit(t, "active"), b.submit(t, "waiting")
	<-begun
	b.Close()
	before, err := b.store.Events(t.Context(), active.ID, 0)
	if err != nil || len(before) == 0 {
		t.Fatalf("%d events were kept, %v", len(before), err)
	}
	if err := b.store.Close(); err != nil {
		t.Fatal(err)
	}

	b = start(t, options{path: path, grade: func(context.Context, grader.Job, func(verdict.Event)) (verdict.Verdict, error) { return passed(), nil }})
	b.until(t, active.ID, wire.Done)
	b.until(t, waiting.ID, wire.Done)
	events, err := follow(b.Queue, active.ID)
	if err != nil || whole(t, events) != 1 || len(events) <= len(before) {
		t.Errorf("%d events before, %d after, %v", len(before), len(events), err)
	}
}

// A run that takes the whole process with it must not do so for ever.
func TestARunThatKilledUsThreeTimesIsGivenUp(t *testing.T) {
	b := prepare(t, options{grade: func(context.Context, grader.Job, func(verdict.Event)) (verdict.Verdict, error) { return passed(), nil }})
	info, err := b.store.Create(t.Context(), wire.Run{RunInfo: wire.RunInfo{Challenge: "c"}})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 { // three processes began it, and none came to an end
		if _, ok, err := b.store.Begin(t.Context(), info.ID); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	if err := b.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if end := b.until(t, info.ID, wire.Failed); end.Outcome != verdict.Error {
		t.Errorf("it ended as %s", end.Outcome)
	}
}

// Being asked to leave is no attempt: three restarts must not use them up.
func TestAnOrderlyRestartCostsNoAttempt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p95lab.db")
	var id string
	for range 4 {
		begun := make(chan struct{}, 1)
		b := prepare(t, options{path: path, grade: func(ctx context.Context, _ grader.Job, _ func(verdict.Event)) (verdict.Verdict, error) {
			begun <- struct{}{}
			<-ctx.Done()
			return verdict.Verdict{}, ctx.Err()
		}})
		if err := b.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if id == "" {
			id = b.submit(t, "").ID
		}
		select {
		case <-begun:
		case <-time.After(patience):
			t.Fatal("it was not graded again")
		}
		b.Close()
		if err := b.store.Close(); err != nil {
			t.Fatal(err)
		}
	}
	b := start(t, options{path: path, grade: func(context.Context, grader.Job, func(verdict.Event)) (verdict.Verdict, error) { return passed(), nil }})
	b.until(t, id, wire.Done)
}
