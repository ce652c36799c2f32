package load

import (
	"fmt"
	"slices"
	"time"
)

// LateBy is the lateness at P99 beyond which a generator is late: its requests
// then no longer come when the plan says.
const LateBy = time.Millisecond

// Lateness is how late the requests of a slice left.
type Lateness struct {
	// P99 is over all requests, from the intended start to the first byte,
	// whatever the cause; one that was never sent was late until its end.
	P99 time.Duration
	// Own is the P99 over the requests that a free connection was ready for:
	// the sender woke late.
	Own time.Duration
	// Queued is how many of all requests found every connection busy.
	Queued, Requests int
}

// Lateness sums up how late the slice's requests left.
func (r Report) Lateness() Lateness {
	all := make([]time.Duration, 0, len(r.Samples))
	for _, s := range r.Samples {
		left := s.Sent
		if left == 0 { // never; a request cannot leave at 0, as the clock has moved
			left = s.Done
		}
		all = append(all, max(0, left-s.Intended))
	}
	return Lateness{P99: p99(all), Own: p99(r.Late), Queued: len(r.Samples) - len(r.Late), Requests: len(r.Samples)}
}

// Why says what made the slice's requests late by more than LateBy at P99, ""
// if they were not.
func (l Lateness) Why() string {
	switch {
	case l.Own > LateBy:
		return fmt.Sprintf("the sender itself woke late: %v at P99; something else uses the processors", l.Own.Round(10*time.Microsecond))
	case l.P99 > LateBy:
		return fmt.Sprintf("requests left late: %v at P99; %d of %d found no free connection", l.P99.Round(10*time.Microsecond), l.Queued, l.Requests)
	}
	return ""
}

// p99 by nearest rank; of nothing it is 0.
func p99(d []time.Duration) time.Duration {
	if len(d) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(d))
	return sorted[(len(sorted)*99+99)/100-1]
}
