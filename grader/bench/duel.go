package bench

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/p95lab/p95lab/grader/load"
	"github.com/p95lab/p95lab/grader/stats"
)

// plan is how a trial measures: as a graded run does.
type plan struct {
	rate  float64
	slice time.Duration
	warm  int // pairs that are thrown away
	pairs int
}

// How a plan fits a rate and a budget: slices as short as both sides need to see
// the same weather, with requests enough for a queue to form.
const (
	shortestSlice = 100 * time.Millisecond
	longestSlice  = 500 * time.Millisecond
	sliceRequests = 24
)

func newPlan(rate float64, budget time.Duration) plan {
	slice := time.Duration(sliceRequests / rate * float64(time.Second))
	slice = max(shortestSlice, min(longestSlice, slice))
	return plan{rate: rate, slice: slice, pairs: max(8, int(budget/(2*slice))), warm: max(1, int(time.Second/(2*slice)))}
}

// block is how many pairs last half a second of one side's time.
func (p plan) block() int {
	return max(1, int(math.Ceil(float64(500*time.Millisecond)/float64(p.slice))))
}

// lateDrop is the generator's own lateness at P99 beyond which a pair does not
// count.
const lateDrop = 50 * time.Millisecond

// measured is what a trial's load showed.
type measured struct {
	pairs   []stats.Pair // latencies in ms
	dropped int
	late    []float64 // ms
}

// duel loads two services in turns with the same requests at the same times,
// first one and then the other ahead.
func duel(ctx context.Context, addrs [2]string, p plan, seed uint64) (measured, error) {
	rng := rand.New(rand.NewPCG(seed, 1))
	var clients [2]*load.Client
	for i, addr := range addrs {
		clients[i] = load.Dial(addr, load.Options{})
		defer clients[i].Close()
		if err := clients[i].Warm(32); err != nil {
			return measured{}, err
		}
	}
	var m measured
	for n := -p.warm; n < p.pairs; n++ {
		requests, arrivals, err := draw(rng, p)
		if err != nil {
			return measured{}, err
		}
		order := []int{0, 1}
		if n%2 != 0 {
			order = []int{1, 0}
		}
		var pair stats.Pair
		var late []time.Duration
		for _, which := range order {
			r, err := clients[which].Slice(ctx, requests, arrivals, nil)
			if err != nil {
				return measured{}, err
			}
			late = append(late, r.Late...)
			to := &pair.Before
			if which == 1 {
				to = &pair.After
			}
			for _, s := range r.Samples {
				if s.Err != nil || s.Status != 200 {
					return measured{}, fmt.Errorf("a service of the bench failed: status %d, %w", s.Status, s.Err)
				}
				*to = append(*to, ms(s.Latency()))
			}
		}
		if n < 0 {
			continue
		}
		for _, l := range late {
			m.late = append(m.late, ms(l))
		}
		slices.Sort(late)
		if len(late) > 0 && late[(len(late)-1)*99/100] > lateDrop {
			m.dropped++
			continue
		}
		m.pairs = append(m.pairs, pair)
	}
	return m, nil
}

// draw draws one slice's requests and when they arrive.
func draw(rng *rand.Rand, p plan) ([]load.Prepared, []load.Arrival, error) {
	times := load.Poisson(rng, p.rate, p.slice)
	requests, arrivals := make([]load.Prepared, len(times)), make([]load.Arrival, len(times))
	for i, at := range times {
		raw, err := load.Prepare("GET", "bench", fmt.Sprintf("/%d", rng.Uint64()), nil, nil)
		if err != nil {
			return nil, nil, fmt.Errorf("prepare a request: %w", err)
		}
		requests[i], arrivals[i] = load.Prepared{Raw: raw, ID: i}, load.Arrival{At: at, Request: i}
	}
	return requests, arrivals, nil
}

// Reading is what the statistics make of some pairs.
type Reading struct {
	Pairs    int     `json:"pairs"`
	Ratio    float64 `json:"ratio"` // of the P95, before to after: above 1 is better
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
	MDE      float64 `json:"mde"`
	Typical  float64 `json:"typical"` // Hodges–Lehmann over pairs
	Decision string  `json:"decision"`
}

func (p plan) read(pairs []stats.Pair, seed uint64) (Reading, stats.Ratio, error) {
	r, err := stats.RatioOfQuantiles(pairs, 0.95, stats.Options{Seed: seed, Block: p.block()})
	if err != nil {
		return Reading{}, stats.Ratio{}, err
	}
	typical, low, high := stats.HodgesLehmann(pairs, 0.95)
	return Reading{
		Pairs: len(pairs), Ratio: r.Ratio, Low: r.Low, High: r.High, MDE: r.MDE, Typical: typical,
		Decision: stats.Decide(r, low, high, 0).String(),
	}, r, nil
}

// lookEvery is how many pairs lie between two questions whether it is enough.
const lookEvery = 5

// readings are those of all pairs, and of those until a run would have stopped.
func (p plan) readings(pairs []stats.Pair, seed uint64) (all, stopped Reading, err error) {
	if all, _, err = p.read(pairs, seed); err != nil {
		return all, stopped, err
	}
	for n := lookEvery; n < len(pairs); n += lookEvery {
		some, r, err := p.read(pairs[:n], seed)
		if err != nil {
			return all, stopped, err
		}
		if stats.Enough(r, 0, 0, 0) {
			return all, some, nil
		}
	}
	return all, all, nil
}
