package load

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// Arrival is one request's intended start.
type Arrival struct {
	At      time.Duration // since the start of the slice
	Request int           // index into the prepared requests
}

// Poisson returns the arrivals of a Poisson process of rate per second within
// [0, d), in order. Its gaps are exponential, which is how independent users
// arrive: queues form by chance, as they do in production.
func Poisson(rng *rand.Rand, rate float64, d time.Duration) []time.Duration {
	return Ramp(rng, rate, rate, d)
}

// Ramp returns the arrivals of a Poisson process whose rate per second goes in a
// straight line from one value to another within [0, d). A rate that is not
// positive and finite at either end, but for one end of 0, has none.
func Ramp(rng *rand.Rand, from, to float64, d time.Duration) []time.Duration {
	if !(from >= 0) || !(to >= 0) || !(from+to > 0) || math.IsInf(from+to, 0) || d <= 0 {
		return nil
	}
	mean := (from + to) / 2
	at := make([]time.Duration, 0, int(mean*d.Seconds()*1.1)+16)
	// A process of rate 1, in a time that runs as fast as the rate says: at t it
	// shows from·t + bend·t². Solved for t in the form that does not cancel.
	bend := (to - from) / (2 * d.Seconds())
	for shown := 0.0; ; {
		shown += rng.ExpFloat64()
		root := from*from + 4*bend*shown
		if root < 0 { // a falling rate has reached 0
			return at
		}
		t := 2 * shown / (from + math.Sqrt(root))
		if t >= d.Seconds() {
			return at
		}
		at = append(at, time.Duration(t*float64(time.Second)))
	}
}

// Spike returns the arrivals of a Poisson process of rate base per second within
// [0, d), and of rate peak from begin for as long as width.
func Spike(rng *rand.Rand, base, peak float64, begin, width, d time.Duration) []time.Duration {
	begin = max(0, min(begin, d))
	end := max(begin, min(begin+width, d))
	at := Poisson(rng, base, begin)
	for _, piece := range []struct {
		rate     float64
		from, to time.Duration
	}{{peak, begin, end}, {base, end, d}} {
		// The process remembers nothing, so pieces may be put side by side.
		for _, t := range Poisson(rng, piece.rate, piece.to-piece.from) {
			at = append(at, piece.from+t)
		}
	}
	return at
}

// Trace returns the arrivals that were recorded elsewhere, in order and from
// the first on: those within [0, d) of it.
func Trace(recorded []time.Duration, d time.Duration) []time.Duration {
	sorted := slices.Sorted(slices.Values(recorded))
	var at []time.Duration
	for _, t := range sorted {
		if t -= sorted[0]; t < d {
			at = append(at, t)
		}
	}
	return at
}

// Constant returns arrivals at equal gaps of 1/rate within [0, d), the first at
// 0.
func Constant(rate float64, d time.Duration) []time.Duration {
	if !(rate > 0) || math.IsInf(rate, 0) {
		return nil
	}
	var at []time.Duration
	for i := 0; ; i++ {
		// From i, not by adding gaps: rounding must not build up.
		t := time.Duration(float64(i) / rate * float64(time.Second))
		if t >= d {
			return at
		}
		at = append(at, t)
	}
}

// check says what makes no sense of arrivals at so many requests.
func check(arrivals []Arrival, requests int) error {
	for i, a := range arrivals {
		if a.Request < 0 || a.Request >= requests {
			return fmt.Errorf("arrival %d asks for request %d of %d", i, a.Request, requests)
		}
		if a.At < 0 || i > 0 && a.At < arrivals[i-1].At {
			return fmt.Errorf("arrival %d at %v is out of order", i, a.At)
		}
	}
	return nil
}
