package stats

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Pair holds the latencies of one pair of slices, in any order and any one
// unit. A request that failed is +Inf: worse than all that were answered.
type Pair struct{ Before, After []float64 }

// Ratio says how many times better After is than Before.
type Ratio struct {
	Before, After float64 // the pooled figure of each side, in the pairs' unit
	Ratio         float64 // Before / After; +Inf if only Before failed, 0 if only After did
	Low, High     float64 // the interval at Options.Level
	Pairs         int
	// MDE is the smallest ratio that a run of this precision tells from 1 four
	// times of five: exp((z₀.₉₇₅ + z₀.₈)·s) with the interval's half-width on the
	// log scale for z₀.₉₇₅·s.
	MDE float64
}

// Options of a bootstrap. A zero field means its default.
type Options struct {
	Level     float64 // of the interval; 0.95
	Resamples int     // 1000
	Seed      uint64  // equal seeds give equal intervals
	// Block is the number of neighbouring pairs that last at least half a second
	// together; 1. Noise that lasts longer than a pair makes neighbours alike,
	// which an interval over single pairs does not see.
	Block int
}

// filled puts in the defaults.
func (o Options) filled() Options {
	if !(o.Level > 0 && o.Level < 1) {
		o.Level = 0.95
	}
	if o.Resamples <= 0 {
		o.Resamples = 1000
	}
	return o
}

// ErrTooFew says that a side has so few latencies that its quantile is no other
// than its extreme: fewer than 20 for a P95, 100 for a P99. No interval can be
// told from an extreme, as most resamples hold the same one.
var ErrTooFew = errors.New("too few requests to tell this quantile")

// RatioOfQuantiles compares the q-quantiles of all latencies of a side. With too
// few of them the error is ErrTooFew.
//
// The interval is a bootstrap over pairs, never over requests: requests of one
// slice share its weather, and an interval that takes them for independent
// calls two runs of one binary different. It is done with single pairs, with
// blocks of Options.Block neighbours and with blocks of twice as many, and the
// widest is kept.
func RatioOfQuantiles(pairs []Pair, q float64, o Options) (Ratio, error) {
	if !(q > 0 && q < 1) {
		return Ratio{}, fmt.Errorf("the quantile %v does not lie between 0 and 1", q)
	}
	before, err := newSide(pairs, func(p Pair) []float64 { return p.Before })
	if err != nil {
		return Ratio{}, fmt.Errorf("latencies before: %w", err)
	}
	after, err := newSide(pairs, func(p Pair) []float64 { return p.After })
	if err != nil {
		return Ratio{}, fmt.Errorf("latencies after: %w", err)
	}
	if n := min(len(before.values), len(after.values)); float64(n)*(1-max(q, 1-q)) < 1-1e-9 {
		return Ratio{}, fmt.Errorf("%w: %d on a side", ErrTooFew, n)
	}
	r := Ratio{Pairs: len(pairs)}
	weights := make([]int32, len(pairs))
	for i := range weights {
		weights[i] = 1
	}
	r.Before, r.After = before.quantile(q, weights), after.quantile(q, weights)
	return r.bounded(o, func(weights []int32) float64 {
		return logRatio(before.quantile(q, weights), after.quantile(q, weights))
	})
}

// Sums holds one pair's counters: what was counted, and over how many requests.
type Sums struct{ Before, BeforeRequests, After, AfterRequests float64 }

// RatioOfSums compares counters per request (queries, bytes, CPU seconds), with
// the same interval as RatioOfQuantiles.
func RatioOfSums(pairs []Sums, o Options) (Ratio, error) {
	for i, p := range pairs {
		for _, v := range []float64{p.Before, p.BeforeRequests, p.After, p.AfterRequests} {
			if !(v >= 0) || math.IsInf(v, 0) {
				return Ratio{}, fmt.Errorf("pair %d counts %v", i, v)
			}
		}
	}
	means := func(weight func(int) float64) (before, after float64) {
		var s Sums
		for i, p := range pairs {
			w := weight(i)
			s.Before += w * p.Before
			s.BeforeRequests += w * p.BeforeRequests
			s.After += w * p.After
			s.AfterRequests += w * p.AfterRequests
		}
		return s.Before / s.BeforeRequests, s.After / s.AfterRequests
	}
	r := Ratio{Pairs: len(pairs)}
	r.Before, r.After = means(func(int) float64 { return 1 })
	if math.IsNaN(r.Before) || math.IsNaN(r.After) {
		return Ratio{}, errors.New("no requests were counted")
	}
	return r.bounded(o, func(weights []int32) float64 {
		return logRatio(means(func(i int) float64 { return float64(weights[i]) }))
	})
}

