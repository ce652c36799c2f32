package load

import (
	"math"
	"math/rand/v2"
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
	if !(rate > 0) || math.IsInf(rate, 0) {
		return nil
	}
	at := make([]time.Duration, 0, int(rate*d.Seconds()*1.1)+16)
	for t := 0.0; ; {
		t += rng.ExpFloat64() / rate
		if t >= d.Seconds() {
			return at
		}
		at = append(at, time.Duration(t*float64(time.Second)))
	}
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
