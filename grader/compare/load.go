package compare

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/p95lab/p95lab/grader/duel"
	"github.com/p95lab/p95lab/grader/load"
	"github.com/p95lab/p95lab/grader/stats"
	"github.com/p95lab/p95lab/grader/verdict"
)

// The streams of a comparison's seed.
const (
	streamCheck uint64 = iota + 1
	streamLoad
	streamCapacity
)

func (c *comparison) rng(stream uint64) *rand.Rand { return rand.New(rand.NewPCG(c.o.Seed, stream)) }

// How the capacity of before is looked for.
const (
	capacityConns = 16
	capacityWarm  = 500 * time.Millisecond
	capacityFor   = 2 * time.Second
)

// capacity is the rate that is asked for where none was given: a share of what
// before answers when it always has enough to do.
func (c *comparison) capacity(ctx context.Context) (float64, error) {
	c.enter(verdict.Load, "finding the rate: what before carries")
	rng := c.rng(streamCapacity)
	var mu sync.Mutex // connections ask at once
	var broken error
	n := 0
	next := func() load.Prepared {
		mu.Lock()
		defer mu.Unlock()
		p, err := c.prepare(c.sides[0], c.o.Source.Request(rng, n), n)
		n++
		if err != nil {
			broken = err
		}
		return p
	}
	client := c.sides[0].client
	conns := min(capacityConns, c.o.Connections)
	client.Saturate(ctx, next, conns, capacityWarm)
	got := client.Saturate(ctx, next, conns, capacityFor)
	switch {
	case ctx.Err() != nil:
		return 0, ctx.Err()
	case broken != nil:
		return 0, broken
	case got.Completed == 0 || got.Errors > got.Completed/10:
		return 0, usage("before answered %d requests and failed %d when it was asked for as many as it carries: give a --rate", got.Completed, got.Errors)
	}
	rate := autoShare * float64(got.Completed) / got.Took.Seconds()
	c.note("Before carries about %s requests a second here; both sides were asked for %.0f %% of that.", verdict.Number(rate/autoShare), 100*autoShare)
	return rate, nil
}

// fallen tells that a side stopped answering under load.
type fallen struct {
	which int
	why   string
}

func (f *fallen) Error() string { return f.why }

// givenUp is after how many neighbouring pairs in which most requests failed a
// side is given up.
const givenUp = 3

// load measures. A verdict says that after fell.
func (c *comparison) load(ctx context.Context, serviceTime time.Duration) (*duel.Measurement, *verdict.Verdict, error) {
	p := duel.NewPlan(c.o.Rate, c.o.For, serviceTime)
	// The time was given for all of it, the warm-up with it.
	p = duel.NewPlan(c.o.Rate, c.o.For-time.Duration(p.Warm)*2*p.Slice, serviceTime)
	rng := c.rng(streamLoad)
	picture := duel.NewLive(c.o.Timeout)
	d := &duel.Duel{
		Plan: p, Rng: rng, Live: picture, Seen: c.seen,
		Draw: func(n int) ([2][]load.Prepared, error) { return c.draw(rng, n) },
	}
	for i, s := range c.sides {
		d.Sides[i].Client = s.client
	}
	if c.o.Constant {
		d.Arrivals = func(_ *rand.Rand, rate float64, d time.Duration) []time.Duration { return load.Constant(rate, d) }
	}
	if c.o.Within > 0 {
		d.Enough = func(pairs []duel.Pair) bool { return c.enough(p, pairs) }
	}
	c.send(verdict.Event{Kind: "plan", Plan: &verdict.Plan{
		Seconds: p.Usual().Seconds(), Rate: p.Rate, SliceMS: ms(p.Slice), EdgesMS: duel.Edges(),
	}})
	var m *duel.Measurement
	var err error
	picture.Watch(func(t verdict.Tick) { c.send(verdict.Event{Kind: "tick", Tick: &t}) }, func() { m, err = d.Run(ctx) })
	var fell *fallen
	var refused *duel.ConnectError
	switch {
	case errors.As(err, &fell) && fell.which == 0:
		return nil, nil, usage("%s", fell.why)
	case errors.As(err, &fell):
		return nil, c.verdict(verdict.Failed, fell.why, "Before carried the same load. Look at what after logs."), nil
	case errors.As(err, &refused):
		return nil, nil, usage("%s does not take connections enough: %w", names[refused.Side], refused.Err)
	}
	return m, nil, err
}

// draw draws the next requests and writes them to both sides.
func (c *comparison) draw(rng *rand.Rand, n int) (requests [2][]load.Prepared, err error) {
	c.drawn = make([]Request, n)
	requests = [2][]load.Prepared{make([]load.Prepared, n), make([]load.Prepared, n)}
	for i := range c.drawn {
		c.drawn[i] = c.o.Source.Request(rng, c.asked)
		for which, s := range c.sides {
			if requests[which][i], err = c.prepare(s, c.drawn[i], c.asked); err != nil {
				return requests, err
			}
			requests[which][i].KeepBody = c.wantsBody()
		}
		c.asked++
	}
	return requests, nil
}

// seen compares a pair's answers, and gives up on a side that no longer answers.
func (c *comparison) seen(p duel.Pair) (stop bool, err error) {
	for i := range c.drawn {
		c.compare(c.drawn[i], p.Samples[0][i], p.Samples[1][i])
	}
	for which, s := range c.sides {
		if s.ended() {
			return false, &fallen{which, fmt.Sprintf("The command of %s ended under load (%s). It printed:\n%s", s.name, s.process.Exit(), s.process.Tail())}
		}
		bad, n := duel.Errors([]duel.Pair{p}, duel.Every, which)
		if n == 0 || 2*bad <= n {
			c.failing[which] = 0
			continue
		}
		if c.failing[which]++; c.failing[which] >= givenUp {
			why := ""
			for _, sample := range p.Samples[which] {
				if duel.Failed(sample) {
					why = failure(sample)
					break
				}
			}
			return false, &fallen{which, fmt.Sprintf("%s fails under load: %d of the last %d requests, the first with: %s. If it is alive, %s requests a second may be more than it carries.",
				upper(s.name), bad, n, why, verdict.Number(c.o.Rate))}
		}
	}
	return false, nil
}

// lookEvery is how many pairs lie between two questions whether it is enough.
const lookEvery = 5

// enough says whether the ratio is known narrowly; it never asks what it is.
func (c *comparison) enough(p duel.Plan, pairs []duel.Pair) bool {
	if len(pairs)%lookEvery != 0 {
		return false
	}
	r, err := c.ratio(p, pairs, quantiles[c.o.Metric], 0.95)
	return err == nil && stats.Enough(r, 0, c.o.Within, 0)
}

func (c *comparison) ratio(p duel.Plan, pairs []duel.Pair, q, level float64) (stats.Ratio, error) {
	return stats.RatioOfQuantiles(duel.Latencies(pairs, duel.Every), q, stats.Options{Level: level, Seed: c.o.Seed, Block: p.Block()})
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
