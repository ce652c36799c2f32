// Package wire holds the types of the HTTP API as docs/wire.md describes them:
// what the server's other packages hand to each other and to the browser. It is
// a leaf beside grader/verdict and must not know how anything is kept or drawn.
package wire

import (
	"time"

	"github.com/p95lab/p95lab/grader/verdict"
)

// State says where a run is.
type State string

// The states. A run ends as Done, Stopped (by the learner) or Failed (our own
// fault).
const (
	Queued  State = "queued"
	Running State = "running"
	Done    State = "done"
	Stopped State = "stopped"
	Failed  State = "failed"
)

// Ended tells whether a run's state is final.
func (s State) Ended() bool { return s == Done || s == Stopped || s == Failed }

// RunInfo is one run in the history. What was measured is 0 until the run has
// ended, and where it ended before the comparison.
type RunInfo struct {
	ID         string          `json:"id"`
	Challenge  string          `json:"challenge"`
	Number     int             `json:"number"` // from 1 for each challenge
	State      State           `json:"state"`
	CreatedAt  time.Time       `json:"created_at"`
	Hypothesis string          `json:"hypothesis"`
	Outcome    verdict.Outcome `json:"outcome"`
	Gate       verdict.Gate    `json:"gate"`
	Score      float64         `json:"score"`
	Seconds    float64         `json:"seconds"`
	P95Before  float64         `json:"p95_before_ms"`
	P95After   float64         `json:"p95_after_ms"`
	Ratio      float64         `json:"ratio"` // of the challenge's first goal, times better
	Low        float64         `json:"low"`   // its 95 % interval
	High       float64         `json:"high"`
	Changed    int             `json:"changed"` // files that differ from the starter
}

// Conclude fills in what a verdict says about a run.
func (r *RunInfo) Conclude(v verdict.Verdict) {
	r.Outcome, r.Gate, r.Score, r.Seconds = v.Outcome, v.Gate, v.Score, v.Seconds
	if v.Load != nil {
		r.P95Before, r.P95After = v.Load.Before.P95, v.Load.After.P95
	}
	for _, m := range v.Metrics {
		if m.Unit == "ms" && m.Ratio > 0 && (r.Ratio == 0 || (m.Name == "p95" && m.Target != "")) {
			r.P95Before, r.P95After = m.Before, m.After
			r.Ratio, r.Low, r.High = m.Ratio, m.Low, m.High
			if m.Name == "p95" && m.Target != "" {
				return
			}
		}
	}
}

// Run is a run with what was handed in and what came of it.
type Run struct {
	RunInfo
	Files   map[string]string `json:"files"`
	Verdict *verdict.Verdict  `json:"verdict"`
}

// Progress is how far a learner is with a challenge that was tried.
type Progress struct {
	Challenge string
	Passed    bool
	Best      float64 // ratio of the best run that passed; 0 if none did
}

// Workspace is the learner's folder as the editor shows it.
type Workspace struct {
	Folder string `json:"folder"`
	Files  []File `json:"files"`
	// Undo names the state before a reset, which may be reset to; "" otherwise.
	Undo string `json:"undo,omitempty"`
}

// File is one file of a workspace. Starter is "" for a file that the learner
// added.
type File struct {
	Path     string `json:"path"`
	Text     string `json:"text"`
	Starter  string `json:"starter"`
	ReadOnly bool   `json:"read_only"`
	Added    bool   `json:"added"`
}

// FileChange tells of a file that another program changed; Text is nil when it
// was removed.
type FileChange struct {
	Path string  `json:"path"`
	Text *string `json:"text"`
}

// Saved answers a write.
type Saved struct {
	Path    string    `json:"path"`
	SavedAt time.Time `json:"saved_at"`
}

// Diagnosis is the question before the first edit. Answered, Correct, Why and
// Answer stay empty until it was answered.
type Diagnosis struct {
	Question string   `json:"question"`
	Options  []string `json:"options"`
	Answered *int     `json:"answered"`
	Correct  *bool    `json:"correct"`
	Why      string   `json:"why"`
	Answer   *int     `json:"answer"`
}

// Hint is an opened hint; HTML is rendered and sanitised.
type Hint struct {
	Title string `json:"title"`
	HTML  string `json:"html"`
}

// SolutionFile is one file of a solution beside the starter's.
type SolutionFile struct {
	Path    string `json:"path"`
	Starter string `json:"starter"` // "" for a new file
	Text    string `json:"text"`
}

// Solution is what is shown once a run has ended.
type Solution struct {
	HTML  string         `json:"html"`
	Files []SolutionFile `json:"files"`
	Also  []SolutionFile `json:"also"`
}
