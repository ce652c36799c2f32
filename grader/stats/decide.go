package stats

import (
	"math"
	"slices"
)

// HodgesLehmann returns the typical ratio of a pair's q-quantiles with its 95 %
// interval: the median of the Walsh averages of the pairs' log ratios, between
// the order statistics that Wilcoxon's signed-rank test leaves (Hollander,
// Wolfe, Chicken, "Nonparametric Statistical Methods", 3rd ed., 3.2 and 3.3).
//
// It is a cross-check and no score: a rare stall is in few pairs, so it is not
// seen here. Where it differs from the pooled ratio the difference is in the
// tail. With fewer than six pairs there is no such interval, and it is 0 to +Inf.
func HodgesLehmann(pairs []Pair, q float64) (ratio, low, high float64) {
	var logs []float64
	for _, p := range pairs {
		if len(p.Before) == 0 || len(p.After) == 0 {
			continue
		}
		before, after := slices.Sorted(slices.Values(p.Before)), slices.Sorted(slices.Values(p.After))
		logs = append(logs, logRatio(Quantile(before, q), Quantile(after, q)))
	}
	n := len(logs)
	if n == 0 {
		return math.NaN(), 0, math.Inf(1)
	}
	walsh := make([]float64, 0, n*(n+1)/2)
	for i, a := range logs {
		for _, b := range logs[i:] {
			walsh = append(walsh, (a+b)/2)
		}
	}
	slices.Sort(walsh)
	m := len(walsh)
	median := (walsh[(m-1)/2] + walsh[m/2]) / 2
	if n < 6 {
		return unlog(median), 0, math.Inf(1)
	}
	f := float64(n)
	c := int(f*(f+1)/4 - normal(0.95)*math.Sqrt(f*(f+1)*(2*f+1)/24))
	c = max(c, 0)
	return unlog(median), unlog(walsh[c]), unlog(walsh[m-1-c])
}

// Proportion returns a share of failures with its 95 % interval after Wilson,
// "Probable Inference", JASA 22 (1927), which holds for small counts too: none
// of 100 may still be 3.7 %.
func Proportion(failures, n int) (p, low, high float64) {
	if n <= 0 {
		return 0, 0, 1
	}
	z := normal(0.95)
	f := float64(n)
	p = float64(failures) / f
	centre := (p + z*z/(2*f)) / (1 + z*z/f)
	half := z / (1 + z*z/f) * math.Sqrt(p*(1-p)/f+z*z/(4*f*f))
	low, high = max(0, centre-half), min(1, centre+half)
	// Rounding must not say that none of none failed, or that not all did.
	if failures == 0 {
		low = 0
	}
	if failures == n {
		high = 1
	}
	return p, low, high
}

// Difference returns how much larger the second share of failures is than the
// first, with its 95 % interval: Newcombe, "Interval Estimation for the
// Difference Between Independent Proportions", Statistics in Medicine 17 (1998),
// method 10, which holds for none of many too.
//
// It takes failures for independent. They seldom are: a restart fails all that is
// in flight, so a caller that has slices compares them with RatioOfSums as well.
func Difference(failuresBefore, before, failuresAfter, after int) (d, low, high float64) {
	p1, l1, u1 := Proportion(failuresBefore, before)
	p2, l2, u2 := Proportion(failuresAfter, after)
	if before <= 0 || after <= 0 {
		return 0, -1, 1
	}
	d = p2 - p1
	return d, d - math.Hypot(p2-l2, u1-p1), d + math.Hypot(u2-p2, p1-l1)
}

// Score returns 100·ln(ratio)/ln(reference): 0 at the starter, 100 at the
// reference solution, more beyond it, and never below 0. A reference that is no
// better than the starter, or a figure that is not finite, gives no scale and
// scores 0.
func Score(ratio, reference float64) float64 {
	if !(reference > 1) || !(ratio > 1) || math.IsInf(ratio, 0) || math.IsInf(reference, 0) {
		return 0
	}
	return 100 * math.Log(ratio) / math.Log(reference)
}

// Decision says whether a difference is one.
type Decision int

// The decisions.
const (
	NoDifference Decision = iota
	Better
	Worse
)

// String returns "no difference", "better" or "worse".
func (d Decision) String() string {
	return [...]string{"no difference", "better", "worse"}[d]
}

// DefaultBand is the share within which a ratio is called no difference: two
// builds of one source, placed differently in memory, differ by so much.
const DefaultBand = 0.05

// Decide calls a difference better or worse if all of this holds:
//   - the interval of the pooled ratio leaves out 1;
//   - the ratio itself lies outside of [1/(1+band), 1+band], as a difference
//     that is certain and tiny is of no use to anyone;
//   - the interval of HodgesLehmann, hlLow to hlHigh, does not lie wholly on the
//     other side of 1: a better tail with worse typical slices, or the reverse,
//     is for the verdict to tell, and neither better nor worse.
//
// HodgesLehmann need not confirm: the repair of a rare freeze is in the pooled
// tail alone. A band of 0 or less means DefaultBand.
func Decide(r Ratio, hlLow, hlHigh, band float64) Decision {
	if !(band > 0) {
		band = DefaultBand
	}
	switch {
	case r.Low > 1 && r.Ratio > 1+band && !(hlHigh < 1):
		return Better
	case r.High < 1 && r.Ratio < 1/(1+band) && !(hlLow > 1):
		return Worse
	}
	return NoDifference
}

// Stopping rules for Enough.
const (
	// DefaultWidth is the half-width at which a ratio is known well enough.
	DefaultWidth = 0.05
	// DefaultMargin is how far beyond the target the worse end must lie for an
	// early stop.
	DefaultMargin = 0.10
	// leastPairs is how many pairs an early stop needs: the spread of fewer is
	// itself not known.
	leastPairs = 20
)

// Enough says whether a run may end before its time. It may when the interval
// is narrower than ±width, whatever it holds; or when its worse end is better
// than the target by margin (target 0: never).
//
// It must not end because the difference has become significant. Whoever looks
// often and stops at the first significant look finds differences that are not
// there: with ten looks at 5 % in about one run of five. Stopping on width is
// safe, as the width hardly depends on where the ratio lies. The margin pays for
// the looks of the second rule; a test shows what it costs. Zero or less means
// the default of width and margin.
func Enough(r Ratio, target, width, margin float64) bool {
	if !(width > 0) {
		width = DefaultWidth
	}
	if !(margin > 0) {
		margin = DefaultMargin
	}
	if r.Pairs < leastPairs {
		return false
	}
	if r.halfWidth() <= math.Log1p(width) {
		return true
	}
	return target > 0 && r.Low >= target*(1+margin)
}
