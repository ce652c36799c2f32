package duel

import (
	"slices"

	"github.com/p95lab/p95lab/grader/stats"
)

// steadiness follows the warm-up by the median latency of each slice.
type steadiness struct{ medians [2][]float64 }

func (s *steadiness) add(p Pair) {
	for which := range p.Samples {
		var latencies []float64
		for _, sample := range p.Samples[which] {
			latencies = append(latencies, Latency(sample))
		}
		if len(latencies) == 0 {
			continue // no arrivals in so short a time
		}
		slices.Sort(latencies)
		s.medians[which] = append(s.medians[which], stats.Quantile(latencies, 0.5))
	}
}

// steady says that neither side's later slices go up or down any more. The first
// third of them is left out: connections, caches and pools fill there.
func (s *steadiness) steady() bool {
	for _, m := range s.medians {
		if stats.Trending(m[len(m)/3:]) {
			return false
		}
	}
	return true
}
