// Package verdict holds the wire types of grading: what a run reports while it
// goes on (Event) and what it ends with (Verdict). It is a leaf: it imports
// nothing of this module and must not know how a run is done, stored or drawn.
// The golden files in testdata are read by the Go tests and by the browser's.
package verdict

// Outcome says how a run ended.
type Outcome string

// The outcomes. TooNoisy and Error are never the learner's fault and never
// scored.
const (
	Passed       Outcome = "passed"        // every target is held by the interval's worse end
	Failed       Outcome = "failed"        // a gate stopped the run, or a target was missed
	Unchanged    Outcome = "unchanged"     // the learner's files are the starter's, byte for byte
	NoDifference Outcome = "no-difference" // measured, and not distinguishable from the starter
	TooNoisy     Outcome = "too-noisy"     // the machine was too busy to tell
	Error        Outcome = "error"         // our own fault
)

// Gate names a step of a run. A run passes the gates in this order and stops
// at the first that fails.
type Gate string

// The gates, in order.
const (
	Build   Gate = "build"
	Start   Gate = "start"
	Check   Gate = "check"
	Load    Gate = "load"
	Compare Gate = "compare"
)

// Gates lists the gates in order.
var Gates = []Gate{Build, Start, Check, Load, Compare}

// Verdict is the end of a run. All durations are in the unit that the field
// names; all ratios say how many times better the candidate is than the
// starter, so that more is better for every metric.
type Verdict struct {
	Challenge string  `json:"challenge"`
	Outcome   Outcome `json:"outcome"`
	// Gate is where the run ended: the gate that failed, or Compare when all
	// gates were passed.
	Gate Gate `json:"gate"`
	// Message says in one or two sentences what happened; Next what to look at.
	Message string `json:"message"`
	Next    string `json:"next,omitempty"`
	// Score is 0 at the starter and 100 at the reference solution, on a log
	// scale, and 0 unless all gates were passed.
	Score   float64  `json:"score"`
	Seconds float64  `json:"seconds"` // wall time of the whole run
	Metrics []Metric `json:"metrics"`
	// Targets that were missed come first in Metrics once a run has ended.

	Diagnostics []Diagnostic `json:"diagnostics,omitempty"` // compiler errors
	Mismatch    *Mismatch    `json:"mismatch,omitempty"`    // the first wrong answer
	Log         string       `json:"log,omitempty"`         // tail of the service's own output, at most 8 KiB
	Load        *Summary     `json:"load,omitempty"`        // the load that was applied, and what it showed
	Evidence    *Evidence    `json:"evidence,omitempty"`    // why the sides are as fast as they are
	Seed        uint64       `json:"seed,string"`           // repeats the run's requests and arrivals; a string, as JavaScript's numbers lose bits
	Machine     string       `json:"machine,omitempty"`     // e.g. "2 × Xeon, linux/amd64, go1.26.8"
}

