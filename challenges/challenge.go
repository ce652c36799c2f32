// Package challenges is the curriculum, as data: one folder for each
// challenge, and this package, which reads and validates them. It knows what a
// challenge says, never how it is graded or shown.
package challenges

import (
	"io/fs"
	"time"
)

// Challenge is one folder: challenge.yaml, the texts beside it, and the
// solutions and wrong fixes that prove it.
type Challenge struct {
	Slug    string   `yaml:"-"` // the folder's name
	Format  int      `yaml:"format"`
	Title   string   `yaml:"title"`
	Summary string   `yaml:"summary"` // one sentence for the catalogue, at most 140 characters
	Track   string   `yaml:"track"`   // one of Tracks
	Level   int      `yaml:"level"`   // 1 apprentice, 2 practitioner, 3 expert
	Minutes int      `yaml:"minutes"`
	Company string   `yaml:"company"`
	Lab     string   `yaml:"lab"`   // a service under labs/
	Needs   []string `yaml:"needs"` // postgres, redis
	// Edit lists what is the learner's: files, or folders with a slash at the
	// end, relative to the service's own folder. New files may be added beside
	// them (*.go), and inside the listed folders.
	Edit      []string         `yaml:"edit"`
	Open      string           `yaml:"open"` // the file that the editor shows first
	Diagnosis Diagnosis        `yaml:"diagnosis"`
	Requests  []Request        `yaml:"requests"`
	Phases    []Phase          `yaml:"phases"`
	Targets   []Target         `yaml:"targets"`
	Checks    []Check          `yaml:"checks"`
	Wrong     map[string]Wrong `yaml:"wrong"`

	Lesson    string     `yaml:"-"` // markdown
	Hints     []Hint     `yaml:"-"`
	Interview []Question `yaml:"-"`
	// Solved is markdown that is shown after solving: what changed, before and
	// after, what remains slow and why that is fine. From solved.md.
	Solved string `yaml:"-"`

	// Starter lists the files of the service, as paths below its folder.
	Starter []string `yaml:"-"`
	FS      fs.FS    `yaml:"-"` // the folder
}

// Diagnosis is asked before the first edit and graded apart from the fix.
type Diagnosis struct {
	Question string   `yaml:"question"`
	Options  []string `yaml:"options"`
	Answer   int      `yaml:"answer"` // index into Options, from 0
	Why      string   `yaml:"why"`    // shown once answered
}

// Request is one kind of request of the mix. Exactly one of Get, Post, Put,
// Patch and Delete holds the path, a template: {name} is a variable of With,
// {a..b} a uniform integer.
type Request struct {
	Name   string            `yaml:"name"`
	Weight int               `yaml:"weight"`
	Get    string            `yaml:"get"`
	Post   string            `yaml:"post"`
	Put    string            `yaml:"put"`
	Patch  string            `yaml:"patch"`
	Delete string            `yaml:"delete"`
	Body   string            `yaml:"body"`
	Header map[string]string `yaml:"header"`
	// With binds variables to distributions: uniform(a, b), zipf(a, b, s),
	// sequence(a, b), pick(x, y, …).
	With map[string]string `yaml:"with"`
}

// Phase is one thing that the grader does. Exactly one field is set.
type Phase struct {
	Steady *Steady `yaml:"steady"`
}

// Steady is paired latency at one rate.
type Steady struct {
	// At is the share of the starter's capacity on this machine, 0 < At < 1.
	At float64 `yaml:"at"`
}

// Target is a goal for one metric. Exactly one of Improve, Worsen and Max is
// set.
type Target struct {
	Metric  string  `yaml:"metric"`  // p50, p95, p99, errors, queries, cpu
	Of      string  `yaml:"of"`      // a request's name; "" is all of them
	Improve Factor  `yaml:"improve"` // at least so many times better
	Worsen  Factor  `yaml:"worsen"`  // at most so many times worse
	Max     *Amount `yaml:"max"`     // at most: 0.1% of requests, or 6 per request
}

// String names what the target is about: "p95 of history", or "errors".
func (t Target) String() string {
	if t.Of == "" {
		return t.Metric
	}
	return t.Metric + " of " + t.Of
}

// Check is one word of the vocabulary. Exactly one field is set.
type Check struct {
	SameAnswers    *SameAnswers    `yaml:"same-answers"`
	ReadYourWrites *ReadYourWrites `yaml:"read-your-writes"`
}

// SameAnswers holds the candidate's answers to the starter's, as values, for
// the same requests: one by one before the load, wherever no write came between
// under load, and again after it.
type SameAnswers struct {
	// Ignore names JSON fields, at any depth, that may differ (a time stamp).
	Ignore []string `yaml:"ignore"`
	// Unstable names JSON fields that two right services may fill differently
	// once writes have raced each other: ids given in order of arrival.
	Unstable []string `yaml:"unstable"`
}

// ReadYourWrites holds that a read, sent Within after a write was answered,
// shows what the starter shows after the same write.
type ReadYourWrites struct {
	Write  string        `yaml:"write"` // a request's name
	Read   string        `yaml:"read"`  // a request's name, drawn with the same variables
	Within time.Duration `yaml:"within"`
}

// Wrong declares the wrong fix in _wrong/<name>/: where it must fail, and what
// its author believed.
type Wrong struct {
	Gate string `yaml:"gate"`
	// Target names the metric that must be missed ("p95 of history") when Gate
	// is compare; "" accepts any.
	Target string `yaml:"target"`
	Why    string `yaml:"why"`
}

// Hint is one ## section of hints.md.
type Hint struct{ Title, Body string }

// Question is one ## section of interview.md.
type Question struct{ Title, Body string }
