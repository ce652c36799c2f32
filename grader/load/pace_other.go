//go:build !linux

package load

import (
	"runtime"
	"time"
)

const (
	// maxNap bounds a sleep, so that the end of a context is noticed.
	maxNap = 50 * time.Millisecond
	// spin is how long before its point the pacer stops trusting the runtime's
	// timers, which are late by up to a millisecond.
	spin = 1500 * time.Microsecond
)

// pacer sleeps until points of one clock.
type pacer struct{ start time.Time }

func newPacer() *pacer {
	runtime.LockOSThread()
	return &pacer{start: time.Now()}
}

// nap sleeps until at, or for a shorter while if that is far away, and returns
// the time since start.
func (p *pacer) nap(at time.Duration) time.Duration {
	now := time.Since(p.start)
	if at-now > spin {
		time.Sleep(min(at-now-spin, maxNap))
		return time.Since(p.start)
	}
	for now < at {
		runtime.Gosched()
		now = time.Since(p.start)
	}
	return now
}

func (p *pacer) close() { runtime.UnlockOSThread() }
