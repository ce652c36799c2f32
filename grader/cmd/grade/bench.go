package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/p95lab/p95lab/grader/bench"
	"github.com/p95lab/p95lab/grader/duel"
)

// benchCmd is the lab's measurement, measured.
type benchCmd struct {
	Cost  benchCostCmd  `cmd:"" help:"What a request costs the generator, beside wrk, Vegeta and k6."`
	Truth benchTruthCmd `cmd:"" help:"What it reads from services whose latencies are known."`
	Pace  benchPaceCmd  `cmd:"" help:"When its requests really arrive."`
	AA    benchAACmd    `cmd:"" name:"aa" help:"What it says of services whose difference is known."`
	Part  benchPartCmd  `cmd:"" hidden:"" help:"A process of the bench."`
}

// benchFlags are common to the experiments that draw.
type benchFlags struct {
	JSON  bool   `help:"Print one object and nothing else."`
	Plots string `help:"Folder for SVG plots." type:"path"`
}

// plot writes a plot to the folder for them, if there is one.
func (f benchFlags) plot(p bench.Plot) error {
	if f.Plots == "" {
		return nil
	}
	if err := os.MkdirAll(f.Plots, 0o755); err != nil {
		return fmt.Errorf("make the folder for plots: %w", err)
	}
	var b bytes.Buffer
	if err := p.SVG(&b); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(f.Plots, p.Name+".svg"), b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write a plot: %w", err)
	}
	return nil
}

type benchPartCmd struct {
	Name    string `arg:""`
	Options string `arg:""`
}

func (c *benchPartCmd) Run(t *tool) error {
	return bench.Part(t.ctx, c.Name, c.Options, t.in, t.out)
}

// experiment makes a bench with a folder of its own and calls run with it.
func (t *tool) experiment(run func(bench.Bench) error) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	dir, err := os.MkdirTemp("", "p95lab-bench-")
	if err != nil {
		return fmt.Errorf("make the bench's folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b := bench.Bench{
		Self: []string{self, "bench", "part"}, Dir: dir,
		Turn: func(ctx context.Context) (func(), error) {
			return duel.TakeTurn(ctx, func() { t.progress("waiting: another run is being measured on this machine") })
		},
		Tell: t.progress,
	}
	err = run(b)
	t.progress("")
	return err
}

// progress replaces the line of progress on a terminal.
func (t *tool) progress(line string) {
	if t.live {
		fmt.Fprint(t.err, "\r\x1b[K", line)
	}
}

type benchCostCmd struct {
	JSON    bool          `help:"Print one object and nothing else."`
	For     time.Duration `help:"Of each run." default:"4s"`
	Repeats int           `help:"Interleaved repetitions." default:"5"`
	Profile string        `help:"File for a CPU profile of the lab's generator." type:"path"`
}

func (c *benchCostCmd) Run(t *tool) error {
	return t.experiment(func(b bench.Bench) error {
		got, err := b.Cost(t.ctx, bench.CostOptions{For: c.For, Repeats: c.Repeats, Profile: c.Profile})
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(t, got)
		}
		w := newTable(t.out, "generator", "CPU µs per request", "spread", "requests/s", "spread")
		for _, r := range got.Rows {
			w.row(r.Name, fmt.Sprintf("%.2f", r.CPU.Median), fmt.Sprintf("%.2f–%.2f", r.CPU.Low, r.CPU.High),
				fmt.Sprintf("%.0f", r.Rate.Median), fmt.Sprintf("%.0f–%.0f", r.Rate.Low, r.Rate.High))
		}
		return w.end(t, got.Bounds, got.Skipped)
	})
}

// table writes a Markdown table that is aligned for the terminal too.
type table struct{ w *tabwriter.Writer }

func newTable(out io.Writer, head ...string) *table {
	t := &table{tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)}
	t.row(head...)
	rule := make([]string, len(head))
	for i := range rule {
		rule[i] = "---"
	}
	t.row(rule...)
	return t
}

func (t *table) row(cells ...string) {
	fmt.Fprint(t.w, "|")
	for _, c := range cells {
		fmt.Fprintf(t.w, " %s\t|", c)
	}
	fmt.Fprintln(t.w)
}

// end writes the bounds below the table, and an error if one is missed.
func (t *table) end(to *tool, bounds []bench.Bound, skipped []string) error {
	if err := t.w.Flush(); err != nil {
		return fmt.Errorf("print the table: %w", err)
	}
	fmt.Fprintln(to.out)
	held := true
	for _, b := range bounds {
		word, sign := "held", "≤"
		if !b.Held {
			word, held = "MISSED", false
		}
		if b.Least {
			sign = "≥"
		}
		fmt.Fprintf(to.out, "%-6s %s: %.3g %s (%s %.3g)\n", word, b.Name, b.Got, b.Unit, sign, b.Want)
	}
	for _, name := range skipped {
		fmt.Fprintf(to.out, "skipped %s: it is not on the PATH\n", name)
	}
	if !held {
		return errNotPassed
	}
	return nil
}

