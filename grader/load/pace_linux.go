package load

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// maxNap bounds a sleep, so that the end of a context is noticed.
const maxNap = 50 * time.Millisecond

// pacer sleeps until points of one clock, on an operating-system thread of its
// own. time.Sleep would not do: on the runtime's timers requests leave late by
// a millisecond and in bursts.
type pacer struct {
	start time.Time // what offsets count from
	mono  int64     // the same moment on CLOCK_MONOTONIC, in ns
}

// newPacer locks the goroutine to its thread and asks the kernel to wake it
// without slack; the default lets it be 50 µs late to save power.
func newPacer() *pacer {
	runtime.LockOSThread()
	// Without the right to change it the pacer is a little later, and says so
	// in what it measures.
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	p := &pacer{}
	var now unix.Timespec
	p.start = time.Now()
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err == nil {
		p.mono = now.Nano()
	}
	return p
}

// nap sleeps until at, or for a shorter while if that is far away, and returns
// the time since start.
func (p *pacer) nap(at time.Duration) time.Duration {
	now := time.Since(p.start)
	if now >= at {
		return now
	}
	until := unix.NsecToTimespec(p.mono + int64(min(at, now+maxNap)))
	// EINTR ends the sleep early; the caller asks again.
	_ = unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &until, nil)
	return time.Since(p.start)
}

// close gives the thread back as it was.
func (p *pacer) close() {
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 0, 0, 0, 0) // 0 restores the default
	runtime.UnlockOSThread()
}