// bounded fills in the ratio and its interval. statistic returns the log ratio
// of a resample, in which each pair counts as often as its weight says.
func (r Ratio) bounded(o Options, statistic func(weights []int32) float64) (Ratio, error) {
	if r.Pairs < 2 {
		return Ratio{}, fmt.Errorf("an interval needs at least 2 pairs of slices; there are %d", r.Pairs)
	}
	o = o.filled()
	point := logRatio(r.Before, r.After)
	low, high := interval(r.Pairs, 1, point, o, statistic)
	// Blocks just as long as the noise see three quarters of it, so blocks of
	// twice the length are tried too; but fewer than eight say too little about
	// how blocks differ.
	for tried, block := 1, o.Block; block <= 2*o.Block; block += max(o.Block, 1) {
		size := min(block, r.Pairs/8)
		if size <= tried {
			continue
		}
		tried = size
		if l, h := interval(r.Pairs, size, point, o, statistic); h-l > high-low {
			low, high = l, h
		}
	}
	r.Ratio = unlog(point)
	r.Low, r.High = unlog(low), unlog(high)
	r.MDE = unlog((high - low) / 2 * (1 + normal(0.6)/normal(o.Level)))
	return r, nil
}

// halfWidth is that of the interval, on the log scale.
func (r Ratio) halfWidth() float64 {
	return (clampLog(math.Log(r.High)) - clampLog(math.Log(r.Low))) / 2
}

// limit bounds logs of ratios, so that failures stay comparable: e⁵⁰ is far
// beyond any ratio of two latencies.
const limit = 50

func clampLog(v float64) float64 { return max(-limit, min(limit, v)) }

// logRatio returns ln(before/after) within ±limit. Two sides that both failed
// are equal.
func logRatio(before, after float64) float64 {
	if before == after {
		return 0
	}
	return clampLog(math.Log(before) - math.Log(after))
}

// unlog is exp, with the limits as what they stand for.
func unlog(v float64) float64 {
	switch {
	case v >= limit:
		return math.Inf(1)
	case v <= -limit:
		return 0
	}
	return math.Exp(v)
}

// side holds one side's latencies in falling order, each with its pair, so that
// no resample has to be sorted.
type side struct {
	values  []float64
	pair    []int32
	perPair []int // latencies of each pair
}

func newSide(pairs []Pair, of func(Pair) []float64) (side, error) {
	type latency struct {
		value float64
		pair  int32
	}
	s := side{perPair: make([]int, len(pairs))}
	n := 0
	for i, p := range pairs {
		s.perPair[i] = len(of(p))
		n += len(of(p))
	}
	if n == 0 {
		return side{}, errors.New("there are none")
	}
	all := make([]latency, 0, n)
	for i, p := range pairs {
		for _, v := range of(p) {
			if !(v >= 0) {
				return side{}, fmt.Errorf("pair %d holds %v", i, v)
			}
			all = append(all, latency{v, int32(i)})
		}
	}
	slices.SortFunc(all, func(a, b latency) int { return cmp.Compare(b.value, a.value) })
	s.values, s.pair = make([]float64, n), make([]int32, n)
	for i, l := range all {
		s.values[i], s.pair[i] = l.value, l.pair
	}
	return s, nil
}

// quantile returns the q-quantile by nearest rank when each pair's latencies
// count as often as its weight says; NaN if none count. It walks from the
// nearer end: for a P95 over one value in twenty.
func (s side) quantile(q float64, weights []int32) float64 {
	total := 0
	for i, n := range s.perPair {
		total += n * int(weights[i])
	}
	if total == 0 {
		return math.NaN()
	}
	if r := rank(q, total); 2*r < total {
		for i := len(s.values) - 1; ; i-- {
			if r -= int(weights[s.pair[i]]); r <= 0 {
				return s.values[i]
			}
		}
	}
	r := total - rank(q, total) + 1 // counted from the largest
	for i := 0; ; i++ {
		if r -= int(weights[s.pair[i]]); r <= 0 {
			return s.values[i]
		}
	}
}
