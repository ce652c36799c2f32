package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// CostOptions of Cost. A zero field means its default.
type CostOptions struct {
	For     time.Duration // of one run; 4 s
	Repeats int           // 3
	Conns   int           // 32
	Profile string        // where a CPU profile of the closed loop is written, by one more run
}

// Cost is what a request costs each generator when it sends as fast as it can.
type Cost struct {
	Conns   int       `json:"connections"`
	Seconds float64   `json:"seconds"`
	Load1   float64   `json:"load1"` // of the machine before the first run
	Rows    []CostRow `json:"rows"`
	Skipped []string  `json:"skipped,omitempty"` // generators that are not installed
	Bounds  []Bound   `json:"bounds"`
}

// CostRow is one generator.
type CostRow struct {
	Name string `json:"name"`
	// CPU is user and system time of the whole process for each request that
	// the responder answered, in µs.
	CPU Spread `json:"cpu_us"`
	// Rate is answers per second.
	Rate Spread `json:"rate"`
}

// The names of the lab's own rows.
const (
	ownClosed = "p95lab, closed loop"
	ownSlice  = "p95lab, slices"
	ownOpen   = "p95lab"
)

// Bounds on cost, as shares of another generator's.
const (
	costOfWrk    = 1.2
	costOfVegeta = 1.0 / 3
	costOfK6     = 1.0 / 8
)

// Cost measures every generator in turn, so that all see the same weather:
// generator and responder on a processor each, a closed loop that leaves the
// generator no idle time.
func (b Bench) Cost(ctx context.Context, o CostOptions) (Cost, error) {
	if o.For <= 0 {
		o.For = 4 * time.Second
	}
	if o.Repeats <= 0 {
		o.Repeats = 3
	}
	if o.Conns <= 0 {
		o.Conns = 32
	}
	all, err := FindRivals()
	if err != nil {
		return Cost{}, err
	}
	done, err := b.Turn(ctx)
	if err != nil {
		return Cost{}, err
	}
	defer done()
	out := Cost{Conns: o.Conns, Seconds: o.For.Seconds(), Load1: load1()}
	s, err := b.serve(ctx, besideGenerator(), partResponder, responderOptions{})
	if err != nil {
		return Cost{}, err
	}
	defer s.stop()

	type contender struct {
		name string
		run  func() (ran, error)
	}
	own := func(mode string) func() (ran, error) {
		return func() (ran, error) {
			_, r, err := b.generate(ctx, besideService(), generatorOptions{Addr: s.addr, Mode: mode, Conns: o.Conns, For: o.For})
			return r, err
		}
	}
	contenders := []contender{{ownClosed, own("closed")}, {ownSlice, own("queued")}}
	for _, r := range all {
		if r.Path == "" {
			out.Skipped = append(out.Skipped, r.Name)
			continue
		}
		contenders = append(contenders, contender{r.Name, func() (ran, error) {
			_, p, err := b.rival(ctx, r, besideService(), order{addr: s.addr, conns: o.Conns, d: o.For})
			return p, err
		}})
	}
	cpu, rate := make([][]float64, len(contenders)), make([][]float64, len(contenders))
	for n := range o.Repeats {
		for i, c := range contenders {
			b.tell("cost %d/%d: %s", n+1, o.Repeats, c.name)
			var was, now served
			if err := s.ask("count", &was); err != nil {
				return Cost{}, err
			}
			r, err := c.run()
			if err != nil {
				return Cost{}, err
			}
			if err := s.ask("count", &now); err != nil {
				return Cost{}, err
			}
			if now.Answered == 0 {
				return Cost{}, fmt.Errorf("%s had no answer", c.name)
			}
			cpu[i] = append(cpu[i], float64(r.cpu.Microseconds())/float64(now.Answered))
			// A batch of slices ends when it ends; the others end on time, and
			// some are slow to start.
			took := o.For
			if c.name == ownSlice {
				took = r.took
			}
			rate[i] = append(rate[i], float64(now.Answered)/took.Seconds())
		}
	}
	if o.Profile != "" {
		b.tell("cost: profile")
		profiled := generatorOptions{Addr: s.addr, Mode: "closed", Conns: o.Conns, For: o.For, Profile: o.Profile}
		if _, _, err := b.generate(ctx, besideService(), profiled); err != nil {
			return Cost{}, err
		}
	}
	of := map[string]float64{}
	for i, c := range contenders {
		row := CostRow{Name: c.name, CPU: spread(cpu[i]), Rate: spread(rate[i])}
		out.Rows = append(out.Rows, row)
		of[c.name] = row.CPU.Median
	}
	for _, rule := range []struct {
		rival string
		share float64
	}{{"wrk", costOfWrk}, {"vegeta", costOfVegeta}, {"k6", costOfK6}} {
		if theirs, ok := of[rule.rival]; ok {
			out.Bounds = append(out.Bounds, atMost("cost of a request, as a share of "+rule.rival+"'s", of[ownClosed]/theirs, rule.share, "×"))
		}
	}
	return out, nil
}

// generate runs the lab's generator as a process.
func (b Bench) generate(ctx context.Context, where place, o generatorOptions) (generated, ran, error) {
	args, err := b.part(partGenerator, o)
	if err != nil {
		return generated{}, ran{}, err
	}
	r, err := finish(ctx, where, nil, args...)
	if err != nil {
		return generated{}, ran{}, err
	}
	var g generated
	if err := json.Unmarshal(r.out, &g); err != nil {
		return generated{}, ran{}, fmt.Errorf("read what the generator printed: %w", err)
	}
	if g.Errors > 0 {
		return generated{}, ran{}, fmt.Errorf("%d of the generator's requests failed", g.Errors)
	}
	return g, r, nil
}
