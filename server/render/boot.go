package render

import (
	"strconv"

	"github.com/p95lab/p95lab/challenges"
	"github.com/p95lab/p95lab/server/wire"
)

// Boot is what the challenge page starts from: the JSON in its #boot element,
// as docs/wire.md describes it. NewBoot fills what the challenge says; what
// belongs to the learner (Workspace, Runs, answers, opened hints) is the
// caller's.
type Boot struct {
	Slug       string          `json:"slug"`
	Title      string          `json:"title"`
	Track      string          `json:"track"`
	Level      int             `json:"level"`
	Minutes    int             `json:"minutes"`
	Lab        string          `json:"lab"`
	Open       string          `json:"open"` // the file that the editor shows first; "" is the first of all
	Go         string          `json:"go"`   // "go1.26.8"
	Isolated   bool            `json:"isolated"`
	Workspace  wire.Workspace  `json:"workspace"`
	Runs       []wire.RunInfo  `json:"runs"` // newest first
	Diagnosis  wire.Diagnosis  `json:"diagnosis"`
	Hints      Hints           `json:"hints"`
	Targets    []Target        `json:"targets"`
	Solved     bool            `json:"solved"`
	Ran        bool            `json:"ran"`
	Challenges []ChallengeLink `json:"challenges"`
}

// Hints tells how many there are, and holds those that were opened, in order.
type Hints struct {
	Count  int         `json:"count"`
	Opened []wire.Hint `json:"opened"`
}

// Target is a goal as the page needs it before the first verdict. Improve and
// Worsen are 0 for a goal of the other kind and for an absolute bound, which
// only Text says.
type Target struct {
	Metric  string  `json:"metric"`
	Of      string  `json:"of"`
	Label   string  `json:"label"`   // "P95 of history"
	Text    string  `json:"text"`    // "≥ 8× better"
	Improve float64 `json:"improve"` // at least so many times better
	Worsen  float64 `json:"worsen"`  // at most so many times worse
}

// ChallengeLink is one entry of the palette.
type ChallengeLink struct {
	Slug  string `json:"slug"`
	Title string `json:"title"`
	Track string `json:"track"`
}

// NewBoot returns what the challenge itself says, without its answers.
func NewBoot(c challenges.Challenge) Boot {
	return Boot{
		Slug:    c.Slug,
		Title:   c.Title,
		Track:   c.Track,
		Level:   c.Level,
		Minutes: c.Minutes,
		Lab:     c.Lab,
		Open:    c.Open,
		Diagnosis: wire.Diagnosis{
			Question: c.Diagnosis.Question,
			Options:  c.Diagnosis.Options,
		},
		Hints:   Hints{Count: len(c.Hints)},
		Targets: Targets(c.Targets),
	}
}

// Targets says the targets of a challenge as a learner reads them.
func Targets(ts []challenges.Target) []Target {
	out := make([]Target, 0, len(ts))
	for _, t := range ts {
		v := Target{Metric: t.Metric, Of: t.Of, Label: metricLabel(t.Metric, t.Of)}
		switch {
		case t.Improve > 0:
			v.Improve, v.Text = float64(t.Improve), "≥ "+number(float64(t.Improve))+"× better"
		case t.Worsen > 0:
			v.Worsen, v.Text = float64(t.Worsen), "≤ "+number(float64(t.Worsen))+"× the starter"
		case t.Max != nil && t.Max.Share:
			v.Text = "≤ " + number(100*t.Max.Value) + " %"
		case t.Max != nil:
			v.Text = "≤ " + number(t.Max.Value)
		}
		out = append(out, v)
	}
	return out
}

var metricNames = map[string]string{
	"p50": "P50", "p95": "P95", "p99": "P99",
	"errors": "Errors", "queries": "Queries per request", "cpu": "CPU time", "memory": "Memory",
}

func metricLabel(metric, of string) string {
	name := metricNames[metric]
	if name == "" {
		name = metric
	}
	if of != "" {
		name += " of " + of
	}
	return name
}

// number writes a figure of a challenge without trailing zeros and without the
// noise of binary fractions.
func number(v float64) string {
	return strconv.FormatFloat(v, 'g', 4, 64)
}
