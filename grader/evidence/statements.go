package evidence

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Bounds of what is told of statements.
const (
	MaxStatements = 20 // of a side, the dearest
	maxSQL        = 2_000
	maxSteps      = 24
	maxDetail     = 240
	// A slice of a second cannot hold more: what says so lies, and must not
	// overflow.
	mostCount   = 1e9
	mostSeconds = 1e6
)

// Statement is what a service tells of one SQL text that it sends.
type Statement struct {
	SQL     string  `json:"sql"`
	Calls   int     `json:"calls"`
	Failed  int     `json:"failed"`
	Rows    int     `json:"rows"`
	Seconds float64 `json:"seconds"`
	P95     float64 `json:"p95_seconds"`
}

// Statements reads what the kit answers at /debug/statements, the dearest first.
func Statements(text []byte) ([]Statement, error) {
	var all []Statement
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("read the statements: %w", err)
	}
	all = all[:min(len(all), MaxStatements)]
	for i := range all {
		s := &all[i]
		for _, n := range []*int{&s.Calls, &s.Failed, &s.Rows} {
			*n = max(0, min(*n, mostCount))
		}
		for _, v := range []*float64{&s.Seconds, &s.P95} {
			*v = max(0, min(*v, mostSeconds))
		}
	}
	return all, nil
}

// SQL is a text as it is told: its lines joined, so that it reads as one, and cut
// where it is very long. Two sides send the same statement if it is told alike.
func SQL(text string) string {
	text = strings.ToValidUTF8(strings.Join(strings.Fields(text), " "), "?")
	return cut(text, maxSQL)
}

// cut shortens a text to so many bytes, at a letter's edge.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most] + "…"
}

// Plan is how SQLite runs a statement.
type Plan struct {
	Steps []Step `json:"steps"`
	Error string `json:"error"`
}

// Step is a line of a plan; Rows is the size of a table that is read whole.
type Step struct {
	ID     int    `json:"id"`
	Parent int    `json:"parent"`
	Detail string `json:"detail"`
	Rows   int64  `json:"rows"`
}

// Plans reads what the kit's plan command has written: a plan for each of so many
// statements.
func Plans(text []byte, n int) ([]Plan, error) {
	var all []Plan
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("read the plans: %w", err)
	}
	if len(all) != n {
		return nil, fmt.Errorf("there are %d plans of %d statements", len(all), n)
	}
	for i := range all {
		all[i].Error = cut(strings.ToValidUTF8(all[i].Error, "?"), maxDetail)
		all[i].Steps = all[i].Steps[:min(len(all[i].Steps), maxSteps)]
		for j := range all[i].Steps {
			all[i].Steps[j].Detail = cut(strings.ToValidUTF8(all[i].Steps[j].Detail, "?"), maxDetail)
		}
	}
	return all, nil
}
