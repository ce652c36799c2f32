package workspace

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"slices"
	"strconv"
	"strings"
)

// What a fix may not use are the ways around the language: whoever writes to any
// memory changes the count of statements that a target is about, and whoever
// opens the database by another driver, or in another process, is not counted. A
// service needs none of them to be fast.

// refused are packages of the standard library, and why they are.
var refused = map[string]string{
	"C":                   `import "C": there is no cgo here, write it in Go`,
	"unsafe":              "unsafe is not for a fix: with it the count of statements could be changed",
	"plugin":              "plugins are not built here",
	"os/exec":             "a service starts no other programs here",
	"runtime/cgo":         "there is no cgo here",
	"database/sql/driver": "open the database with kit.Open, which counts what is asked of it",
}

// granted are the modules, by the beginning of their packages' paths, that a fix
// may use beside those that the service itself uses.
var granted = []string{
	"github.com/p95lab/p95lab/labs/kit", "github.com/VictoriaMetrics/metrics", "golang.org/x/sync/", "golang.org/x/time/",
}

// withheld are names within packages that may otherwise be used.
var withheld = map[string]func(name string) string{
	"os": func(name string) string {
		if name == "StartProcess" {
			return "a service starts no other programs here"
		}
		return ""
	},
	"database/sql": func(name string) string {
		if name == "Open" || name == "OpenDB" || name == "Register" {
			return "open the database with kit.Open, which counts what is asked of it"
		}
		return ""
	},
	// Signals and errors are what a service needs of it.
	"syscall": func(name string) string {
		if strings.HasPrefix(name, "SIG") || name == "Signal" || name == "Errno" || (name[0] == 'E' && strings.ToUpper(name) == name) {
			return ""
		}
		return "of syscall a fix may use signals and errors alone"
	},
}

// loose are names that lead out of the language whatever they are selected from:
// a value of type unsafe.Pointer can be had, and converted, without an import.
var loose = map[string]string{
	"UnsafePointer": "unsafe pointers are not for a fix: with one the count of statements could be changed",
	"UnsafeAddr":    "unsafe pointers are not for a fix: with one the count of statements could be changed",
	"NewAt":         "unsafe pointers are not for a fix: with one the count of statements could be changed",
	"Raw":           "sql.Conn.Raw asks the database uncounted: ask by way of the pool, and call nothing else Raw",
}

// imports are the packages that some files import.
func imports(files map[string][]byte) map[string]bool {
	found := map[string]bool{}
	for name, text := range files {
		if path.Ext(name) != ".go" {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ImportsOnly)
		if err != nil {
			continue
		}
		for _, i := range file.Imports {
			if p, err := strconv.Unquote(i.Path.Value); err == nil {
				found[p] = true
			}
		}
	}
	return found
}

// refuseSource tells of what a file may not use. What does not parse is the
// compiler's to tell, which builds nothing of it.
func refuseSource(name string, text []byte, given map[string]bool) error {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if file == nil {
		return nil //nolint:nilerr // see above
	}
	tell := func(at token.Pos, why string) error {
		p := set.Position(at)
		return refusal(name, p.Line, p.Column, why)
	}
	local := map[string]string{} // the names of packages in this file
	for _, i := range file.Imports {
		from, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			continue
		}
		if why := refuseImport(from, given); why != "" {
			return tell(i.Pos(), why)
		}
		as := path.Base(from)
		if i.Name != nil {
			as = i.Name.Name
		}
		if withheld[from] != nil && as == "." {
			return tell(i.Pos(), "import "+from+" by its name")
		}
		local[as] = from
	}
	if err != nil {
		return nil //nolint:nilerr // see above
	}
	for _, group := range file.Comments {
		for _, c := range group.List {
			if strings.HasPrefix(c.Text, "//go:linkname") {
				return tell(c.Pos(), "//go:linkname is not for a fix: with it the count of statements could be changed")
			}
		}
	}
	var found error
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			of, ok := n.X.(*ast.Ident)
			if !ok || found != nil {
				break
			}
			if judge := withheld[local[of.Name]]; judge != nil {
				if why := judge(n.Sel.Name); why != "" {
					found = tell(n.Pos(), why)
				}
			}
		case *ast.Ident:
			if why := loose[n.Name]; why != "" && found == nil {
				found = tell(n.Pos(), why)
			}
		}
		return found == nil
	})
	return found
}

// refuseImport says what is wrong with a package, "" if nothing is. Those of the
// standard library have no dot in the first part of their path.
func refuseImport(from string, given map[string]bool) string {
	if why := refused[from]; why != "" {
		return why
	}
	first, _, _ := strings.Cut(from, "/")
	standard := !strings.Contains(first, ".")
	if standard || given[from] || slices.ContainsFunc(granted, func(start string) bool { return strings.HasPrefix(from, start) }) {
		return ""
	}
	return from + " is not one of the modules that a fix may use: the standard library, and what the service itself uses"
}
