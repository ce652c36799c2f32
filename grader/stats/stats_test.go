package stats

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func near(a, b, tolerance float64) bool { return math.Abs(a-b) <= tolerance }

func TestQuantile(t *testing.T) {
	var hundred []float64
	for i := range 100 {
		hundred = append(hundred, float64(i+1))
	}
	cases := []struct {
		sorted []float64
		q      float64
		want   float64
	}{
		{[]float64{7}, 0.95, 7},
		{[]float64{1, 2}, 0.5, 1},
		{[]float64{1, 2, 3}, 0.5, 2},
		{hundred, 0.95, 95},
		{hundred, 0.99, 99},
		{hundred, 0.07, 7}, // 0.07·100 is above 7 in binary
		{hundred, 0.995, 100},
		{hundred, 0, 1},
		{hundred, 1, 100},
		{[]float64{1, math.Inf(1)}, 0.95, math.Inf(1)},
	}
	for _, tc := range cases {
		if got := Quantile(tc.sorted, tc.q); got != tc.want {
			t.Errorf("the %v-quantile of %d values is %v, want %v", tc.q, len(tc.sorted), got, tc.want)
		}
	}
	if !math.IsNaN(Quantile(nil, 0.5)) {
		t.Error("of no values there is a quantile")
	}
}

// The walk over sorted latencies must agree with writing each one down as often
// as it counts.
func TestWeightedQuantileIsThatOfCopies(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 500 {
		pairs := make([]Pair, 1+rng.IntN(6))
		weights := make([]int32, len(pairs))
		var copies []float64
		for i := range pairs {
			weights[i] = int32(rng.IntN(4))
			for range rng.IntN(8) {
				v := float64(rng.IntN(20))
				pairs[i].Before = append(pairs[i].Before, v)
				for range weights[i] {
					copies = append(copies, v)
				}
			}
		}
		s, err := newSide(pairs, func(p Pair) []float64 { return p.Before })
		if err != nil {
			continue
		}
		slices.Sort(copies)
		for _, q := range []float64{0.01, 0.3, 0.5, 0.51, 0.95, 0.99} {
			got, want := s.quantile(q, weights), Quantile(copies, q)
			if got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
				t.Fatalf("the %v-quantile of %v with weights %v is %v, want %v", q, pairs, weights, got, want)
			}
		}
	}
}

func TestStudent(t *testing.T) {
	// Tables of the t distribution, two-sided 95 %.
	for _, tc := range []struct{ df, want, tolerance float64 }{
		{1, 12.706, 1.5}, {2, 4.303, 0.04}, {4, 2.776, 0.001}, {9, 2.262, 0.001}, {19, 2.093, 0.001}, {99, 1.984, 0.001},
	} {
		if got := student(0.95, tc.df); !near(got, tc.want, tc.tolerance) {
			t.Errorf("t of %v degrees is %.4f, want %.3f", tc.df, got, tc.want)
		}
	}
}

