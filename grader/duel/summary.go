package duel

import (
	"fmt"
	"time"

	"github.com/p95lab/p95lab/grader/load"
	"github.com/p95lab/p95lab/grader/verdict"
)

// Summary is the load that counts and what it showed. A request that failed is
// shown as one that took the timeout.
func (m *Measurement) Summary(timeout time.Duration) *verdict.Summary {
	s := &verdict.Summary{
		Rate: m.Plan.Rate, SliceMS: ms(m.Plan.Slice), Pairs: len(m.Pairs), Dropped: m.Dropped(),
		LateP99MS: m.OwnLateP99(), HistogramMS: Edges(), Notes: m.Notes(),
	}
	for which, to := range []*verdict.Side{&s.Before, &s.After} {
		r := m.Whole[which]
		if r.Count() == 0 {
			continue
		}
		q := func(q float64) float64 { return Finite(r.Quantile(q), ms(timeout)) }
		to.P50, to.P95, to.P99, to.Max = q(0.50), q(0.95), q(0.99), q(1)
		to.Errors = float64(r.Failed()) / float64(r.Count())
		to.RPS = float64(r.Count()) / (time.Duration(len(m.Pairs)) * m.Plan.Slice).Seconds()
		to.Histogram = r.Histogram(edges)
		s.Requests = r.Count()
	}
	return s
}

// What is worth a note.
const (
	notedSteal    = 0.05
	notedThrottle = 0.01
	notedCPU      = 0.9 // of one processor
)

// Notes say what a reader should know of how it was measured: what may have
// disturbed it, and where the generator was part of it.
func (m *Measurement) Notes() []string {
	var notes []string
	note := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	if late := m.OwnLateP99(); late > ms(load.LateBy) {
		note("The load generator was late itself: %.1f ms at P99. Latencies count from when a request should have left, so both sides were charged with it; something else uses this machine.", late)
	}
	if share := m.CPUShare(); share > notedCPU {
		note("The load generator itself used %.1f processors.", share)
	}
	if m.Weather.Stolen > notedSteal {
		note("The hypervisor took %.0f %% of the processors' time away.", 100*m.Weather.Stolen)
	}
	if m.Weather.Throttled > notedThrottle {
		note("A processor quota stopped this machine's group for %.0f %% of the time.", 100*m.Weather.Throttled)
	}
	for which, name := range [2]string{"before", "after"} {
		if n := m.Unsent[which]; n > 0 {
			note("%d requests to the side %s found no connection until their timeout and were never sent.", n, name)
		}
	}
	if !m.Steady && m.Warmed > m.Plan.Warm {
		note("The latencies were still changing when the warm-up ended after %d pairs of slices.", m.Warmed)
	}
	if n := m.Dropped(); n > 0 {
		note("%d pairs of slices did not count and were repeated as far as the time allowed; most of them because %s.", n, m.MainDrop())
	}
	return notes
}
