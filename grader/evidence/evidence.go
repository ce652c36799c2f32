// Package evidence reads what a service under test tells about itself, pprof
// profiles above all, and folds it into what a page can draw. All of it comes
// from a stranger's process, so all of it is bounded. It knows formats; it must
// not know how anything was measured, kept or shown.
package evidence

import (
	"fmt"
	"strings"
)

// The profiles that are taken of each side.
const (
	CPU        = "cpu"
	Heap       = "heap"
	Mutex      = "mutex"
	Block      = "block"
	Goroutines = "goroutines"
)

// Taken lists the profiles that are taken, in the order in which they are told.
var Taken = []string{CPU, Heap, Mutex, Block, Goroutines}

// MaxProfile is the largest profile that is kept, in bytes as it comes: gzipped.
const MaxProfile = 2 << 20

// Artefact is something that is kept beside a verdict.
type Artefact struct {
	Name string // "before/cpu"
	Body []byte
}

// Name names a side's profile.
func Name(side, profile string) string { return side + "/" + profile }

// FileName is how an artefact is called as a file: "before-cpu.pb.gz".
func FileName(name string) string { return strings.ReplaceAll(name, "/", "-") + ".pb.gz" }

// View is one way to look at a profile: which one, and which of its values.
type View struct {
	Name    string
	Profile string
	value   string
	// Unit is ns, bytes or count; PerRequest tells whether it grows with the
	// requests.
	Unit       string
	PerRequest bool
}

// Views lists what can be looked at.
var Views = []View{
	{"cpu", CPU, "cpu", "ns", true},
	{"alloc", Heap, "alloc_space", "bytes", true},
	{"objects", Heap, "alloc_objects", "count", true},
	{"heap", Heap, "inuse_space", "bytes", false},
	{"mutex", Mutex, "delay", "ns", true},
	{"block", Block, "delay", "ns", true},
	{"goroutines", Goroutines, "goroutine", "count", false},
}

// ViewOf finds a view by its name.
func ViewOf(name string) (View, error) {
	names := make([]string, len(Views))
	for i, v := range Views {
		if v.Name == name {
			return v, nil
		}
		names[i] = v.Name
	}
	return View{}, fmt.Errorf("there is no view %q; there are %s", name, strings.Join(names, ", "))
}
