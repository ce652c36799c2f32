// Package stats compares two versions of a service by the latencies that were
// measured in pairs of slices. It is pure: it knows numbers, and must not know
// where they came from, what they are called, or the clock. Its opinions are in
// here so that its callers need none: what is resampled, how an interval is
// widened, when a difference is one, and when enough was measured.
package stats

import "math"

// Quantile returns the q-quantile of sorted values by nearest rank: the
// smallest value that is at least as large as a share q of them. It is always a
// value that was measured. Of no values it is NaN.
func Quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	return sorted[rank(q, len(sorted))-1]
}

// rank returns the nearest rank of the q-quantile of n values, from 1 to n.
func rank(q float64, n int) int {
	// The tolerance keeps 0.95·20, which is 19.000000000000004 or less exact on
	// some paths, at rank 19.
	r := int(math.Ceil(q*float64(n) - 1e-9))
	return max(1, min(r, n))
}
