package verdict

// Evidence says why the sides are as fast as they are. It never decides anything:
// what is scored was measured before it was taken.
type Evidence struct {
	// Counters are figures of each side's process over the scored pairs.
	Counters []Counter `json:"counters"`
	// Endpoints are the kinds of requests, over the scored pairs.
	Endpoints []Endpoint `json:"endpoints"`
	// Statements are what was sent to the database, the dearest first, while each
	// side was kept busy for its profile.
	Statements []Statement `json:"statements"`
	// Profiles lists what was kept of both sides, apart from the verdict.
	Profiles []Profile `json:"profiles"`
	// Notes say what could not be taken, and why.
	Notes []string `json:"notes,omitempty"`
}

// Source says who tells a figure. What a service tells of itself a learner's code
// could tell wrongly, so it decides nothing.
type Source string

// The sources.
const (
	Kernel    Source = "kernel"
	Kit       Source = "kit"       // what every service is built on, where its own code cannot reach
	Generator Source = "generator" // who sent the requests
	Service   Source = "service"
)

// Counter is one figure of both sides; less is better.
type Counter struct {
	Name   string  `json:"name"` // cpu, memory, written, allocated, objects, gc, goroutines
	Unit   string  `json:"unit"` // ms, bytes, count, %
	Per    string  `json:"per,omitempty"`
	Before float64 `json:"before"`
	After  float64 `json:"after"`
	From   Source  `json:"from"`
}

// Endpoint is a kind of request, as the generator saw its answers.
type Endpoint struct {
	Name   string `json:"name"`
	Before Served `json:"before"`
	After  Served `json:"after"`
}

// Served is how a side served a kind of request.
type Served struct {
	N      int     `json:"n"`
	P50    float64 `json:"p50_ms"`
	P95    float64 `json:"p95_ms"`
	Bytes  float64 `json:"bytes"`  // of an answer's body, the mean
	Errors float64 `json:"errors"` // share, 0 to 1
}

// Statement is a text of SQL that either side sends; the counts are told by the
// services themselves, the plans by SQLite on each side's own data.
type Statement struct {
	SQL    string    `json:"sql"`
	Before *Executed `json:"before,omitempty"` // nil where the side does not send it
	After  *Executed `json:"after,omitempty"`
}

// Executed is what a statement costs a side.
type Executed struct {
	Calls   float64 `json:"calls"`    // for each request of any kind
	Rows    float64 `json:"rows"`     // returned or changed by a call, the mean
	TotalMS float64 `json:"total_ms"` // in the database for each request of any kind
	P95MS   float64 `json:"p95_ms"`   // of a call
	Failed  int     `json:"failed,omitempty"`
	// Plan is how SQLite runs it, in the order of EXPLAIN QUERY PLAN; Unplanned says
	// why there is none.
	Plan      []PlanStep `json:"plan,omitempty"`
	Unplanned string     `json:"unplanned,omitempty"`
}

// PlanStep is a line of a plan.
type PlanStep struct {
	ID     int    `json:"id"`
	Parent int    `json:"parent"`
	Detail string `json:"detail"`
	// Rows is the size of the table, where the step reads all of it.
	Rows int64 `json:"rows,omitempty"`
}

// Profile is a kept profile of each side.
type Profile struct {
	Name   string `json:"name"` // cpu, heap, mutex, block, goroutines
	Before Taken  `json:"before"`
	After  Taken  `json:"after"`
}

// Taken is one side's profile, which it tells itself.
type Taken struct {
	Bytes int `json:"bytes"` // as it is kept, gzipped; 0 where none is
	// Requests is how many were answered while it was taken; 0 where that has no
	// meaning.
	Requests int `json:"requests"`
}
