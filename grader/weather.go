package grader

import (
	"runtime"
	"slices"
	"time"
)

// weather watches the machine while slices run, by signs that a service cannot
// cause: processor time that the hypervisor took away, and our own sender's
// wake-ups. A pair measured in bad weather is dropped whole, never for how the
// service did in it.
type weather struct {
	stolen func() time.Duration // total so far, of all processors
	from   time.Time
	taken  time.Duration
	late   []time.Duration
}

// What a pair may see and still count.
const (
	// worstLate bounds the sender's own lateness at P99. A service that uses all
	// processors makes the sender late by some milliseconds, which its requests
	// are charged, as their latency counts from the intended start; this much it
	// cannot cause.
	worstLate = 50 * time.Millisecond
	// worstSteal bounds the share of all processors' time. Shared hosts take a
	// few per cent at all times, from both sides alike.
	worstSteal = 0.15
)

func newWeather() *weather { return &weather{stolen: stolen} }

func (w *weather) begin() {
	w.from, w.taken = time.Now(), w.stolen()
	w.late = w.late[:0]
}

func (w *weather) slice(late []time.Duration) { w.late = append(w.late, late...) }

// verdict says why the pair since begin does not count, "" if it does.
func (w *weather) verdict() string {
	if over := time.Since(w.from); over > 0 && float64(w.stolen()-w.taken) > worstSteal*float64(over)*float64(runtime.NumCPU()) {
		return "the hypervisor took processor time away"
	}
	if len(w.late) == 0 {
		return ""
	}
	slices.Sort(w.late)
	if w.late[(len(w.late)-1)*99/100] > worstLate {
		return "requests could not be sent on time"
	}
	return ""
}
