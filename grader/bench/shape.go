package bench

import (
	"math"
	"time"
)

// Shape is a distribution of latencies that is known beforehand, because a
// timer makes it. It is the one place in the lab where a service sleeps: here
// the latency is the truth that generators are held to.
type Shape string

// The shapes.
const (
	// Steady takes 20 ms always.
	Steady Shape = "steady"
	// Bimodal takes 18 to 22 ms for 85 of 100 requests, 70 to 90 ms for the
	// others, both evenly: P50, P95 and P99 lie within a mode and not at its edge.
	Bimodal Shape = "bimodal"
	// Stalling takes 5 ms, and stops altogether for 200 ms in every 2 s.
	Stalling Shape = "stalling"
)

// Shapes are all shapes.
var Shapes = []Shape{Steady, Bimodal, Stalling}

const (
	steadyTime = 20 * time.Millisecond
	quickTime  = 5 * time.Millisecond
	stallEvery = 2 * time.Second
	stallFor   = 200 * time.Millisecond
	slowShare  = 0.15
)

// between is the point at a share u of the way from a to b.
func between(a, b time.Duration, u float64) time.Duration {
	return a + time.Duration(u*float64(b-a))
}

// due returns when a request that arrives at a moment since the service's start
// is answered, the n-th of all.
//
// Draws follow the golden ratio's low-discrepancy sequence, so that the
// quantiles of a few thousand requests are the distribution's own and not a
// sample's: what is then wrong is the generator's error.
func (s Shape) due(at time.Duration, n int64) time.Duration {
	switch s {
	case Bimodal:
		_, u := math.Modf(float64(n+1) * (math.Sqrt(5) - 1) / 2)
		if u < slowShare {
			return at + between(70*time.Millisecond, 90*time.Millisecond, u/slowShare)
		}
		return at + between(18*time.Millisecond, 22*time.Millisecond, (u-slowShare)/(1-slowShare))
	case Stalling:
		return running(running(at) + quickTime)
	default:
		return at + steadyTime
	}
}

// running moves a moment in a stall to its end. A stall begins each period's
// second half, so that none lies at the start.
func running(at time.Duration) time.Duration {
	into := (at + stallEvery/2) % stallEvery
	if into < stallFor {
		return at + stallFor - into
	}
	return at
}

// Truth is what a generator must find that sends at a constant rate for d: the
// latencies of requests that arrive when they are meant to. When the service's
// stalls lie against the arrivals is not known, so it is the mean over all
// phases.
func (s Shape) Truth(rate float64, d time.Duration) Quantiles {
	const phases = 50
	var sum Quantiles
	for p := range phases {
		offset := stallEvery * time.Duration(p) / phases
		var all []float64
		for i := 0; ; i++ {
			at := time.Duration(float64(i) / rate * float64(time.Second))
			if at >= d {
				break
			}
			all = append(all, ms(s.due(at+offset, int64(i))-at-offset))
		}
		q := quantiles(all)
		sum.P50 += q.P50 / phases
		sum.P95 += q.P95 / phases
		sum.P99 += q.P99 / phases
	}
	return sum
}
