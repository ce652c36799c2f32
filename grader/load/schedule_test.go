package load

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// between counts the arrivals of [from, to).
func between(at []time.Duration, from, to time.Duration) (n int) {
	for _, t := range at {
		if t >= from && t < to {
			n++
		}
	}
	return n
}

func TestSchedules(t *testing.T) {
	const s = time.Second
	rng := func() *rand.Rand { return rand.New(rand.NewPCG(7, 7)) }
	type part struct {
		from, to time.Duration
		want     float64 // arrivals in the mean
	}
	for _, tc := range []struct {
		name  string
		draw  func() []time.Duration
		parts []part
	}{
		{"ramp up", func() []time.Duration { return Ramp(rng(), 0, 2000, 10*s) }, []part{{0, 5 * s, 2500}, {5 * s, 10 * s, 7500}}},
		{"ramp down to nothing", func() []time.Duration { return Ramp(rng(), 2000, 0, 10*s) }, []part{{0, 5 * s, 7500}, {5 * s, 10 * s, 2500}}},
		{"no ramp", func() []time.Duration { return Ramp(rng(), 1000, 1000, 10*s) }, []part{{0, 5 * s, 5000}, {5 * s, 10 * s, 5000}}},
		{"spike", func() []time.Duration { return Spike(rng(), 200, 3000, 4*s, s, 10*s) }, []part{{0, 4 * s, 800}, {4 * s, 5 * s, 3000}, {5 * s, 10 * s, 1000}}},
		{"spike from the start", func() []time.Duration { return Spike(rng(), 0, 3000, -s, s, 2*s) }, []part{{0, s, 3000}, {s, 2 * s, 0}}},
		{"spike beyond the end", func() []time.Duration { return Spike(rng(), 1000, 3000, 2*s, 9*s, 3*s) }, []part{{0, 2 * s, 2000}, {2 * s, 3 * s, 3000}}},
		{"trace", func() []time.Duration {
			return Trace([]time.Duration{7 * s, 5 * s, 6*s + 1, 8*s + 1, 5 * s}, 3*s)
		}, []part{{0, 1, 2}, {s, s + 2, 1}, {2 * s, 2*s + 1, 1}, {0, 10 * s, 4}}},
		{"empty trace", func() []time.Duration { return Trace(nil, s) }, []part{{0, s, 0}}},
		{"no rate", func() []time.Duration { return Ramp(rng(), 0, 0, s) }, []part{{0, s, 0}}},
		{"no such rate", func() []time.Duration { return Ramp(rng(), 1, math.NaN(), s) }, []part{{0, s, 0}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			at := tc.draw()
			if !slices.IsSorted(at) {
				t.Error("it is out of order")
			}
			if again := tc.draw(); !slices.Equal(at, again) {
				t.Error("the same seed draws another schedule")
			}
			for _, p := range tc.parts {
				// A Poisson count lies within five deviations but for one in a million.
				if n := float64(between(at, p.from, p.to)); tc.name != "trace" && math.Abs(n-p.want) > 5*math.Sqrt(p.want) || tc.name == "trace" && n != p.want {
					t.Errorf("%v arrivals from %v to %v, want %v", n, p.from, p.to, p.want)
				}
			}
		})
	}
}
