package stats

import (
	"cmp"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
)

// Differs decides whether the q-quantiles of the two sides differ, at the level
// of o: by Decide, with the interval of RatioOfQuantiles and that of
// HodgesLehmann, and by a swap test, which must agree that chance does not do
// that. With a thousand requests a P95 hangs on some fifty, in a few clusters, and
// a bootstrap knows only the clusters that it saw. The swap test needs nothing
// but that the order of each pair was drawn, and errs in other runs.
func Differs(pairs []Pair, q, band float64, o Options) (Decision, error) {
	r, err := RatioOfQuantiles(pairs, q, o)
	if err != nil {
		return NoDifference, err
	}
	_, low, high := HodgesLehmann(pairs, q)
	d := Decide(r, low, high, band)
	if d == NoDifference {
		return d, nil
	}
	if o = o.filled(); Swap(pairs, q, o) > 1-o.Level {
		return NoDifference, nil
	}
	return d, nil
}

// Swap returns how probable it is that two equal sides differ as much as these
// do: the share of ways to swap before and after in some of the pairs in which they
// differ at least so much in their pooled q-quantiles. It is a
// permutation test (Good, "Permutation, Parametric and Bootstrap Tests of
// Hypotheses", 3rd ed., 3.7), which is exact: if the sides are equal, a pair is
// as likely to have come the other way round. Neighbours of one block are
// swapped together, as their noise is one; the least convincing of single pairs
// and blocks counts. Without requests it is 1.
func Swap(pairs []Pair, q float64, o Options) float64 {
	o = o.filled()
	s := newSwapped(pairs)
	if s == nil {
		return 1
	}
	observed := math.Abs(s.logRatio(q, make([]bool, len(pairs))))
	worst := 0.0
	for _, block := range []int{1, min(2*o.Block, len(pairs)/8)} {
		block = max(block, 1)
		as, all := 0, 0
		for swap := range swaps(len(pairs), block, o) {
			all++
			if math.Abs(s.logRatio(q, swap)) >= observed {
				as++
			}
		}
		worst = max(worst, float64(as)/float64(all))
	}
	return worst
}

// everySwap is up to how many blocks all ways to swap them are tried: with eight
// the only two that are as extreme as a clear difference are 0.8 % of 256, which
// a sample of a thousand often misses the 1 % with.
const everySwap = 10

// swaps yields which pairs to swap: in all ways where there are few blocks, else
// in Options.Resamples that a coin chose and the one that was seen. What it
// yields is overwritten by the next.
func swaps(pairs, block int, o Options) iter.Seq[[]bool] {
	blocks := (pairs + block - 1) / block
	swap := make([]bool, pairs)
	return func(yield func([]bool) bool) {
		n, chosen := 1<<min(blocks, everySwap), func(i, b int) bool { return i>>b&1 == 1 }
		if blocks > everySwap {
			rng := rand.New(rand.NewPCG(o.Seed, uint64(block)))
			n, chosen = o.Resamples+1, func(i, _ int) bool { return i > 0 && rng.IntN(2) == 1 }
		}
		for i := range n {
			for b := range blocks {
				flip := chosen(i, b)
				for k := b * block; k < min((b+1)*block, pairs); k++ {
					swap[k] = flip
				}
			}
			if !yield(swap) {
				return
			}
		}
	}
}

// swapped holds the latencies of both sides in falling order.
type swapped struct {
	values []swappable
	counts [2][]int // of each pair
}

type swappable struct {
	value float64
	pair  int32
	side  int8
}

func newSwapped(pairs []Pair) *swapped {
	s := &swapped{}
	var n [2]int
	for i, p := range pairs {
		for side, latencies := range [][]float64{p.Before, p.After} {
			for _, v := range latencies {
				s.values = append(s.values, swappable{v, int32(i), int8(side)})
			}
			s.counts[side] = append(s.counts[side], len(latencies))
			n[side] += len(latencies)
		}
	}
	if n[0] == 0 || n[1] == 0 {
		return nil
	}
	slices.SortFunc(s.values, func(a, b swappable) int { return cmp.Compare(b.value, a.value) })
	return s
}

// logRatio is that of the sides' quantiles after some pairs were swapped.
func (s *swapped) logRatio(q float64, swap []bool) float64 {
	var total [2]int
	for i, flip := range swap {
		for side := range total {
			total[side] += s.counts[other(side, flip)][i]
		}
	}
	if total[0] == 0 || total[1] == 0 {
		return 0
	}
	// Ranks from the largest, as the interesting quantiles lie there.
	left := [2]int{total[0] - rank(q, total[0]) + 1, total[1] - rank(q, total[1]) + 1}
	var found [2]float64
	for _, v := range s.values {
		side := other(int(v.side), swap[v.pair])
		if left[side]--; left[side] == 0 {
			found[side] = v.value
			if left[1-side] <= 0 {
				break
			}
		}
	}
	return logRatio(found[0], found[1])
}

func other(side int, flip bool) int {
	if flip {
		return 1 - side
	}
	return side
}
