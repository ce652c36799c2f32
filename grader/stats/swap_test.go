package stats

import (
	"math/rand/v2"
	"testing"
)

// Equal sides must be called different by the swap test alone in no more runs
// than its level says, however their latencies are made. The interval's alarms
// are logged beside it: Differs needs both, and they err in different runs.
func TestSwapIsExact(t *testing.T) {
	simulates(t)
	const trials, level = 600, 0.95
	for _, s := range []service{lognormal, bimodal, heavy, clustered} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(17, 1))
			swapped, interval := 0, 0
			for i := range trials {
				pairs := s.pairs(rng, 47, 12, 1)
				o := Options{Seed: uint64(i), Resamples: 200, Level: level}
				if Swap(pairs, 0.95, o) <= 1-level {
					swapped++
				}
				r, err := RatioOfQuantiles(pairs, 0.95, o)
				if err != nil {
					t.Fatal(err)
				}
				if r.Low > 1 || r.High < 1 {
					interval++
				}
			}
			t.Logf("false alarms: %.1f %% by swaps, %.1f %% by the interval", 100*float64(swapped)/trials, 100*float64(interval)/trials)
			// Three deviations of 600 coin throws at 5 % above it.
			if share := float64(swapped) / trials; share > 0.077 {
				t.Errorf("false alarms in %.1f %% of runs", 100*share)
			}
		})
	}
}

func TestSwapSeesADifference(t *testing.T) {
	rng := rand.New(rand.NewPCG(18, 1))
	if p := Swap(lognormal.pairs(rng, 47, 12, 2), 0.95, Options{Block: 4}); p > 0.01 {
		t.Errorf("half the latency happens by chance with probability %.3f", p)
	}
	// Eight pairs of which each says the same are as many as 99 % needs.
	if p := Swap(lognormal.pairs(rng, 8, 40, 3), 0.95, Options{Level: 0.99}); p != 2.0/256 {
		t.Errorf("eight clear pairs happen by chance with probability %.4f", p)
	}
	if p := Swap([]Pair{{Before: []float64{1}}}, 0.95, Options{}); p != 1 {
		t.Errorf("one side alone: %v", p)
	}
}
