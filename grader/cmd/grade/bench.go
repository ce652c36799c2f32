package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/p95lab/p95lab/grader"
	"github.com/p95lab/p95lab/grader/bench"
)

// benchCmd is the lab's measurement, measured.
type benchCmd struct {
	Cost benchCostCmd `cmd:"" help:"What a request costs the generator, beside wrk, Vegeta and k6."`
	Part benchPartCmd `cmd:"" hidden:"" help:"A process of the bench."`
}

// benchFlags are common to all experiments.
type benchFlags struct {
	JSON  bool   `help:"Print one object and nothing else."`
	Plots string `help:"Folder for SVG plots." type:"path"`
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
			return grader.TakeTurn(ctx, func() { t.progress("waiting: another run is being measured on this machine") })
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
	benchFlags
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