func TestRatioOfQuantiles(t *testing.T) {
	// Every slice the same: the ratio is exact, and its interval a point.
	pairs := make([]Pair, 10)
	for i := range pairs {
		for v := 1.0; v <= 20; v++ {
			pairs[i].Before = append(pairs[i].Before, 8*v)
			pairs[i].After = append(pairs[i].After, v)
		}
	}
	r, err := RatioOfQuantiles(pairs, 0.95, Options{Block: 2})
	if err != nil || r.Before != 152 || r.After != 19 || !near(r.Ratio, 8, 1e-9) || !near(r.Low, 8, 1e-9) || !near(r.High, 8, 1e-9) || r.Pairs != 10 || !near(r.MDE, 1, 1e-9) {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestRatioIsDeterministic(t *testing.T) {
	pairs := lognormal.pairs(rand.New(rand.NewPCG(1, 1)), 30, 50, 1.3)
	a, err := RatioOfQuantiles(pairs, 0.95, Options{Seed: 5, Block: 3})
	if err != nil {
		t.Fatal(err)
	}
	for i := range pairs { // any order within a slice
		slices.Reverse(pairs[i].Before)
	}
	b, err := RatioOfQuantiles(pairs, 0.95, Options{Seed: 5, Block: 3})
	if err != nil || a != b {
		t.Errorf("equal seeds gave %+v and %+v, %v", a, b, err)
	}
	if !(a.Low < a.Ratio && a.Ratio < a.High) {
		t.Errorf("the ratio lies outside of its interval: %+v", a)
	}
}

func TestRatioOfFailures(t *testing.T) {
	inf := math.Inf(1)
	fine, broken := []float64{1, 2, 3, 4}, []float64{1, inf, inf, inf}
	cases := []struct {
		name          string
		before, after []float64
		ratio         float64
	}{
		{"after failed", fine, broken, 0},
		{"before failed", broken, fine, inf},
		{"both failed", broken, broken, 1},
		{"neither", fine, fine, 1},
	}
	for _, tc := range cases {
		pairs := slices.Repeat([]Pair{{tc.before, tc.after}}, 5)
		r, err := RatioOfQuantiles(pairs, 0.95, Options{})
		if err != nil || r.Ratio != tc.ratio || math.IsNaN(r.Low) || math.IsNaN(r.High) || r.Low > r.High {
			t.Errorf("%s: %+v, %v", tc.name, r, err)
		}
	}
}

func TestRatioRefuses(t *testing.T) {
	ok := Pair{[]float64{1}, []float64{1}}
	for name, tc := range map[string]struct {
		pairs []Pair
		q     float64
	}{
		"no pairs":         {nil, 0.95},
		"one pair":         {[]Pair{ok}, 0.95},
		"an empty side":    {[]Pair{{Before: []float64{1}}, {Before: []float64{1}}}, 0.95},
		"NaN":              {[]Pair{ok, {[]float64{math.NaN()}, []float64{1}}}, 0.95},
		"negative":         {[]Pair{ok, {[]float64{1}, []float64{-1}}}, 0.95},
		"quantile of 1":    {[]Pair{ok, ok}, 1},
		"quantile of NaN":  {[]Pair{ok, ok}, math.NaN()},
		"quantile of zero": {[]Pair{ok, ok}, 0},
	} {
		if r, err := RatioOfQuantiles(tc.pairs, tc.q, Options{}); err == nil {
			t.Errorf("%s gave %+v", name, r)
		}
	}
	if _, err := RatioOfQuantiles([]Pair{ok, {}, ok}, 0.5, Options{}); err != nil {
		t.Errorf("a slice without arrivals: %v", err)
	}
}

// A quantile that is no other than the extreme has no interval: nearly every
// resample holds the same one, so it would look certain.
func TestRatioOfTooFew(t *testing.T) {
	for _, tc := range []struct {
		q      float64
		n      int
		enough bool
	}{{0.95, 19, false}, {0.95, 20, true}, {0.99, 99, false}, {0.99, 100, true}, {0.5, 2, true}, {0.05, 19, false}} {
		pairs := make([]Pair, tc.n)
		for i := range pairs {
			pairs[i] = Pair{[]float64{float64(i)}, []float64{float64(i)}}
		}
		if _, err := RatioOfQuantiles(pairs, tc.q, Options{}); errors.Is(err, ErrTooFew) == tc.enough {
			t.Errorf("P%g of %d: %v", 100*tc.q, tc.n, err)
		}
	}
}

func TestRatioOfSums(t *testing.T) {
	var pairs []Sums
	rng := rand.New(rand.NewPCG(1, 1))
	for range 20 {
		n := float64(80 + rng.IntN(40))
		pairs = append(pairs, Sums{120*n + float64(rng.IntN(100)), n, 6 * n, n})
	}
	r, err := RatioOfSums(pairs, Options{})
	if err != nil || !near(r.Ratio, 20, 0.2) || r.After != 6 || r.Low > r.Ratio || r.High < r.Ratio || r.High > 20.3 {
		t.Errorf("got %+v, %v", r, err)
	}
	for _, bad := range [][]Sums{nil, {{}, {}}, {{-1, 1, 1, 1}, {1, 1, 1, 1}}, {{math.NaN(), 1, 1, 1}, {1, 1, 1, 1}}} {
		if r, err := RatioOfSums(bad, Options{}); err == nil {
			t.Errorf("%v gave %+v", bad, r)
		}
	}
	if r, err := RatioOfSums([]Sums{{5, 1, 0, 1}, {5, 1, 0, 1}}, Options{}); err != nil || !math.IsInf(r.Ratio, 1) {
		t.Errorf("no queries any more gave %+v, %v", r, err)
	}
}

func TestHodgesLehmann(t *testing.T) {
	var pairs []Pair
	for i := range 25 {
		f := 2 * math.Exp(float64(i-12)/100)
		pairs = append(pairs, Pair{[]float64{f}, []float64{1}})
	}
	pairs[3].Before[0] = 1000 // one freeze does not move it far
	ratio, low, high := HodgesLehmann(pairs, 0.95)
	if !near(ratio, 2, 0.05) || low > ratio || high < ratio || low < 1.8 || high > 2.2 {
		t.Errorf("got %.3f between %.3f and %.3f", ratio, low, high)
	}
	if ratio, low, high := HodgesLehmann(pairs[5:9], 0.95); low != 0 || !math.IsInf(high, 1) || math.IsNaN(ratio) {
		t.Errorf("four pairs gave %v between %v and %v", ratio, low, high)
	}
	if ratio, _, _ := HodgesLehmann([]Pair{{}}, 0.95); !math.IsNaN(ratio) {
		t.Errorf("no latencies gave %v", ratio)
	}
}

func TestProportion(t *testing.T) {
	// Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
	for _, tc := range []struct {
		r, n      int
		low, high float64
	}{{81, 263, 0.2553, 0.3662}, {15, 148, 0.0624, 0.1605}, {0, 20, 0, 0.1611}, {1, 29, 0.0061, 0.1718}, {29, 29, 0.8830, 1}} {
		p, low, high := Proportion(tc.r, tc.n)
		if p != float64(tc.r)/float64(tc.n) || !near(low, tc.low, 5e-5) || !near(high, tc.high, 5e-5) {
			t.Errorf("%d of %d: %.4f to %.4f, want %.4f to %.4f", tc.r, tc.n, low, high, tc.low, tc.high)
		}
	}
	if p, low, high := Proportion(0, 0); p != 0 || low != 0 || high != 1 {
		t.Errorf("none of none: %v, %v to %v", p, low, high)
	}
}

func TestDifference(t *testing.T) {
	// Newcombe, Statistics in Medicine 17 (1998), 873–890, table II, method 10;
	// the paper takes the second from the first.
	for _, tc := range []struct {
		a, m, b, n int
		low, high  float64
	}{
		{56, 70, 48, 80, 0.0524, 0.3339}, {9, 10, 3, 10, 0.1705, 0.8090}, {6, 7, 2, 7, 0.0582, 0.8062},
		{5, 56, 0, 29, -0.0381, 0.1926}, {0, 10, 0, 20, -0.1611, 0.2775}, {10, 10, 0, 20, 0.6791, 1},
	} {
		d, low, high := Difference(tc.b, tc.n, tc.a, tc.m)
		want := float64(tc.a)/float64(tc.m) - float64(tc.b)/float64(tc.n)
		if !near(d, want, 1e-12) || !near(low, tc.low, 5e-5) || !near(high, tc.high, 5e-5) {
			t.Errorf("%d/%d − %d/%d: %.4f, %.4f to %.4f, want %.4f to %.4f", tc.a, tc.m, tc.b, tc.n, d, low, high, tc.low, tc.high)
		}
	}
	if d, low, high := Difference(0, 0, 1, 2); d != 0 || low != -1 || high != 1 {
		t.Errorf("against nothing: %v, %v to %v", d, low, high)
	}
}

func TestScore(t *testing.T) {
	inf := math.Inf(1)
	for _, tc := range []struct{ ratio, reference, want float64 }{
		{1, 8, 0}, {8, 8, 100}, {2, 8, 100.0 / 3}, {64, 8, 200}, {0.5, 8, 0}, {0, 8, 0},
		{8, 1, 0}, {8, 0.5, 0}, {inf, 8, 0}, {8, inf, 0}, {math.NaN(), 8, 0}, {8, math.NaN(), 0},
	} {
		if got := Score(tc.ratio, tc.reference); !near(got, tc.want, 1e-9) {
			t.Errorf("Score(%v, %v) = %v, want %v", tc.ratio, tc.reference, got, tc.want)
		}
	}
}

func TestDecide(t *testing.T) {
	r := func(ratio, low, high float64) Ratio { return Ratio{Ratio: ratio, Low: low, High: high} }
	inf := math.Inf(1)
	for _, tc := range []struct {
		name          string
		r             Ratio
		hlLow, hlHigh float64
		want          Decision
	}{
		{"clear", r(2, 1.8, 2.2), 1.7, 2.3, Better},
		{"interval includes 1", r(1.2, 0.99, 1.5), 1.1, 1.3, NoDifference},
		{"certain and tiny", r(1.03, 1.01, 1.05), 1.01, 1.05, NoDifference},
		{"a freeze repaired", r(200, 3, 300), 0.96, 1.03, Better},
		{"typical slices are worse", r(1.5, 1.2, 1.8), 0.7, 0.9, NoDifference},
		{"too few pairs to cross-check", r(1.5, 1.2, 1.8), 0, inf, Better},
		{"worse", r(0.5, 0.4, 0.6), 0.4, 0.6, Worse},
		{"tiny worse", r(0.97, 0.95, 0.99), 0.95, 0.99, NoDifference},
		{"worse with better slices", r(0.5, 0.4, 0.6), 1.1, 1.3, NoDifference},
		{"after failed", r(0, 0, 0), 0, 0, Worse},
	} {
		if got := Decide(tc.r, tc.hlLow, tc.hlHigh, 0); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
	if Decide(r(1.1, 1.05, 1.15), 1, 1.2, 0.2) != NoDifference {
		t.Error("a wider band was not used")
	}
}

func TestEnough(t *testing.T) {
	for _, tc := range []struct {
		name   string
		r      Ratio
		target float64
		want   bool
	}{
		{"narrow", Ratio{Ratio: 1, Low: 0.97, High: 1.03, Pairs: 50}, 8, true},
		{"significant, wide, below the target", Ratio{Ratio: 3, Low: 2, High: 4, Pairs: 50}, 8, false},
		{"holds the target, barely", Ratio{Ratio: 10, Low: 8.1, High: 13, Pairs: 50}, 8, false},
		{"holds the target by a margin", Ratio{Ratio: 12, Low: 9, High: 16, Pairs: 50}, 8, true},
		{"no target", Ratio{Ratio: 12, Low: 9, High: 16, Pairs: 50}, 0, false},
		{"few pairs", Ratio{Ratio: 12, Low: 11.9, High: 12.1, Pairs: 5}, 8, false},
		{"failures", Ratio{Ratio: math.Inf(1), Low: 0, High: math.Inf(1), Pairs: 50}, 8, false},
	} {
		if got := Enough(tc.r, tc.target, 0, 0); got != tc.want {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
}

func TestHistogram(t *testing.T) {
	edges := LogEdges(1, 1000, 4)
	for i, want := range []float64{1, 10, 100, 1000} {
		if !near(edges[i], want, 1e-9*want) {
			t.Errorf("edge %d is %v, want %v", i, edges[i], want)
		}
	}
	got := Histogram([]float64{1, 10, 100}, []float64{0, 0.5, 1, 1.5, 10, 10.1, 100, 5000, math.Inf(1)})
	if want := []int{3, 2, 4}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, bad := range [][]float64{LogEdges(0, 1, 5), LogEdges(2, 1, 5), LogEdges(1, 2, 1), LogEdges(1, math.Inf(1), 3), LogEdges(math.NaN(), 1, 3)} {
		if bad != nil {
			t.Errorf("edges without sense: %v", bad)
		}
	}
	if got := Histogram(nil, []float64{1}); len(got) != 0 {
		t.Errorf("without edges: %v", got)
	}
}
