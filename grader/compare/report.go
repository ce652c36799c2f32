package compare

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"github.com/p95lab/p95lab/grader/verdict"
)

//go:embed report.html
var templates embed.FS

// Headline is the outcome in two or three words.
func (r Result) Headline() string {
	switch r.Verdict.Outcome {
	case verdict.Passed:
		return "After is better"
	case verdict.Failed:
		if r.Verdict.Gate == verdict.Check {
			return "After answers differently"
		}
		return "After is worse"
	case verdict.NoDifference:
		return "No difference"
	default:
		return "Nothing can be told"
	}
}

// Row is a metric as people read it.
type Row struct{ Name, Before, After, Ratio, Interval, MDE, Target, Mark string }

// Rows are the metrics as people read them.
func (r Result) Rows() []Row {
	var rows []Row
	for _, m := range r.Verdict.Metrics {
		row := Row{Name: m.Name, Before: figure(m, m.Before), After: figure(m, m.After), Target: m.Target}
		if strings.HasPrefix(row.Name, "p") {
			row.Name = strings.ToUpper(row.Name)
		}
		if m.Ratio != 0 {
			row.Ratio = verdict.Factor(m.Ratio) + "×"
			row.Interval = verdict.Factor(m.Low) + "–" + verdict.Factor(m.High)
			row.MDE = fmt.Sprintf("%.0f %%", 100*(m.MDE-1))
			if m.MDE >= 10 {
				row.MDE = verdict.Factor(m.MDE) + "×"
			}
		}
		if m.Target != "" {
			row.Mark = map[bool]string{true: "ok", false: "WORSE"}[m.Met]
		}
		rows = append(rows, row)
	}
	return rows
}

func figure(m verdict.Metric, v float64) string {
	if m.Unit == "ms" {
		return verdict.Millis(v)
	}
	if v == 0 {
		return "0 " + m.Unit
	}
	return verdict.Number(v) + " " + m.Unit
}

// How says in a sentence how it was measured, "" where nothing was.
func (r Result) How() string {
	l := r.Verdict.Load
	if l == nil {
		return ""
	}
	arrivals := "Poisson arrivals"
	if r.Constant {
		arrivals = "equal gaps"
	}
	how := fmt.Sprintf("%s requests a second on each side with %s, in %d pairs of %.0f ms slices that went to one side and then to the other with the same requests at the same times; %d requests on each side, %d pairs did not count. The generator was late by %s at P99.",
		verdict.Number(l.Rate), arrivals, l.Pairs, l.SliceMS, l.Requests, l.Dropped, verdict.Millis(l.LateP99MS))
	if r.Fresh {
		how += " Each request opened a connection."
	}
	if r.Users > 0 {
		how += fmt.Sprintf(" %d users asked in turn, each with cookies of its own.", r.Users)
	}
	if r.Link.RoundTrip > 0 || r.Link.BytesPerSecond > 0 {
		how += fmt.Sprintf(" A link was imitated for each connection: a round trip of %v", r.Link.RoundTrip)
		if r.Link.BytesPerSecond > 0 {
			how += fmt.Sprintf(", %d bytes a second each way", r.Link.BytesPerSecond)
		}
		how += "."
	}
	return how
}

// Markdown writes the report as a comment of a pull request.
func (r Result) Markdown(out io.Writer) error {
	var b strings.Builder
	v := r.Verdict
	fmt.Fprintf(&b, "### %s\n\n%s\n", r.Headline(), plain(v.Message))
	if v.Next != "" {
		fmt.Fprintf(&b, "\n%s\n", plain(v.Next))
	}
	if rows := r.Rows(); len(rows) > 0 {
		b.WriteString("\n| | before | after | times better | 95 % interval | smallest seen | |\n| --- | ---: | ---: | ---: | ---: | ---: | --- |\n")
		for _, w := range rows {
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", w.Name, w.Before, w.After, w.Ratio, w.Interval, w.MDE, w.Mark)
		}
	}
	if m := v.Mismatch; m != nil {
		fmt.Fprintf(&b, "\n%s answered %s before and %s after.\n", code(m.Request), code(m.Want), code(m.Got))
	}
	fmt.Fprintf(&b, "\n<details><summary>How it was measured</summary>\n\n- before: %s\n- after: %s\n", code(r.Before), code(r.After))
	if how := r.How(); how != "" {
		fmt.Fprintf(&b, "- %s\n", how)
	}
	if v.Load != nil {
		for _, note := range v.Load.Notes {
			fmt.Fprintf(&b, "- %s\n", plain(note))
		}
	}
	fmt.Fprintf(&b, "- %s, seed %d, %s\n\n</details>\n", v.Machine, v.Seed, r.Took.Format(time.RFC3339))
	return write(out, b.String())
}

// plain is text that Markdown and HTML leave alone. What a service printed or
// answered is in it.
func plain(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", "|", "\\|", "`", "\\`", "*", "\\*", "_", "\\_", "[", "\\[", "\r", "", "@", "&#64;").Replace(text)
}

// code is text in back quotes, on one line.
func code(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	fence := "`"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	if fence == "`" {
		return fence + text + fence
	}
	return fence + " " + text + " " + fence
}

// HTML writes the report as one page that needs nothing else.
func (r Result) HTML(out io.Writer) error {
	t, err := template.ParseFS(templates, "report.html")
	if err != nil {
		return fmt.Errorf("read the report's template: %w", err)
	}
	page := struct {
		Result
		Time, Curve, Spread chart
		Date                string
		Class               string
	}{
		Result: r, Time: timeChart(r.Points), Curve: curveChart(r.Curves), Spread: spreadChart(r.Verdict.Load),
		Date:  r.Took.Format("2 January 2006, 15:04 MST"),
		Class: map[verdict.Outcome]string{verdict.Passed: "ok", verdict.Failed: "bad", verdict.TooNoisy: "warn"}[r.Verdict.Outcome],
	}
	if err := t.Execute(out, page); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}
