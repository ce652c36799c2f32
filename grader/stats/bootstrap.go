package stats

import (
	"math"
	"math/rand/v2"
	"slices"
)

// interval returns the bootstrap interval of a log ratio over pairs, drawn in
// blocks of neighbours (a circular block bootstrap: a block may run over the
// end, so that all pairs count alike).
//
// It is the percentile interval, stretched away from the point. A bootstrap of
// n units is too narrow by √((n−1)/n), and normal where the t distribution with
// n−1 degrees is meant: Hesterberg, "What Teachers Should Know About the
// Bootstrap", The American Statistician 69 (2015), the expanded percentile
// interval. There the percentiles themselves are moved out; with few pairs they
// would lie beyond 1000 resamples, so the distances are stretched by the same
// factor, √(n/(n−1))·t/z.
func interval(pairs, block int, point float64, o Options, statistic func([]int32) float64) (low, high float64) {
	rng := rand.New(rand.NewPCG(o.Seed, uint64(block)))
	units := (pairs + block - 1) / block
	weights := make([]int32, pairs)
	drawn := make([]float64, 0, o.Resamples)
	for range o.Resamples {
		clear(weights)
		for range units {
			for i, first := 0, rng.IntN(pairs); i < block; i++ {
				weights[(first+i)%pairs]++
			}
		}
		// A resample of pairs without any requests says nothing.
		if v := statistic(weights); !math.IsNaN(v) {
			drawn = append(drawn, v)
		}
	}
	if len(drawn) < o.Resamples/2 {
		return -limit, limit
	}
	slices.Sort(drawn)
	n := float64(units)
	stretch := math.Sqrt(n/(n-1)) * student(o.Level, n-1) / normal(o.Level)
	tail := (1 - o.Level) / 2
	low = point + (min(Quantile(drawn, tail), point)-point)*stretch
	high = point + (max(Quantile(drawn, 1-tail), point)-point)*stretch
	return clampLog(low), clampLog(high)
}

// normal returns the z that holds a share level of the normal distribution
// between −z and z: 1.96 for 0.95.
func normal(level float64) float64 { return math.Sqrt2 * math.Erfinv(level) }

// student returns the t that holds a share level of Student's distribution with
// df degrees between −t and t. It is the expansion of Abramowitz and Stegun,
// 26.7.5: at level 0.95 low by 11 % for one degree, 0.7 % for two, and exact to three digits from four.
func student(level, df float64) float64 {
	z := normal(level)
	z2 := z * z
	g1 := (z2 + 1) * z / 4
	g2 := ((5*z2+16)*z2 + 3) * z / 96
	g3 := (((3*z2+19)*z2+17)*z2 - 15) * z / 384
	g4 := ((((79*z2+776)*z2+1482)*z2-1920)*z2 - 945) * z / 92160
	return z + (g1+(g2+(g3+g4/df)/df)/df)/df
}
