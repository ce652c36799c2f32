package sandbox

import (
	"fmt"
	"io"
	"strings"
)

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

// Print writes the report for people, a layer a line.
func (r Report) Print(w io.Writer) error {
	var b strings.Builder
	if r.Isolated {
		b.WriteString("Isolated: services and builds run in the sandbox.\n")
	} else {
		b.WriteString("Not isolated: services and builds run as you, with a clean environment and limits.\n")
	}
	for _, f := range r.Layers {
		mark := "works  "
		if !f.Works {
			mark = "missing"
		}
		fmt.Fprintf(&b, "  %s  %s\n", mark, f.Layer)
		if f.Why != "" {
			fmt.Fprintf(&b, "           %s\n", f.Why)
		}
		if f.How != "" {
			fmt.Fprintf(&b, "           to get it: %s\n", f.How)
		}
	}
	if len(r.Missing) == 0 {
		b.WriteString("Fit for strangers' code: yes.\n")
	} else {
		b.WriteString("Fit for strangers' code: no; " + r.Summary() + ".\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
