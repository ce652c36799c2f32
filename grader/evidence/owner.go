package evidence

import (
	"path"
	"strings"
)

// Owner says whose code a function is.
type Owner int

// The owners.
const (
	Own      Owner = iota // the service's own package
	Library               // another module, the kit too
	Standard              // the standard library
	Runtime               // Go's runtime, the garbage collector in it
)

// owner tells from a function's full name, such as
// "github.com/p95lab/p95lab/labs/kit.measure.func1".
func owner(function string) Owner {
	pkg := packageOf(function)
	first, _, _ := strings.Cut(pkg, "/")
	switch {
	case pkg == "main":
		return Own
	case strings.Contains(first, "."):
		return Library
	case pkg == "" || pkg == "runtime" || strings.HasPrefix(pkg, "runtime/internal/") || strings.HasPrefix(pkg, "internal/runtime/"):
		return Runtime // what has no package is assembly of the runtime
	default:
		return Standard
	}
}

// packageOf is the import path in a function's full name.
func packageOf(function string) string {
	// Type arguments may hold slashes and dots of their own.
	name, _, _ := strings.Cut(function, "[")
	slash := strings.LastIndexByte(name, '/') + 1
	dot := strings.IndexByte(name[slash:], '.')
	if dot < 0 {
		return ""
	}
	return name[:slash+dot]
}

// fileOf is a file as the learner knows it: "store.go". The builds trim paths, so
// it comes as "github.com/p95lab/p95lab/labs/orders/store.go".
func fileOf(file string) string {
	if _, below, ok := strings.Cut(file, "/labs/"); ok {
		if _, name, ok := strings.Cut(below, "/"); ok {
			return name
		}
	}
	return path.Base(file)
}
