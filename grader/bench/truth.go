package bench

import (
	"context"
	"math"
	"time"
)

// TruthOptions of Truth. A zero field means its default.
type TruthOptions struct {
	For     time.Duration // of one run; 10 s, five stalls
	Rate    float64       // requests per second; 500
	Repeats int           // 3
}

// Truth is what each generator reads from services whose latencies are known.
type Truth struct {
	Rate    float64    `json:"rate"`
	Seconds float64    `json:"seconds"`
	Load1   float64    `json:"load1"`
	Rows    []TruthRow `json:"rows"`
	Skipped []string   `json:"skipped,omitempty"`
	Bounds  []Bound    `json:"bounds"`
}

// TruthRow is one generator on one shape.
type TruthRow struct {
	Shape Shape     `json:"shape"`
	Name  string    `json:"name"` // "truth" for what is to be found
	P50   Spread    `json:"p50_ms"`
	P95   Spread    `json:"p95_ms"`
	P99   Spread    `json:"p99_ms"`
	Truth Quantiles `json:"truth"`
	// Dropped is how many planned requests were never sent, in all runs.
	Dropped int `json:"dropped,omitempty"`
}

// Error is how far a quantile's median lies from the truth, as a share of it.
func (r TruthRow) Error(q string) float64 {
	got, truth := map[string]Spread{"p50": r.P50, "p95": r.P95, "p99": r.P99}[q], map[string]float64{"p50": r.Truth.P50, "p95": r.Truth.P95, "p99": r.Truth.P99}[q]
	return got.Median/truth - 1
}

// truthWithin is the error that the lab's own generator may make.
const truthWithin = 0.02

// closedConns is how many connections a closed loop gets: with the steady shape
// they ask for about as much as the rate.
const closedConns = 10

// Truth has every generator measure every shape. Generator and service share all
// processors, as on a learner's machine.
func (b Bench) Truth(ctx context.Context, o TruthOptions) (Truth, error) {
	if o.For <= 0 {
		o.For = 10 * time.Second
	}
	if !(o.Rate > 0) {
		o.Rate = 500
	}
	if o.Repeats <= 0 {
		o.Repeats = 3
	}
	all, err := FindRivals()
	if err != nil {
		return Truth{}, err
	}
	done, err := b.Turn(ctx)
	if err != nil {
		return Truth{}, err
	}
	defer done()
	out := Truth{Rate: o.Rate, Seconds: o.For.Seconds(), Load1: load1()}
	type contender struct {
		name string
		run  func(addr string) (found, error)
	}
	contenders := []contender{{ownOpen, func(addr string) (found, error) {
		g, _, err := b.generate(ctx, sender(), generatorOptions{Addr: addr, Mode: "open", Conns: 256, Rate: o.Rate, For: o.For})
		return found{Requests: g.Completed, Latency: g.Latency}, err
	}}}
	for _, r := range all {
		if r.Path == "" {
			out.Skipped = append(out.Skipped, r.Name)
			continue
		}
		contenders = append(contenders, contender{r.Name, func(addr string) (found, error) {
			how := order{addr: addr, conns: closedConns, d: o.For}
			if r.open {
				how.rate = o.Rate
			}
			f, _, err := b.rival(ctx, r, sender(), how)
			return f, err
		}})
	}
	for _, shape := range Shapes {
		truth := shape.Truth(o.Rate, o.For)
		got := make([][]found, len(contenders))
		for n := range o.Repeats {
			for i, c := range contenders {
				b.tell("truth, %s %d/%d: %s", shape, n+1, o.Repeats, c.name)
				f, err := b.onShape(ctx, shape, c.run)
				if err != nil {
					return Truth{}, err
				}
				got[i] = append(got[i], f)
			}
		}
		for i, c := range contenders {
			row := TruthRow{Shape: shape, Name: c.name, Truth: truth}
			var p50, p95, p99 []float64
			for _, f := range got[i] {
				p50, p95, p99 = append(p50, f.Latency.P50), append(p95, f.Latency.P95), append(p99, f.Latency.P99)
				row.Dropped += f.Dropped
			}
			row.P50, row.P95, row.P99 = spread(p50), spread(p95), spread(p99)
			out.Rows = append(out.Rows, row)
			if c.name != ownOpen {
				continue
			}
			switch shape {
			case Stalling:
				out.Bounds = append(out.Bounds, atMost("stalling P99 off the truth by", 100*math.Abs(row.Error("p99")), 100*truthWithin, "%"))
			case Bimodal:
				for _, q := range []string{"p50", "p95", "p99"} {
					out.Bounds = append(out.Bounds, atMost("bimodal "+q+" off the truth by", 100*math.Abs(row.Error(q)), 100*truthWithin, "%"))
				}
			}
		}
	}
	return out, nil
}

// onShape runs a generator against a fresh service, whose draws and stalls then
// begin anew.
func (b Bench) onShape(ctx context.Context, shape Shape, run func(addr string) (found, error)) (found, error) {
	s, err := b.serve(ctx, server(), partTimed, timedOptions{Shape: shape})
	if err != nil {
		return found{}, err
	}
	defer s.stop()
	return run(s.addr)
}
