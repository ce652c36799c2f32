package grader

import (
	"context"
	"sync"
)

// idle tells when no run is in progress, so that what can wait does.
type idle struct {
	mu   sync.Mutex
	runs int
	free chan struct{} // closed when the last run ends; nil while there is none
}

// begin notes a run until the function it returns is called.
func (i *idle) begin() (end func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.runs == 0 {
		i.free = make(chan struct{})
	}
	i.runs++
	return func() {
		i.mu.Lock()
		defer i.mu.Unlock()
		if i.runs--; i.runs == 0 {
			close(i.free)
			i.free = nil
		}
	}
}

// wait returns when there is no run, or with ctx's error.
func (i *idle) wait(ctx context.Context) error {
	for {
		i.mu.Lock()
		free := i.free
		i.mu.Unlock()
		if free == nil {
			return ctx.Err()
		}
		select {
		case <-free:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