// Metric is one figure of both sides.
type Metric struct {
	Name string `json:"name"` // p50, p95, p99, errors, queries, cpu, memory
	Of   string `json:"of"`   // the request's name; "" is all of them
	Unit string `json:"unit"` // ms, %, per request, MB
	// Before is the starter's figure, After the candidate's.
	Before float64 `json:"before"`
	After  float64 `json:"after"`
	// Ratio is how many times better After is; Low and High are its 95 %
	// interval. All three are 0 where a ratio has no meaning.
	Ratio float64 `json:"ratio"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	// MDE is the smallest ratio that a run as precise as this one tells from 1
	// four times of five: what it could not have seen. 0 where nothing was
	// sampled.
	MDE float64 `json:"mde,omitempty"`
	// Target is the goal as a learner reads it ("≥ 8×"); "" for a figure that
	// is only shown.
	Target string `json:"target"`
	Met    bool   `json:"met"`
}

// Diagnostic is one message of the compiler about one of the learner's files.
type Diagnostic struct {
	File    string `json:"file"` // as the learner knows it: "store.go"
	Line    int    `json:"line"` // from 1; 0 if unknown
	Column  int    `json:"column"`
	Message string `json:"message"`
}

// Mismatch is an answer that differs from the starter's.
type Mismatch struct {
	Check   string `json:"check"`   // the word in challenge.yaml: same-answers
	Request string `json:"request"` // "GET /customers/17/orders?limit=20"
	Want    string `json:"want"`    // the starter's answer, shortened around the difference
	Got     string `json:"got"`
	Where   string `json:"where,omitempty"` // path of the first difference: "orders[3].total"
}

// Summary describes the measured load.
type Summary struct {
	Rate      float64 `json:"rate"` // arrivals per second on each side
	SliceMS   float64 `json:"slice_ms"`
	Pairs     int     `json:"pairs"`    // pairs of slices that count
	Dropped   int     `json:"dropped"`  // pairs dropped for the machine's weather
	Requests  int     `json:"requests"` // counted requests on each side
	LateP99MS float64 `json:"late_p99_ms"`
	// Notes say what a reader should know of how it was measured: what may have
	// disturbed it, and where the generator was part of it.
	Notes  []string `json:"notes,omitempty"`
	Before Side     `json:"before"`
	After  Side     `json:"after"`
	// HistogramMS holds the upper edges of Before.Histogram's and
	// After.Histogram's buckets, in ms, log-spaced.
	HistogramMS []float64 `json:"histogram_ms"`
}

// Side is one side's whole-run figures over the pairs that count.
type Side struct {
	P50       float64 `json:"p50_ms"`
	P95       float64 `json:"p95_ms"`
	P99       float64 `json:"p99_ms"`
	Max       float64 `json:"max_ms"`
	Errors    float64 `json:"errors"` // share, 0 to 1
	RPS       float64 `json:"rps"`
	CPU       float64 `json:"cpu_seconds"`
	MemoryMB  float64 `json:"memory_mb"` // peak resident set
	Queries   float64 `json:"queries"`   // database queries per request; 0 if the service keeps no count
	Histogram []int   `json:"histogram,omitempty"`
}

// Event is one numbered message of a run in progress. Exactly one of the
// pointers is set, and Kind names it.
type Event struct {
	Seq int64   `json:"seq"` // from 1, without gaps, within one run
	At  float64 `json:"at"`  // seconds since the run was started
	// Kind is queued, gate, plan, tick, log or verdict.
	Kind    string    `json:"kind"`
	Queued  *Queued   `json:"queued,omitempty"`
	Gate    *GateStep `json:"gate,omitempty"`
	Plan    *Plan     `json:"plan,omitempty"`
	Tick    *Tick     `json:"tick,omitempty"`
	Log     *LogLine  `json:"log,omitempty"`
	Verdict *Verdict  `json:"verdict,omitempty"`
}

// Queued tells how many runs are before this one; 0 means that it is next.
type Queued struct {
	Ahead int `json:"ahead"`
}

// GateStep tells that a gate was entered or left.
type GateStep struct {
	Name   Gate   `json:"name"`
	State  string `json:"state"`            // running, passed, failed
	Detail string `json:"detail,omitempty"` // "built in 1.2 s", "calibrating, once for this machine"
}

// Plan tells what the load phase will do, before its first tick.
type Plan struct {
	Seconds float64 `json:"seconds"` // the longest that the load may last, both sides together
	Rate    float64 `json:"rate"`    // arrivals per second on each side
	SliceMS float64 `json:"slice_ms"`
	// EdgesMS holds the upper edges of each Window.Histogram's buckets.
	EdgesMS []float64 `json:"edges_ms"`
}

// Tick is the live picture, about ten times a second. A viewer may lose ticks
// and nothing else.
type Tick struct {
	T      float64 `json:"t"`              // seconds since the load phase began
	Warm   bool    `json:"warm,omitempty"` // still warming up: shown, never counted
	Before Window  `json:"before"`
	After  Window  `json:"after"`
}

// Window is one side's last second of its own load.
type Window struct {
	N      int     `json:"n"` // requests completed so far, in all
	P50    float64 `json:"p50_ms"`
	P95    float64 `json:"p95_ms"`
	P99    float64 `json:"p99_ms"`
	RPS    float64 `json:"rps"`
	Errors float64 `json:"errors"` // share of all so far, 0 to 1
	// Histogram is cumulative over the counted run, sent about once a second.
	Histogram []int `json:"histogram,omitempty"`
}

// LogLine is a line of a build's or service's output.
type LogLine struct {
	From string `json:"from"` // build, before, after, grader
	Text string `json:"text"`
}
