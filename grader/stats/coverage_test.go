package stats

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync/atomic"
	"testing"
)

// service is a model of latencies with the noise that real runs have: weather
// that both slices of a pair share, weather that each has alone, and weather
// that lasts over neighbouring pairs.
type service struct {
	name                string
	draw                func(*rand.Rand) float64
	shared, own, drifts float64 // deviations of the logs
}

var (
	lognormal = service{"lognormal", func(r *rand.Rand) float64 { return math.Exp(r.NormFloat64() * 0.5) }, 0.2, 0.1, 0}
	bimodal   = service{"bimodal", func(r *rand.Rand) float64 {
		v := math.Exp(r.NormFloat64() * 0.2)
		if r.IntN(10) == 0 {
			v *= 8 // a slow class of one in ten
		}
		return v
	}, 0.2, 0.1, 0}
	// heavy has Pareto tails of index 2: the variance is infinite.
	heavy = service{"heavy tail", func(r *rand.Rand) float64 { return math.Pow(1-r.Float64(), -0.5) }, 0.2, 0.1, 0}
	// clustered has its slow requests in a few slices: queues that formed once in
	// a while, on either side.
	clustered = service{"clustered", lognormal.draw, 0.1, 0.6, 0}
	// drifting has own weather that lasts for some pairs.
	drifting = service{"drifting", lognormal.draw, 0.2, 0, 0.1}
)

// pairs draws slices of a service and of one that is faster by factor.
func (s service) pairs(rng *rand.Rand, n, each int, factor float64) []Pair {
	pairs := make([]Pair, n)
	var drift float64
	for i := range pairs {
		// An autoregressive walk of the difference between the sides.
		drift = 0.5*drift + math.Sqrt(1-0.25)*rng.NormFloat64()*s.drifts
		shared := rng.NormFloat64() * s.shared
		for side, f := range []float64{1, 1 / factor} {
			weather := math.Exp(shared + rng.NormFloat64()*s.own + drift*float64(side))
			values := make([]float64, each)
			for k := range values {
				values[k] = s.draw(rng) * weather * f
			}
			if side == 0 {
				pairs[i].Before = values
			} else {
				pairs[i].After = values
			}
		}
	}
	return pairs
}

// simulates leaves a test of many runs out of the race detector's: it has one
// goroutine, and would take two minutes there.
func simulates(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("simulates hundreds of runs")
	}
}

// An interval of 95 % must hold the truth in at least 93 % of runs, or its name
// is wrong. Few pairs are the hard case, and blocks the one of lasting weather.
func TestIntervalCoversTheTruth(t *testing.T) {
	simulates(t)
	const trials = 300
	for _, tc := range []struct {
		service service
		pairs   int
		q       float64
		block   int
	}{
		{lognormal, 60, 0.95, 5},
		{lognormal, 12, 0.95, 0},
		{lognormal, 60, 0.5, 5},
		{bimodal, 60, 0.95, 5},
		{heavy, 60, 0.95, 5},
		{heavy, 60, 0.99, 5},
		{drifting, 80, 0.95, 5},
	} {
		t.Run(fmt.Sprintf("%s, %d pairs, P%.0f", tc.service.name, tc.pairs, tc.q*100), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(11, 1))
			held, width := 0, 0.0
			const truth = 1.5
			for i := range trials {
				r, err := RatioOfQuantiles(tc.service.pairs(rng, tc.pairs, 50, truth), tc.q, Options{Seed: uint64(i), Block: tc.block, Resamples: 300})
				if err != nil {
					t.Fatal(err)
				}
				if r.Low <= truth && truth <= r.High {
					held++
				}
				width += r.halfWidth() / trials
			}
			share := float64(held) / trials
			t.Logf("holds the truth in %.1f %%, half-width ±%.1f %%", share*100, width*100)
			if share < 0.93 {
				t.Errorf("holds the truth in %.1f %%", share*100)
			}
		})
	}
}

// What the bootstrap over requests would have said, for the reason why it is
// over pairs: the model must be one in which the difference matters.
func TestNaiveIntervalWouldNotCover(t *testing.T) {
	simulates(t)
	const trials = 200
	rng := rand.New(rand.NewPCG(12, 1))
	held := 0
	for i := range trials {
		// Each request a pair of its own: the weather they share is not seen.
		var single []Pair
		for _, p := range lognormal.pairs(rng, 20, 50, 1) {
			for k := range p.Before {
				single = append(single, Pair{p.Before[k : k+1], p.After[k : k+1]})
			}
		}
		r, err := RatioOfQuantiles(single, 0.95, Options{Seed: uint64(i), Resamples: 200})
		if err != nil {
			t.Fatal(err)
		}
		if r.Low <= 1 && 1 <= r.High {
			held++
		}
	}
	if share := float64(held) / trials; share > 0.93 {
		t.Errorf("an interval over requests covers %.1f %%, so the model tests nothing", share*100)
	}
}

