// Package duel measures two running services against each other: short slices
// of load go to one and then to the other, with the same requests at the same
// times, after a warm-up and while the machine's weather is watched. Graded runs
// and comparisons of anybody's services share it.
//
// It knows load clients, requests and times; it must not know challenges, what a
// right answer is, processes, or what a difference is worth.
package duel

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/p95lab/p95lab/grader/load"
)

// Duel is a measurement to do. Sides are numbered: 0 is before, 1 is after.
type Duel struct {
	Plan  Plan
	Sides [2]Side
	// Draw returns the next n requests: the same questions to both sides, which
	// may have other names.
	Draw func(n int) ([2][]load.Prepared, error)
	// Arrivals draws when a slice's requests come; nil is load.Poisson.
	Arrivals func(rng *rand.Rand, rate float64, d time.Duration) []time.Duration
	Rng      *rand.Rand
	Live     *Live
	// Counting, if not nil, is called when the warm-up is over.
	Counting func()
	// Seen, if not nil, is shown each pair, those of the warm-up too, with the
	// answers' bodies, which are let go of afterwards. It may end the measurement.
	Seen func(Pair) (stop bool, err error)
	// Enough, if not nil, is asked after each pair that counts whether those so
	// far decide.
	Enough func([]Pair) bool

	weather *weather
}

// Side is one of the two.
type Side struct {
	Client *load.Client
	// Pause and Resume make the side stand still while the other is asked: what
	// it would do meanwhile (burn processor time, flood memory or disk, finish
	// what it has answered already) would be the other's loss. Both may be nil.
	Pause, Resume func()
}

func (s Side) pause() {
	if s.Pause != nil {
		s.Pause()
	}
}

func (s Side) resume() {
	if s.Resume != nil {
		s.Resume()
	}
}

// warmConnections are opened before the first slice.
const warmConnections = 32

// ConnectError tells that a side takes no connections.
type ConnectError struct {
	Side int
	Err  error
}

func (e *ConnectError) Error() string { return "open connections: " + e.Err.Error() }

func (e *ConnectError) Unwrap() error { return e.Err }

// Run warms up, measures until it is enough or the budget is used, and returns
// what it found. Its errors are ctx's, a *ConnectError, and those of Draw and
// Seen.
func (d *Duel) Run(ctx context.Context) (*Measurement, error) {
	for i, s := range d.Sides {
		if err := s.Client.Warm(warmConnections); err != nil {
			return nil, &ConnectError{i, err}
		}
	}
	if d.weather == nil {
		d.weather = newWeather()
	}
	if d.Arrivals == nil {
		d.Arrivals = load.Poisson
	}
	m := newMeasurement(d.Plan)
	d.Live.warmUp(true)
	stop, err := d.warmUp(ctx, m)
	if err != nil || stop {
		return m, err
	}
	d.Live.warmUp(false)
	d.weather.sum = Weather{}
	if d.Counting != nil {
		d.Counting()
	}
	return m, d.count(ctx, m)
}

// warmUp sends pairs that do not count until both sides are steady.
func (d *Duel) warmUp(ctx context.Context, m *Measurement) (stop bool, err error) {
	var s steadiness
	for m.Warmed < d.Plan.Warm || m.Warmed < d.Plan.WarmMost && !m.Steady {
		p, err := d.pair(ctx, d.Rng.IntN(2) == 1)
		if err != nil {
			return false, err
		}
		m.Warmed++
		s.add(p)
		m.Steady = s.steady()
		if stop, err := d.seen(p); stop || err != nil {
			return stop, err
		}
	}
	return false, nil
}

// count measures the pairs that count. Pairs that the weather disturbed are
// repeated, and the time for that is not taken from the others', up to the
// plan's patience.
func (d *Duel) count(ctx context.Context, m *Measurement) error {
	began := time.Now()
	var disturbed time.Duration
	order := balanced{rng: d.Rng}
	for len(m.Pairs) < d.Plan.Pairs && time.Since(began)-min(disturbed, d.Plan.Patience) < d.Plan.Budget {
		start := time.Now()
		p, err := d.pair(ctx, order.flipped())
		if err != nil {
			return err
		}
		m.add(p)
		if p.Dropped != "" {
			disturbed += time.Since(start)
		}
		stop, err := d.seen(p)
		p.letGo()
		if err != nil {
			return err
		}
		if stop || p.Dropped == "" && d.Enough != nil && d.Enough(m.Pairs) {
			break
		}
	}
	m.Took = time.Since(began)
	m.Weather = d.weather.sum
	return nil
}

func (d *Duel) seen(p Pair) (stop bool, err error) {
	if d.Seen == nil {
		return false, nil
	}
	return d.Seen(p)
}

// balanced says which side is first: drawn for each pair of pairs, and the
// reverse for the second, so that neither side is first more often.
type balanced struct {
	rng  *rand.Rand
	n    int
	last bool
}

func (b *balanced) flipped() bool {
	if b.n%2 == 0 {
		b.last = b.rng.IntN(2) == 1
	} else {
		b.last = !b.last
	}
	b.n++
	return b.last
}

// pair sends one slice to each side, the second one first if flipped.
func (d *Duel) pair(ctx context.Context, flipped bool) (Pair, error) {
	times := d.Arrivals(d.Rng, d.Plan.Rate, d.Plan.Slice)
	arrivals := make([]load.Arrival, len(times))
	for i, at := range times {
		arrivals[i] = load.Arrival{At: at, Request: i}
	}
	requests, err := d.Draw(len(times))
	if err != nil {
		return Pair{}, fmt.Errorf("draw requests: %w", err)
	}
	order := [2]int{0, 1}
	if flipped {
		order = [2]int{1, 0}
	}
	defer d.Sides[0].resume()
	defer d.Sides[1].resume()
	var p Pair
	d.weather.begin()
	for _, which := range order {
		d.Sides[1-which].pause()
		d.Sides[which].resume()
		began := time.Now()
		report, err := d.Sides[which].Client.Slice(ctx, requests[which], arrivals, func(s load.Sample) { d.Live.add(which, s) })
		if err != nil {
			return Pair{}, err
		}
		took := max(report.Took, d.Plan.Slice)
		d.Live.sliceDone(which, took)
		p.Began[which], p.Took[which], p.CPU[which] = began, took, report.CPU
		p.Samples[which], p.Late[which] = report.Samples, report.Late
		p.Lateness[which] = report.Lateness()
		d.weather.slice(report.Late)
	}
	p.Dropped = d.weather.verdict()
	return p, nil
}
