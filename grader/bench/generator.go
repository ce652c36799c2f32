package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime/pprof"
	"time"

	"github.com/p95lab/p95lab/grader/load"
)

// generatorOptions of the lab's own generator as a process.
type generatorOptions struct {
	Addr string `json:"addr"`
	// Mode is closed (Saturate), queued (a slice that is due all at once) or
	// open (a slice at a constant rate).
	Mode  string        `json:"mode"`
	Conns int           `json:"conns"`
	Rate  float64       `json:"rate"` // of an open slice, per second
	For   time.Duration `json:"for"`
	// Profile is where a CPU profile is written, "" for none.
	Profile string `json:"profile,omitempty"`
}

// generated is what it found.
type generated struct {
	Completed int       `json:"completed"`
	Errors    int       `json:"errors"`
	Latency   Quantiles `json:"latency"`
	// Start is when an open slice began, on the machine's monotonic clock.
	Start time.Duration `json:"start"`
	// Late is how late requests left by the generator's own account.
	Late Quantiles `json:"late"`
	// CPU is what the sending alone used, without the process's start.
	CPU time.Duration `json:"cpu"`
}

// queuedBatch is how many requests a queued slice holds.
const queuedBatch = 50_000

// generate runs the lab's generator.
func generate(ctx context.Context, options []byte, t *talk) error {
	var o generatorOptions
	if err := json.Unmarshal(options, &o); err != nil {
		return fmt.Errorf("read the options: %w", err)
	}
	if o.Profile != "" {
		file, err := os.Create(o.Profile)
		if err != nil {
			return fmt.Errorf("write the profile: %w", err)
		}
		defer func() { _ = file.Close() }() // a profile that is cut short cannot be read, which tells
		if err := pprof.StartCPUProfile(file); err != nil {
			return fmt.Errorf("profile: %w", err)
		}
		defer pprof.StopCPUProfile()
	}
	c := load.Dial(o.Addr, load.Options{MaxConns: o.Conns, Timeout: time.Minute})
	defer c.Close()
	raw, err := load.Prepare("GET", o.Addr, "/", nil, nil)
	if err != nil {
		return fmt.Errorf("prepare a request: %w", err)
	}
	request := load.Prepared{Raw: raw}
	var g generated
	switch o.Mode {
	case "closed":
		s := c.Saturate(ctx, func() load.Prepared { return request }, o.Conns, o.For)
		g = generated{Completed: s.Completed, Errors: s.Errors}
	case "queued":
		for began := time.Now(); time.Since(began) < o.For && ctx.Err() == nil; {
			r, err := c.Slice(ctx, []load.Prepared{request}, make([]load.Arrival, queuedBatch), nil)
			if err != nil {
				return err
			}
			g.add(r)
		}
	case "open":
		if err := c.Warm(min(o.Conns, 32)); err != nil {
			return err
		}
		var plan []load.Arrival
		for _, at := range load.Constant(o.Rate, o.For) {
			plan = append(plan, load.Arrival{At: at})
		}
		g.Start = clock()
		r, err := c.Slice(ctx, []load.Prepared{request}, plan, nil)
		if err != nil {
			return err
		}
		g.add(r)
		latencies, late := make([]float64, 0, len(plan)), make([]float64, 0, len(plan))
		for _, s := range r.Samples {
			latencies = append(latencies, ms(s.Latency()))
			late = append(late, ms(s.Sent-s.Intended))
		}
		g.Latency, g.Late = quantiles(latencies), quantiles(late)
	default:
		return fmt.Errorf("there is no mode %q", o.Mode)
	}
	return t.out.Encode(g)
}

func (g *generated) add(r load.Report) {
	for _, s := range r.Samples {
		if s.Err != nil {
			g.Errors++
		} else {
			g.Completed++
		}
	}
	g.CPU += r.CPU
}
