package queue

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/p95lab/p95lab/grader/verdict"
)

// shelf keeps events in memory, so that a test can look at every moment.
type shelf struct {
	kept      []verdict.Event
	err       error
	appending func() // called once, in the middle of an Append
}

func (s *shelf) Append(_ context.Context, _ string, events []verdict.Event) error {
	if s.err != nil {
		return s.err
	}
	if s.appending != nil {
		s.appending()
		s.appending = nil
	}
	s.kept = append(s.kept, events...)
	return nil
}

func (s *shelf) Events(_ context.Context, _ string, after int64) ([]verdict.Event, error) {
	return s.kept[min(after, int64(len(s.kept))):], s.err
}

func line(text string) verdict.Event {
	return verdict.Event{Kind: "log", Log: &verdict.LogLine{From: "build", Text: text}}
}

// seen is what a viewer that has seen nothing gets now.
func seen(t *testing.T, l *eventLog) []verdict.Event {
	t.Helper()
	events, _, err := l.after(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func TestNothingIsSeenBeforeItIsKept(t *testing.T) {
	s := &shelf{err: errors.New("disk full")}
	l := newEventLog("r", s, slog.New(slog.DiscardHandler))
	l.add(line("1"))
	if err := l.flush(t.Context()); err == nil {
		t.Fatal("a full disk is no error")
	}
	s.err = nil
	if got := seen(t, l); len(got) != 0 {
		t.Fatalf("seen before it was kept: %+v", got)
	}
	l.add(line("2"))
	if err := l.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := seen(t, l)
	if len(got) != 2 || got[0].Log.Text != "1" || got[0].Seq != 1 || got[1].Seq != 2 {
		t.Errorf("seen %+v; want both in their order", got)
	}
}

func TestAnEndThatDoesNotCountIsNotShown(t *testing.T) {
	for _, counts := range []bool{true, false} {
		l := newEventLog("r", &shelf{}, slog.New(slog.DiscardHandler))
		l.add(line("1"))
		var last int64
		err := l.end(t.Context(), &verdict.Verdict{}, func(e *verdict.Event) (bool, error) {
			last = e.Seq
			return counts, nil
		})
		if err != nil || last != 2 {
			t.Errorf("%v, the verdict has the number %d", err, last)
		}
		if got := seen(t, l); (got[len(got)-1].Verdict != nil) != counts {
			t.Errorf("counts %v, seen %+v", counts, got)
		}
	}
}

func TestALogHasABound(t *testing.T) {
	s := &shelf{}
	l := newEventLog("r", s, slog.New(slog.DiscardHandler))
	for i := range maxEvents + 100 {
		l.add(line("x"))
		if i != maxEvents/2 {
			continue
		}
		s.appending = func() { // what is on its way counts, too
			for range maxEvents {
				l.add(line("y"))
			}
		}
		if err := l.flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	l.add(verdict.Event{Kind: "gate", Gate: &verdict.GateStep{Name: verdict.Load}})
	if err := l.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := seen(t, l)
	if n := len(got); n != maxEvents+1 || got[n-1].Gate == nil || got[n-1].Seq != int64(n) {
		t.Errorf("%d events, the last is %+v", n, got[n-1])
	}
}

func TestANewProcessGoesOnBehindTheOldOne(t *testing.T) {
	s := &shelf{kept: []verdict.Event{{Seq: 1}, {Seq: 2}}}
	l := newEventLog("r", s, slog.New(slog.DiscardHandler))
	if got := seen(t, l); len(got) != 2 {
		t.Errorf("before anything is told here: %+v", got)
	}
	l.add(line("3"))
	if err := l.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := seen(t, l); len(got) != 3 || got[2].Seq != 3 {
		t.Errorf("seen %+v", got)
	}
}
