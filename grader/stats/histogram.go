package stats

import (
	"math"
	"sort"
)

// LogEdges returns n upper edges from lo to hi with a constant ratio between
// neighbours. It returns nil unless 0 < lo < hi and n ≥ 2.
func LogEdges(lo, hi float64, n int) []float64 {
	if !(lo > 0) || !(hi > lo) || math.IsInf(hi, 0) || n < 2 {
		return nil
	}
	edges := make([]float64, n)
	for i := range edges {
		edges[i] = lo * math.Pow(hi/lo, float64(i)/float64(n-1))
	}
	edges[n-1] = hi
	return edges
}

// Histogram counts latencies by the bucket whose upper edge is the first that
// is not below them. There are as many buckets as edges; the last one also
// holds all that is larger, failures (+Inf) with it.
func Histogram(edges []float64, latencies []float64) []int {
	counts := make([]int, len(edges))
	if len(edges) == 0 {
		return counts
	}
	for _, v := range latencies {
		counts[Bucket(edges, v)]++
	}
	return counts
}

// Bucket is the number of the bucket that Histogram counts a latency in. There
// must be edges.
func Bucket(edges []float64, v float64) int {
	return min(sort.SearchFloat64s(edges, v), len(edges)-1)
}
