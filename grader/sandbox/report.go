package sandbox

import "strings"

// Finding is one layer, tried on this machine.
type Finding struct {
	Layer Layer  `json:"layer"`
	Works bool   `json:"works"`
	Why   string `json:"why,omitempty"` // what was seen
	How   string `json:"how,omitempty"` // how to get it
}

// Report is what a machine offers.
type Report struct {
	// Isolated tells that services run confined.
	Isolated bool      `json:"isolated"`
	Layers   []Finding `json:"layers"`
	// Missing are the layers that a host for strangers needs and this machine has
	// not got.
	Missing []Finding `json:"missing"`
}

// Summary says in a line what is missing.
func (r Report) Summary() string {
	if len(r.Missing) == 0 {
		return "all layers work"
	}
	var parts []string
	for _, m := range r.Missing {
		parts = append(parts, string(m.Layer)+" ("+m.Why+")")
	}
	return "missing: " + strings.Join(parts, "; ")
}
