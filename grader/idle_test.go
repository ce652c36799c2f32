package grader

import (
	"context"
	"errors"
	"testing"
	"time"
)

// What can wait waits for the last of all runs, and no longer than its context.
func TestIdleWaitsForTheLastRun(t *testing.T) {
	var i idle
	if err := i.wait(t.Context()); err != nil {
		t.Fatalf("nobody runs: %v", err)
	}
	first, second := i.begin(), i.begin()
	waited := make(chan error, 1)
	go func() { waited <- i.wait(t.Context()) }()
	first()
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := i.wait(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("one still runs: %v", err)
	}
	select {
	case err := <-waited:
		t.Errorf("returned while one still runs: %v", err)
	default:
	}
	second()
	if err := <-waited; err != nil {
		t.Error(err)
	}
	i.begin()()
	if err := i.wait(t.Context()); err != nil {
		t.Errorf("nobody runs any more: %v", err)
	}
}