type benchTruthCmd struct {
	benchFlags
	For     time.Duration `help:"Of each run; whole periods of 2 s." default:"10s"`
	Rate    float64       `help:"Requests per second." default:"500"`
	Repeats int           `help:"Interleaved repetitions." default:"3"`
}

func (c *benchTruthCmd) Run(t *tool) error {
	return t.experiment(func(b bench.Bench) error {
		got, err := b.Truth(t.ctx, bench.TruthOptions{For: c.For, Rate: c.Rate, Repeats: c.Repeats})
		if err != nil {
			return err
		}
		if err := c.plot(got.Plot()); err != nil {
			return err
		}
		if c.JSON {
			return printJSON(t, got)
		}
		w := newTable(t.out, "service", "generator", "P50 ms", "P95 ms", "P99 ms", "P50 off", "P95 off", "P99 off", "never sent")
		var last bench.Shape
		for _, r := range got.Rows {
			if r.Shape != last {
				w.row(string(r.Shape), "(truth)", figure(r.Truth.P50), figure(r.Truth.P95), figure(r.Truth.P99), "", "", "", "")
				last = r.Shape
			}
			off := func(q string) string { return fmt.Sprintf("%+.1f %%", 100*r.Error(q)) }
			w.row(string(r.Shape), r.Name, figure(r.P50.Median), figure(r.P95.Median), figure(r.P99.Median),
				off("p50"), off("p95"), off("p99"), fmt.Sprint(r.Dropped))
		}
		return w.end(t, got.Bounds, got.Skipped)
	})
}

type benchPaceCmd struct {
	benchFlags
	For     time.Duration `help:"Of each run." default:"5s"`
	Rate    float64       `help:"Requests per second." default:"1000"`
	Repeats int           `help:"Interleaved repetitions." default:"3"`
}

func (c *benchPaceCmd) Run(t *tool) error {
	return t.experiment(func(b bench.Bench) error {
		got, err := b.Pace(t.ctx, bench.PaceOptions{For: c.For, Rate: c.Rate, Repeats: c.Repeats})
		if err != nil {
			return err
		}
		if err := c.plot(got.Plot()); err != nil {
			return err
		}
		if c.JSON {
			return printJSON(t, got)
		}
		w := newTable(t.out, "generator", "late P50 ms", "late P99 ms", "spread", "gaps kept", "in bursts", "its own account, P99 ms")
		for _, r := range got.Rows {
			told := "none"
			if r.Told != nil {
				told = fmt.Sprintf("%.3f", r.Told.Median)
			}
			w.row(r.Name, fmt.Sprintf("%.3f", r.LateP50.Median), fmt.Sprintf("%.3f", r.LateP99.Median),
				fmt.Sprintf("%.3f–%.3f", r.LateP99.Low, r.LateP99.High),
				fmt.Sprintf("%.1f %%", 100*r.Kept.Median), fmt.Sprintf("%.1f %%", 100*r.Bursts.Median), told)
		}
		return w.end(t, got.Bounds, got.Skipped)
	})
}

func figure(ms float64) string { return fmt.Sprintf("%.2f", ms) }

type benchAACmd struct {
	benchFlags
	Runs     int           `help:"Trials of each kind." default:"100"`
	Budget   time.Duration `help:"Of a trial, both sides together." default:"10s"`
	Busy     bool          `help:"With a neighbour that uses a processor all the time."`
	Ordinary bool          `help:"Without the real-time class of the scheduler, as for a user who is not root."`
	Out      string        `help:"File to which each trial is appended; a later call goes on from it." type:"path"`
}

func (c *benchAACmd) Run(t *tool) error {
	return t.experiment(func(b bench.Bench) error {
		got, err := b.AA(t.ctx, bench.AAOptions{Runs: c.Runs, Budget: c.Budget, Busy: c.Busy, Out: c.Out, Ordinary: c.Ordinary})
		if err != nil {
			return err
		}
		if err := c.plot(got.Plot()); err != nil {
			return err
		}
		if c.JSON {
			return printJSON(t, got)
		}
		w := newTable(t.out, "second service", "trials", "P95 ratio, mean", "deviation", "of the typical", "half-width", "called different", "wrongly", "when stopped early", "after pairs")
		percent := func(v float64) string { return fmt.Sprintf("%.1f %%", 100*v) }
		for _, r := range got.Rows {
			w.row(fmt.Sprintf("%.1f × the work", r.Factor), fmt.Sprint(r.Trials), fmt.Sprintf("%.3f", r.Mean), percent(r.SD), percent(r.HLSD),
				"±"+percent(r.Width), percent(r.Found), percent(r.Wrong), percent(r.Stopped), fmt.Sprintf("%.0f", r.StoppedPairs))
		}
		return w.end(t, got.Bounds, nil)
	})
}
