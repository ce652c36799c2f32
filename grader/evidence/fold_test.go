package evidence_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/p95lab/p95lab/grader/evidence"
	"github.com/p95lab/p95lab/grader/evidence/evidencetest"
)

func cpu(t testing.TB, stacks ...evidencetest.Stack) []byte {
	t.Helper()
	raw, err := evidencetest.CPU(stacks)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func stack(samples int64, functions ...string) evidencetest.Stack {
	return evidencetest.Stack{Functions: functions, Samples: samples}
}

func view(t testing.TB, name string) evidence.View {
	t.Helper()
	v, err := evidence.ViewOf(name)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// drawn writes a tree as lines: indentation, name, samples of both sides.
func drawn(g evidence.Graph) string {
	var b strings.Builder
	depth := make([]int, len(g.Nodes.Parent))
	for i, parent := range g.Nodes.Parent {
		name := "all"
		if parent >= 0 {
			depth[i] = depth[parent] + 1
			name = g.Functions[g.Nodes.Function[i]]
		}
		fmt.Fprintf(&b, "%s%s %d %d\n", strings.Repeat(" ", depth[i]), name, g.Nodes.Before[i]/1e7, g.Nodes.After[i]/1e7)
	}
	return b.String()
}

// Both sides are one tree, the larger child first, and what only one of them does
// is in it.
func TestFoldsBothSidesIntoOneTree(t *testing.T) {
	g, err := evidence.Fold(view(t, "cpu"), evidence.Sides{
		Before: cpu(t, stack(2, "main.a", "runtime.gc"), stack(90, "main.a", "lib.org/x.scan"), stack(8, "main.b")),
		After:  cpu(t, stack(1, "main.a", "runtime.gc"), stack(3, "main.b", "strings.Map")),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := "all 100 4\n main.a 92 1\n  lib.org/x.scan 90 0\n  runtime.gc 2 1\n main.b 8 3\n  strings.Map 0 3\n"
	if got := drawn(g); got != want {
		t.Errorf("drawn as\n%s\nwant\n%s", got, want)
	}
	if g.Before.Samples != 100 || g.After.Samples != 4 {
		t.Errorf("samples are %d and %d", g.Before.Samples, g.After.Samples)
	}
	owners := map[string]evidence.Owner{}
	for i, f := range g.Functions {
		owners[f] = g.Owners[i]
	}
	for f, o := range map[string]evidence.Owner{"main.a": evidence.Own, "lib.org/x.scan": evidence.Library, "strings.Map": evidence.Standard, "runtime.gc": evidence.Runtime} {
		if owners[f] != o {
			t.Errorf("%s is owned by %d, want %d", f, owners[f], o)
		}
	}
}

// A function that calls itself counts once for each stack, in the table and in
// its line.
func TestRecursionCountsOnce(t *testing.T) {
	g, err := evidence.Fold(view(t, "cpu"), evidence.Sides{After: cpu(t, stack(5, "main.walk", "main.walk", "main.walk"), stack(1, "net.Dial", "net.call", "net.dial", "main.other"))})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(g.Table, func(r evidence.Row) bool { return g.Functions[r.Function] == "main.walk" })
	if i < 0 || g.Table[i].After != 5e7 || g.Table[i].SelfAfter != 5e7 {
		t.Errorf("the table is %+v", g.Table)
	}
	for _, l := range g.Lines {
		if l.File != "store.go" || l.After > 5e7 {
			t.Errorf("line %+v", l)
		}
	}
	if !g.Before.Missing || g.After.Missing {
		t.Errorf("missing: before %v, after %v", g.Before.Missing, g.After.Missing)
	}
}

func TestOwners(t *testing.T) {
	for name, want := range map[string]evidence.Owner{
		"main.(*Store).History": evidence.Own, "main.list[go.shape.struct { a/b.C }]": evidence.Own,
		"github.com/p95lab/p95lab/labs/kit.measure.func1": evidence.Library, "modernc.org/sqlite/lib._sqlite3VdbeExec": evidence.Library,
		"net/http.(*conn).serve": evidence.Standard, "encoding/json.Marshal": evidence.Standard, "internal/poll.(*FD).Read": evidence.Standard,
		"runtime.gcBgMarkWorker": evidence.Runtime, "internal/runtime/maps.(*Map).get": evidence.Runtime, "memeqbody": evidence.Runtime,
		"slices.SortFunc[go.shape.[]main.Order]": evidence.Standard,
	} {
		g, err := evidence.Fold(view(t, "cpu"), evidence.Sides{After: cpu(t, stack(1, name))})
		if err != nil {
			t.Fatal(err)
		}
		if g.Owners[0] != want {
			t.Errorf("%s is owned by %d, want %d", name, g.Owners[0], want)
		}
	}
}

// A large profile is told in few nodes, and those are the largest, with all that
// leads to them.
func TestLargeProfilesAreCutToWhatCanBeSeen(t *testing.T) {
	raw := cpu(t, append(evidencetest.Large(20_000), stack(9_000, "main.hot", "main.hotter"))...)
	g, err := evidence.Fold(view(t, "cpu"), evidence.Sides{Before: raw, After: raw})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(g.Nodes.Parent); n > 10_000 || g.LeftOut == 0 {
		t.Errorf("%d nodes are told, left out up to %g", n, g.LeftOut)
	}
	for i, parent := range g.Nodes.Parent {
		if parent >= i || (i > 0 && g.Nodes.After[parent] < g.Nodes.After[i]) {
			t.Fatalf("node %d is below %d, which comes later or is smaller", i, parent)
		}
	}
	if !strings.Contains(drawn(g), "  main.hotter 9000 9000\n") {
		t.Error("the hottest stack was left out")
	}
}

func TestViewsThatAreNot(t *testing.T) {
	if _, err := evidence.ViewOf("gpu"); err == nil {
		t.Error("there is a view of the GPU")
	}
	if _, err := evidence.Fold(view(t, "alloc"), evidence.Sides{After: cpu(t, stack(1, "main.a"))}); err == nil {
		t.Error("a CPU profile has allocations")
	}
}

// Whatever a service says of itself is drawn or refused.
func FuzzFold(f *testing.F) {
	f.Add(cpu(f, stack(1, "main.a", "main.b"), stack(2, "runtime.c")), false)
	f.Add(cpu(f, evidencetest.Large(20)...), true)
	f.Add([]byte("\x1f\x8b"), true)
	f.Add([]byte(nil), false)
	f.Fuzz(func(t *testing.T, raw []byte, both bool) {
		sides := evidence.Sides{After: raw}
		if both {
			sides.Before = raw
		}
		v := view(t, "cpu")
		g, err := evidence.Fold(v, sides)
		if err != nil {
			return
		}
		n := len(g.Nodes.Parent)
		if n == 0 || len(g.Nodes.Function) != n || len(g.Nodes.Before) != n || len(g.Nodes.After) != n || len(g.Functions) != len(g.Owners) {
			t.Errorf("the columns differ in length: %+v", g.Nodes)
		}
		for _, fn := range g.Nodes.Function[1:] {
			if fn < 0 || fn >= len(g.Functions) {
				t.Errorf("function %d of %d", fn, len(g.Functions))
			}
		}
	})
}

// BenchmarkFold is of 50,000 different stacks on each side.
func BenchmarkFold(b *testing.B) {
	raw := cpu(b, evidencetest.Large(50_000)...)
	for b.Loop() {
		if _, err := evidence.Fold(view(b, "cpu"), evidence.Sides{Before: raw, After: raw}); err != nil {
			b.Fatal(err)
		}
	}
}
