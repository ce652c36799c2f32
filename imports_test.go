package p95lab_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/p95lab/p95lab"
)

// goPackage is what `go list` says of one package of this module.
type goPackage struct {
	ImportPath   string
	Imports      []string
	Deps         []string
	TestImports  []string
	XTestImports []string
}

// list asks the go command, so that the rules hold for what is built.
func list(t *testing.T) map[string]goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,Deps,TestImports,XTestImports", "./...")
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatalf("go list: %v", err)
	}
	packages := map[string]goPackage{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("read go list: %v", err)
		}
		packages[local(p.ImportPath)] = p
	}
	return packages
}

// local is a package's path below the module, "." for the root and "" for a
// package of another module.
func local(importPath string) string {
	if importPath == p95lab.Module {
		return "."
	}
	below, ours := strings.CutPrefix(importPath, p95lab.Module+"/")
	if !ours {
		return ""
	}
	return below
}

// room is the folder at the root that a package lies in.
func room(below string) string {
	first, _, _ := strings.Cut(below, "/")
	return first
}

// below lists what each room may lean on, besides itself and the root.
var below = map[string][]string{
	".":          {},
	"labs":       {},
	"challenges": {"labs"},
	"grader":     {"challenges", "labs"},
	"web":        {},
	"server":     {"grader", "challenges", "labs", "web"},
}

func TestRoomsLeanOneWay(t *testing.T) {
	packages := list(t)
	seen := map[string]bool{}
	for name, p := range packages {
		allowed, known := below[room(name)]
		if !known {
			t.Errorf("%s lies in a room that has no rule: add it to the table", name)
			continue
		}
		seen[room(name)] = true
		for _, imported := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			other := room(local(imported))
			if other == "" || other == "." || other == room(name) || slices.Contains(allowed, other) {
				continue
			}
			t.Errorf("%s imports %s: %s may lean on %s", name, local(imported), room(name), strings.Join(allowed, ", "))
		}
	}
	for name := range below {
		if !seen[name] {
			t.Errorf("the room %s is empty: the table is out of date", name)
		}
	}
}

// forbidden lists what a package must not know, in all that it leans on.
var forbidden = []struct {
	name string
	not  []string // packages, or a folder with a slash at its end
	why  string
}{
	{"grader/verdict", []string{"./"}, "it is a leaf"},
	{"grader/evidence", []string{"./"}, "it reads formats"},
	{"grader/stats", []string{"challenges/", "labs/", "grader/load/"}, "it knows numbers alone"},
	{"grader/load", []string{"./"}, "it knows addresses, requests and times alone"},
	{"grader/bench", []string{"challenges/", "labs/"}, "it holds the measurement to services of its own"},
	{"grader/duel", []string{"challenges/", "labs/", "grader/check/", "grader/sandbox/", "grader/backing/", "grader/workspace/", "grader/bench/"}, "it measures two of anything"},
	{"grader/compare", []string{"grader/check/", "grader/backing/", "grader/workspace/", "grader/bench/", "server/"}, "it compares anybody's services, not the lab's"},
	{"challenges", []string{"grader/"}, "a challenge never says how it is graded"},
	{"labs", []string{"labs/kit/"}, "it hands out sources and runs none"},
	{"web", []string{"./"}, "it carries files"},
	{"server/wire", []string{"challenges/", "labs/", "server/app/"}, "it is what the others hand to each other"},
	{"server/app", []string{"server/sqlite/", "server/queue/", "server/api/", "server/live/", "server/render/", "grader/"}, "the rules know neither adapters nor grading"},
	{"server/sqlite", []string{"server/queue/", "server/api/", "server/live/", "server/render/", "web/"}, "adapters do not know each other"},
	{"server/queue", []string{"server/sqlite/", "server/api/", "server/live/", "server/render/", "web/"}, "adapters do not know each other"},
	{"server/live", []string{"server/sqlite/", "server/queue/", "server/api/", "server/render/", "web/"}, "adapters do not know each other"},
	{"server/backup", []string{"server/queue/", "server/api/", "server/live/", "server/render/", "web/"}, "it knows the folder's layout alone"},
	{"server/render", []string{"server/app/", "server/sqlite/", "server/queue/", "server/api/", "server/live/", "web/"}, "it draws what it is given"},
	{"server/api", []string{"server/sqlite/", "server/queue/", "server/live/", "web/"}, "adapters are wired in main"},
}

// excused are the exceptions, each with its reason.
var excused = map[string][]string{
	// The layout of a workspace is the grader's, who keeps it in its cache and
	// builds it in the sandbox, and its messages are the wire's.
	"server/app": {"grader/verdict", "grader/evidence", "grader/workspace", "grader/cache", "grader/sandbox"},
}

func TestPackagesKnowNoMoreThanTheyShould(t *testing.T) {
	packages := list(t)
	for _, rule := range forbidden {
		p, ok := packages[rule.name]
		if !ok {
			t.Errorf("there is no %s: the table is out of date", rule.name)
			continue
		}
		for _, dep := range p.Deps {
			name := local(dep)
			if name == "" || slices.Contains(excused[rule.name], name) {
				continue
			}
			for _, not := range rule.not {
				if not == "./" || strings.HasPrefix(name+"/", not) {
					t.Errorf("%s leans on %s: %s", rule.name, name, rule.why)
				}
			}
		}
	}
}

// A service is copied out with the kit alone, and must build there.
func TestServicesLeanOnTheKitAlone(t *testing.T) {
	services := 0
	for name, p := range list(t) {
		if room(name) != "labs" || name == "labs" {
			continue
		}
		services++
		for _, dep := range p.Deps {
			if other := local(dep); other != "" && other != "labs/kit" {
				t.Errorf("%s leans on %s: a workspace does not hold it", name, other)
			}
		}
	}
	if services < 2 {
		t.Errorf("%d packages below labs", services)
	}
}

func TestWebIsDrawnByTheServerAlone(t *testing.T) {
	for name, p := range list(t) {
		if slices.Contains(p.Imports, p95lab.Module+"/web") && name != "server" {
			t.Errorf("%s imports web: the server's main hands it on", name)
		}
	}
}
