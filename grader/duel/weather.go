package duel

import (
	"runtime"
	"slices"
	"time"
)

// weather watches the machine while slices run, by signs that a service cannot
// cause: processor time that the hypervisor or a quota took away, a clock that
// jumped, and our own sender's wake-ups. A pair measured in bad weather is
// dropped whole, never for how the service did in it.
type weather struct {
	read func() vitals
	from vitals
	late []time.Duration
	sum  Weather
}

// vitals are a machine's counters at one moment.
type vitals struct {
	at        time.Time     // on the monotonic clock
	wall      time.Time     // the same moment on the wall clock, which may be set
	stolen    time.Duration // by the hypervisor, of all processors
	throttled time.Duration // by the quota of a group that we are in
	waited    time.Duration // in which some process waited for a processor
}

// Weather is what was seen while pairs were measured.
type Weather struct {
	Stolen    float64 // share of all processors' time
	Throttled float64 // share of the time in which the quota held us back
	// Waited is the share of the time in which some process waited for a
	// processor. The service under test and the sender are among them, so this
	// drops nothing; it explains.
	Waited float64
	over   time.Duration
}

// What a pair may see and still count.
const (
	// worstLate bounds the sender's own lateness at P99. A service that uses all
	// processors makes the sender late by some milliseconds, which its requests
	// are charged, as their latency counts from the intended start; this much it
	// cannot cause.
	worstLate = 50 * time.Millisecond
	// worstSteal bounds the share of all processors' time. Shared hosts take a
	// few per cent at all times, and a fifth for minutes, from both sides alike:
	// the interval is wider then, as it should be. Bounded at 0.15, one run in
	// four on such a host ended as too noisy, of fixes that gain tenfold.
	worstSteal = 0.30
	// worstThrottle bounds the share of the pair's time. A quota stops all that
	// is in the group for tens of milliseconds at a time, in one slice or in the
	// other.
	worstThrottle = 0.05
	// worstJump bounds how far the wall clock may run from the monotonic one: a
	// machine that was moved or suspended, or a clock that was set. Adjustments
	// by NTP stay below a thousandth.
	worstJump = 50 * time.Millisecond
)

// Why a pair is dropped.
const (
	droppedSteal    = "the hypervisor took processor time away"
	droppedThrottle = "a processor quota held this machine's group back"
	droppedJump     = "the clock jumped"
	droppedLate     = "requests could not be sent on time"
)

// clocks are the two at one moment; Round strips the monotonic one.
func clocks() vitals {
	now := time.Now()
	return vitals{at: now, wall: now.Round(0)}
}

func newWeather() *weather { return &weather{read: readVitals} }

func (w *weather) begin() {
	w.from = w.read()
	w.late = w.late[:0]
}

func (w *weather) slice(late []time.Duration) { w.late = append(w.late, late...) }

// verdict says why the pair since begin does not count, "" if it does.
func (w *weather) verdict() string {
	now := w.read()
	over := now.at.Sub(w.from.at)
	if over <= 0 {
		return droppedJump
	}
	stolen := float64(now.stolen-w.from.stolen) / (float64(over) * float64(runtime.NumCPU()))
	throttled := float64(now.throttled-w.from.throttled) / float64(over)
	w.sum.add(over, stolen, throttled, float64(now.waited-w.from.waited)/float64(over))
	jump := now.wall.Sub(w.from.wall) - over
	switch {
	case jump > worstJump || jump < -worstJump:
		return droppedJump
	case stolen > worstSteal:
		return droppedSteal
	case throttled > worstThrottle:
		return droppedThrottle
	case len(w.late) == 0:
		return ""
	}
	slices.Sort(w.late)
	if w.late[(len(w.late)-1)*99/100] > worstLate {
		return droppedLate
	}
	return ""
}

// add goes on with the averages over time.
func (w *Weather) add(over time.Duration, stolen, throttled, waited float64) {
	before, now := float64(w.over), float64(over)
	mean := func(old *float64, v float64) { *old = (*old*before + v*now) / (before + now) }
	mean(&w.Stolen, stolen)
	mean(&w.Throttled, throttled)
	mean(&w.Waited, waited)
	w.over += over
}
