package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/p95lab/p95lab/grader/duel"
	"github.com/p95lab/p95lab/grader/load"
	"github.com/p95lab/p95lab/grader/stats"
)

// measured is what a trial's load showed.
type measured struct {
	pairs   []stats.Pair // latencies in ms
	dropped int
	late    []float64 // ms
}

// trialTimeout is when an answer counts as failed, which ends the trial.
const trialTimeout = 10 * time.Second

// measure loads two services as a graded run does.
func measure(ctx context.Context, addrs [2]string, p duel.Plan, seed uint64) (measured, error) {
	rng := rand.New(rand.NewPCG(seed, 1))
	d := &duel.Duel{
		Plan: p, Rng: rng, Live: duel.NewLive(trialTimeout), Seen: allFine,
		Draw: func(n int) ([2][]load.Prepared, error) { return draw(rng, n) },
	}
	for i, addr := range addrs {
		d.Sides[i].Client = load.Dial(addr, load.Options{Timeout: trialTimeout})
		defer d.Sides[i].Client.Close()
	}
	m, err := d.Run(ctx)
	if err != nil {
		return measured{}, err
	}
	return measured{pairs: duel.Latencies(m.Pairs, duel.Every), dropped: m.Dropped(), late: m.OwnLate}, nil
}

// allFine ends a trial whose services fail: they never should.
func allFine(p duel.Pair) (stop bool, err error) {
	for _, samples := range p.Samples {
		for _, s := range samples {
			if s.Err != nil || s.Status != 200 {
				return true, fmt.Errorf("a service of the bench failed: status %d, %w", s.Status, s.Err)
			}
		}
	}
	return false, nil
}

// draw draws requests, each another one.
func draw(rng *rand.Rand, n int) (requests [2][]load.Prepared, err error) {
	one := make([]load.Prepared, n)
	for i := range one {
		raw, err := load.Prepare("GET", "bench", fmt.Sprintf("/%d", rng.Uint64()), nil, nil)
		if err != nil {
			return requests, fmt.Errorf("prepare a request: %w", err)
		}
		one[i] = load.Prepared{Raw: raw, ID: i}
	}
	return [2][]load.Prepared{one, one}, nil
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

func read(p duel.Plan, pairs []stats.Pair, seed uint64) (Reading, stats.Ratio, error) {
	o := stats.Options{Seed: seed, Block: p.Block()}
	r, err := stats.RatioOfQuantiles(pairs, 0.95, o)
	if err != nil {
		return Reading{}, stats.Ratio{}, err
	}
	d, err := stats.Differs(pairs, 0.95, stats.DefaultBand, o)
	if err != nil {
		return Reading{}, stats.Ratio{}, err
	}
	typical, _, _ := stats.HodgesLehmann(pairs, 0.95)
	return Reading{
		Pairs: len(pairs), Ratio: r.Ratio, Low: r.Low, High: r.High, MDE: r.MDE, Typical: typical,
		Decision: d.String(),
	}, r, nil
}

// lookEvery is how many pairs lie between two questions whether it is enough.
const lookEvery = 5

// readings are those of all pairs, and of those until a run would have stopped.
func readings(p duel.Plan, pairs []stats.Pair, seed uint64) (all, stopped Reading, err error) {
	if all, _, err = read(p, pairs, seed); err != nil {
		return all, stopped, err
	}
	for n := lookEvery; n < len(pairs); n += lookEvery {
		some, r, err := read(p, pairs[:n], seed)
		if err != nil {
			return all, stopped, err
		}
		if stats.Enough(r, 0, 0, 0) {
			return all, some, nil
		}
	}
	return all, all, nil
}
