package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"unicode"

	"golang.org/x/term"

	"github.com/p95lab/p95lab/grader/verdict"
)

func terminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// screen shows a run's progress: one line that changes on a terminal, one line
// for each gate elsewhere, nothing with --json.
type screen struct {
	out    io.Writer
	live   bool
	silent bool
	gate   verdict.Gate
	plan   verdict.Plan
	drawn  bool
}

func newScreen(t *tool, silent bool) *screen {
	return &screen{out: t.err, live: t.live && !silent, silent: silent}
}

func (s *screen) event(e verdict.Event) {
	if e.Gate != nil {
		s.gate = e.Gate.Name
	}
	if s.silent {
		return
	}
	switch {
	case e.Gate != nil && (s.live || e.Gate.State != "running" || e.Gate.Detail != ""):
		s.clear()
		text := fmt.Sprintf("%-8s %s", e.Gate.Name, e.Gate.State)
		if e.Gate.Detail != "" {
			text += ", " + e.Gate.Detail
		}
		if s.live && e.Gate.State == "running" {
			s.draw(text)
		} else {
			fmt.Fprintln(s.out, text)
		}
	case e.Plan != nil:
		s.plan = *e.Plan
	case e.Tick != nil && s.live:
		warm := ""
		if e.Tick.Warm {
			warm = "warm-up  "
		}
		s.draw(fmt.Sprintf("load     %s%2.0f of %.0f s at %.0f/s   before P95 %s   after P95 %s", warm,
			e.Tick.T, s.plan.Seconds, s.plan.Rate, show(e.Tick.Before.P95), show(e.Tick.After.P95)))
	}
}

func (s *screen) draw(text string) {
	fmt.Fprintf(s.out, "\r\x1b[K%s", text)
	s.drawn = true
}

func (s *screen) clear() {
	if s.drawn {
		fmt.Fprint(s.out, "\r\x1b[K")
		s.drawn = false
	}
}

func show(ms float64) string {
	switch {
	case ms == 0:
		return "–"
	case ms >= 1000:
		return fmt.Sprintf("%.2f s", ms/1000)
	default:
		return fmt.Sprintf("%.3g ms", ms)
	}
}

// printVerdict writes the table at a run's end.
func printVerdict(out io.Writer, v verdict.Verdict) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s: %s at %s", v.Challenge, v.Outcome, v.Gate)
	if v.Outcome == verdict.Passed || v.Score > 0 {
		fmt.Fprintf(&b, ", score %.0f", v.Score)
	}
	fmt.Fprintf(&b, "   (%.1f s)\n%s\n", v.Seconds, v.Message)
	for _, d := range v.Diagnostics {
		fmt.Fprintf(&b, "  %s:%d:%d: %s\n", d.File, d.Line, d.Column, d.Message)
	}
	if m := v.Mismatch; m != nil {
		fmt.Fprintf(&b, "  %s\n  want %s\n  got  %s\n", m.Request, m.Want, m.Got)
	}
	if len(v.Metrics) > 0 {
		b.WriteString("\n")
		w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "\tmetric\tbefore\tafter\ttimes better\t95 % interval\ttarget")
		for _, m := range v.Metrics {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", mark(m), title(m), value(m, m.Before), value(m, m.After), ratio(m), interval(m), m.Target)
		}
		if err := w.Flush(); err != nil {
			return fmt.Errorf("lay out the table: %w", err)
		}
	}
	if v.Load != nil {
		fmt.Fprintf(&b, "\n%d pairs of %.0f ms slices at %.1f requests/s, %d dropped; sender late by %.2f ms at P99; seed %d; %s\n",
			v.Load.Pairs, v.Load.SliceMS, v.Load.Rate, v.Load.Dropped, v.Load.LateP99MS, v.Seed, v.Machine)
	}
	if v.Log != "" && v.Outcome != verdict.Passed {
		fmt.Fprintf(&b, "\nThe end of its output:\n%s\n", strings.TrimRight(v.Log, "\n"))
	}
	if v.Next != "" {
		fmt.Fprintf(&b, "\nNext: %s\n", v.Next)
	}
	if _, err := io.WriteString(out, plain(b.String())); err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	return nil
}

// plain takes out of a text what would command a terminal: a service's answers and
// output, and the names in a compiler's messages, are whatever somebody has put
// there.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// tellIsolation says before a run, where services are not confined, that they are
// not.
func (t *tool) tellIsolation() {
	if report := t.grader.Sandbox(); !report.Isolated {
		fmt.Fprintf(t.err, "Not isolated: the service runs as you, with a clean environment and limits (%s). grade doctor says how to change that.\n", report.Summary())
	}
}

func mark(m verdict.Metric) string {
	switch {
	case m.Target == "":
		return " "
	case m.Met:
		return "ok"
	default:
		return "MISS"
	}
}

func title(m verdict.Metric) string {
	if m.Of == "" {
		return m.Name
	}
	return m.Name + " of " + m.Of
}

func value(m verdict.Metric, v float64) string {
	if m.Unit == "ms" {
		return show(v)
	}
	return fmt.Sprintf("%.3g %s", v, m.Unit)
}

func ratio(m verdict.Metric) string {
	if m.Ratio == 0 {
		return ""
	}
	return fmt.Sprintf("%.3g×", m.Ratio)
}

func interval(m verdict.Metric) string {
	if m.Ratio == 0 || m.Low == m.High {
		return ""
	}
	return fmt.Sprintf("%.3g–%.3g", m.Low, m.High)
}