func TestDecideFindsWhatIsThere(t *testing.T) {
	simulates(t)
	quiet := lognormal
	quiet.own = 0.05
	for _, tc := range []struct {
		service service
		factor  float64
		each    int // requests in a slice
		trials  int
		least   float64 // share of runs that are decided rightly
	}{
		{lognormal, 1, 20, 500, 0.95},
		{bimodal, 1, 20, 500, 0.95},
		{heavy, 1, 20, 500, 0.95},
		{drifting, 1, 20, 500, 0.95},
		{clustered, 1, 12, 500, 0.95},
		{quiet, 1.1, 100, 150, 0.9}, // 10,000 requests on each side
		{lognormal, 1.3, 20, 150, 0.99},
		{lognormal, 1 / 1.3, 20, 150, 0.99},
	} {
		t.Run(fmt.Sprintf("%s, %.2f times", tc.service.name, tc.factor), func(t *testing.T) {
			t.Parallel()
			want := NoDifference
			if tc.factor > 1 {
				want = Better
			} else if tc.factor < 1 {
				want = Worse
			}
			rng := rand.New(rand.NewPCG(13, 1))
			right := 0
			for i := range tc.trials {
				pairs := tc.service.pairs(rng, 100, tc.each, tc.factor)
				d, err := Differs(pairs, 0.95, 0, Options{Seed: uint64(i), Block: 5, Resamples: 300})
				if err != nil {
					t.Fatal(err)
				}
				if d == want {
					right++
				}
			}
			t.Logf("%v in %.1f %% of runs", want, float64(right)/float64(tc.trials)*100)
			if share := float64(right) / float64(tc.trials); share < tc.least {
				t.Errorf("%v in only %.1f %% of runs", want, share*100)
			}
		})
	}
}

// A candidate that is exactly as good as its target must seldom be passed by
// looking at it again and again. The rule without a margin shows that the looks
// do cost something.
func TestEnoughPaysForItsLooks(t *testing.T) {
	simulates(t)
	const trials, target = 200, 2.0
	noisy := lognormal
	noisy.own = 0.4 // so wide that width alone does not end the run
	rng := rand.New(rand.NewPCG(14, 1))
	early, naive := 0, 0
	for i := range trials {
		pairs := noisy.pairs(rng, 100, 30, target)
		stopped, seen := false, false
		for n := 20; n <= 100; n += 5 { // as often as a run looks
			r, err := RatioOfQuantiles(pairs[:n], 0.95, Options{Seed: uint64(i), Block: 5, Resamples: 200})
			if err != nil {
				t.Fatal(err)
			}
			stopped = stopped || Enough(r, target, 0, 0) && r.Low >= target
			seen = seen || r.Low > target
		}
		if stopped {
			early++
		}
		if seen {
			naive++
		}
	}
	t.Logf("passed by chance: %.1f %% with the margin, %.1f %% at the first look that holds the target", float64(early)/trials*100, float64(naive)/trials*100)
	if share := float64(early) / trials; share > 0.025 {
		t.Errorf("%.1f %% were passed by chance", share*100)
	}
	if naive <= early {
		t.Error("looking costs nothing in this model, so the test shows nothing")
	}
}

// A run is looked at every five pairs and ends as soon as it is known narrowly
// enough. What it then says must be as true as if it had been planned so long:
// the interval still holds the truth, and a service beside itself is still not
// called different.
func TestStoppingKeepsItsErrorRate(t *testing.T) {
	simulates(t)
	const trials, most, look = 200, 60, 5
	services := []service{lognormal, bimodal, heavy, drifting}
	var total atomic.Int64
	t.Cleanup(func() { // after all of them
		share := float64(total.Load()) / float64(trials*len(services))
		if share > 0.05 {
			t.Errorf("%.1f %% false alarms in all", 100*share)
		}
	})
	for _, s := range services {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(15, 1))
			held, alarms, early := 0, 0, 0
			for i := range trials {
				pairs := s.pairs(rng, most, 40, 1)
				var r Ratio
				n := leastPairs // no run ends before
				for ; ; n += look {
					var err error
					if r, err = RatioOfQuantiles(pairs[:n], 0.95, Options{Seed: uint64(i), Block: 5, Resamples: 200}); err != nil {
						t.Fatal(err)
					}
					// A width that about half of the runs reach on the way: where
					// the choice of the moment could do most harm.
					if n == most || Enough(r, 8, 0.12, 0) {
						break
					}
				}
				if n < most {
					early++
				}
				if r.Low <= 1 && 1 <= r.High {
					held++
				}
				_, low, high := HodgesLehmann(pairs[:n], 0.95)
				if Decide(r, low, high, 0) != NoDifference {
					alarms++
				}
			}
			share := func(n int) float64 { return float64(n) / trials }
			t.Logf("%.0f %% stopped early; the interval holds the truth in %.1f %%; %.1f %% false alarms", 100*share(early), 100*share(held), 100*share(alarms))
			if share(held) < 0.93 {
				t.Errorf("the interval of a run that stops by itself holds the truth in %.1f %%", 100*share(held))
			}
			total.Add(int64(alarms))
		})
	}
}

func BenchmarkRatioOfQuantiles(b *testing.B) {
	pairs := lognormal.pairs(rand.New(rand.NewPCG(1, 1)), 100, 100, 1.2)
	for b.Loop() {
		if _, err := RatioOfQuantiles(pairs, 0.95, Options{Block: 5}); err != nil {
			b.Fatal(err)
		}
	}
}
