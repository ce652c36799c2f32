package evidence

// Graph is a view of two sides' profiles as one tree: what is drawn. Lists of
// equal length are columns of one table. The wire has it as docs/wire.md says.
type Graph struct {
	View string `json:"view"`
	Unit string `json:"unit"`
	// PerRequest tells whether the values grow with the requests.
	PerRequest bool `json:"per_request"`
	Before     Side `json:"before"`
	After      Side `json:"after"`
	// Functions holds the full names, Owners whose each is.
	Functions []string `json:"functions"`
	Owners    []Owner  `json:"owners"`
	Nodes     Nodes    `json:"nodes"`
	// LeftOut is the largest share of its side that a node has which is not told; 0
	// where all are.
	LeftOut float64 `json:"left_out"`
	Lines   []Line  `json:"lines"`
	Table   []Row   `json:"table"`
}

// Side is what is known of one side's profile.
type Side struct {
	Total   int64 `json:"total"`
	Samples int   `json:"samples"` // counted, for the CPU; stacks for the others
	// Requests were answered meanwhile; 0 where that is not known.
	Requests int  `json:"requests"`
	Missing  bool `json:"missing,omitempty"` // there is no profile of this side
}

// Nodes are the tree, a node before its children and the larger child first.
// Node 0 is all of it; its function is -1, and so is its parent.
type Nodes struct {
	Parent   []int   `json:"parent"`
	Function []int   `json:"function"`
	Before   []int64 `json:"before"` // with what it calls
	After    []int64 `json:"after"`
}

// Line is a line of the service's own code.
type Line struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Before int64  `json:"before"` // with what it calls
	After  int64  `json:"after"`
}

// Row is a function in the table.
type Row struct {
	Function   int   `json:"function"`
	SelfBefore int64 `json:"self_before"`
	SelfAfter  int64 `json:"self_after"`
	Before     int64 `json:"before"` // with what it calls, once for each stack
	After      int64 `json:"after"`
}
