// Package bench puts the lab's measurement to the test: its generator beside
// others, its latencies beside a known truth, its verdicts beside pairs of
// services whose difference is known. It knows generators, services of its own
// and figures; it must not know challenges, labs, or how a figure is shown.
//
// Whatever is measured or measures runs as a process of its own, placed by the
// same rules for all, and ends with the one that started it.
package bench

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/p95lab/p95lab/grader/stats"
)

// Bench runs experiments.
type Bench struct {
	// Self is the command that ends in Part, to which a part's name and its
	// options are added.
	Self []string
	// Dir is for scripts and outputs of other generators.
	Dir string
	// Turn waits until nobody else measures on this machine.
	Turn func(context.Context) (done func(), err error)
	// Tell is told what is being done now.
	Tell func(string)
}

// Spread is a figure over repetitions.
type Spread struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
	N      int     `json:"n"`
}

// spread of no values is zero.
func spread(values []float64) Spread {
	if len(values) == 0 {
		return Spread{}
	}
	v := slices.Sorted(slices.Values(values))
	return Spread{Median: (v[(len(v)-1)/2] + v[len(v)/2]) / 2, Low: v[0], High: v[len(v)-1], N: len(v)}
}

// Quantiles are those of one set of latencies, in ms.
type Quantiles struct {
	P50 float64 `json:"p50_ms"`
	P95 float64 `json:"p95_ms"`
	P99 float64 `json:"p99_ms"`
}

func quantiles(values []float64) Quantiles {
	v := slices.Sorted(slices.Values(values))
	return Quantiles{stats.Quantile(v, 0.50), stats.Quantile(v, 0.95), stats.Quantile(v, 0.99)}
}

// Bound is one promise of the measurement and what became of it.
type Bound struct {
	Name string  `json:"name"`
	Want float64 `json:"want"` // the most that is allowed, or the least if Least
	Got  float64 `json:"got"`
	Unit string  `json:"unit"`
	// Least says that Want is a lower bound.
	Least bool `json:"least,omitempty"`
	Held  bool `json:"held"`
}

func atMost(name string, got, want float64, unit string) Bound {
	return Bound{Name: name, Want: want, Got: got, Unit: unit, Held: got <= want}
}

func atLeast(name string, got, want float64, unit string) Bound {
	return Bound{Name: name, Want: want, Got: got, Unit: unit, Least: true, Held: got >= want}
}

func (b Bench) tell(format string, args ...any) {
	if b.Tell != nil {
		b.Tell(fmt.Sprintf(format, args...))
	}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
