package verdict

// Evidence says why the sides are as fast as they are. It never decides anything:
// what is scored was measured before it was taken.
type Evidence struct {
	// Profiles lists what was kept of both sides, apart from the verdict.
	Profiles []Profile `json:"profiles"`
	// Notes say what could not be taken, and why.
	Notes []string `json:"notes,omitempty"`
}

// Profile is a kept profile of each side.
type Profile struct {
	Name   string `json:"name"` // cpu, heap, mutex, block, goroutines
	Before Taken  `json:"before"`
	After  Taken  `json:"after"`
}

// Taken is one side's profile. A learner's service tells its own.
type Taken struct {
	Bytes int `json:"bytes"` // as it is kept, gzipped; 0 where none is
	// Requests is how many were answered while it was taken; 0 where that has no
	// meaning.
	Requests int `json:"requests"`
}
