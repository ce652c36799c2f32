package bench

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/p95lab/p95lab/grader/stats"
)

// PaceOptions of Pace. A zero field means its default.
type PaceOptions struct {
	For     time.Duration // of one run; 5 s
	Rate    float64       // requests per second; 1000
	Repeats int           // 3
}

// Pace is when requests really arrive.
type Pace struct {
	Rate    float64   `json:"rate"`
	Seconds float64   `json:"seconds"`
	Load1   float64   `json:"load1"`
	Rows    []PaceRow `json:"rows"`
	Skipped []string  `json:"skipped,omitempty"`
	Bounds  []Bound   `json:"bounds"`
}

// PaceRow is one generator, as the service saw it.
type PaceRow struct {
	Name string `json:"name"`
	// Late is how much later than planned requests arrived, in ms. When a
	// generator began is known only of the lab's own, so all are counted from
	// the best start that their arrivals allow.
	LateP50 Spread `json:"late_p50_ms"`
	LateP99 Spread `json:"late_p99_ms"`
	// Kept is the share of gaps that are within a quarter of the planned one.
	Kept Spread `json:"kept"`
	// Bursts is the share of gaps below a tenth of the planned one.
	Bursts Spread `json:"bursts"`
	// Told is the P99 of the generator's own account of its lateness, in ms,
	// from the beginning that it knows; of the lab's own only.
	Told *Spread `json:"told_p99_ms,omitempty"`
	// Late holds 101 quantiles, 0 to 100 %, of the lateness of the last run, in
	// ms, for a plot.
	Late []float64 `json:"late_ms"`
}

// pace is what arrivals show of one run.
type pace struct {
	late         []float64 // ms, sorted
	kept, bursts float64
}

// paceOf compares arrivals, in any order, with a constant rate.
func paceOf(arrivals []time.Duration, rate float64) pace {
	at := slices.Sorted(slices.Values(arrivals))
	if len(at) < 2 {
		return pace{}
	}
	planned := float64(time.Second) / rate
	var p pace
	for i, t := range at {
		p.late = append(p.late, (float64(t-at[0])-float64(i)*planned)/float64(time.Millisecond))
	}
	slices.Sort(p.late)
	// The plan that makes nothing early but one in a hundred, which a stray
	// early one would otherwise decide.
	start := stats.Quantile(p.late, 0.01)
	for i := range p.late {
		p.late[i] = max(0, p.late[i]-start)
	}
	var kept, bursts int
	for i := 1; i < len(at); i++ {
		gap := float64(at[i] - at[i-1])
		if math.Abs(gap-planned) <= planned/4 {
			kept++
		}
		if gap < planned/10 {
			bursts++
		}
	}
	gaps := float64(len(at) - 1)
	p.kept, p.bursts = float64(kept)/gaps, float64(bursts)/gaps
	return p
}

// Pace has every generator that can send at a rate do so, and looks at it from
// the service's side.
func (b Bench) Pace(ctx context.Context, o PaceOptions) (Pace, error) {
	if o.For <= 0 {
		o.For = 5 * time.Second
	}
	if !(o.Rate > 0) {
		o.Rate = 1000
	}
	if o.Repeats <= 0 {
		o.Repeats = 3
	}
	all, err := FindRivals()
	if err != nil {
		return Pace{}, err
	}
	done, err := b.Turn(ctx)
	if err != nil {
		return Pace{}, err
	}
	defer done()
	out := Pace{Rate: o.Rate, Seconds: o.For.Seconds(), Load1: load1()}
	var told []float64
	type contender struct {
		name string
		run  func(addr string) error
	}
	contenders := []contender{{ownOpen, func(addr string) error {
		g, _, err := b.generate(ctx, sender(), generatorOptions{Addr: addr, Mode: "open", Conns: 64, Rate: o.Rate, For: o.For})
		told = append(told, g.Late.P99)
		return err
	}}}
	for _, r := range all {
		switch {
		case r.Path == "":
			out.Skipped = append(out.Skipped, r.Name)
		case r.open:
			contenders = append(contenders, contender{r.Name, func(addr string) error {
				_, _, err := b.rival(ctx, r, sender(), order{addr: addr, rate: o.Rate, d: o.For})
				return err
			}})
		}
	}
	seen := make([][]pace, len(contenders))
	for n := range o.Repeats {
		for i, c := range contenders {
			b.tell("pace %d/%d: %s", n+1, o.Repeats, c.name)
			p, err := b.paced(ctx, o, c.run)
			if err != nil {
				return Pace{}, err
			}
			seen[i] = append(seen[i], p)
		}
	}
	for i, c := range contenders {
		var p50, p99, kept, bursts []float64
		for _, p := range seen[i] {
			p50, p99 = append(p50, stats.Quantile(p.late, 0.5)), append(p99, stats.Quantile(p.late, 0.99))
			kept, bursts = append(kept, p.kept), append(bursts, p.bursts)
		}
		row := PaceRow{Name: c.name, LateP50: spread(p50), LateP99: spread(p99), Kept: spread(kept), Bursts: spread(bursts)}
		last := seen[i][len(seen[i])-1].late
		for q := range 101 {
			row.Late = append(row.Late, stats.Quantile(last, float64(q)/100))
		}
		if c.name == ownOpen {
			s := spread(told)
			row.Told = &s
			out.Bounds = append(out.Bounds, atMost("late at P99", row.LateP99.Median, lateWithin, "ms"))
		}
		out.Rows = append(out.Rows, row)
	}
	return out, nil
}

// lateWithin is the lateness at P99, in ms, beyond which the generator counts as
// late.
const lateWithin = 1

func (b Bench) paced(ctx context.Context, o PaceOptions, run func(addr string) error) (pace, error) {
	keep := int(o.Rate*o.For.Seconds()*1.2) + 100
	s, err := b.serve(ctx, server(), partResponder, responderOptions{Keep: keep})
	if err != nil {
		return pace{}, err
	}
	defer s.stop()
	if err := run(s.addr); err != nil {
		return pace{}, err
	}
	var seen served
	if err := s.ask("arrivals", &seen); err != nil {
		return pace{}, err
	}
	return paceOf(seen.Arrivals, o.Rate), nil
}
