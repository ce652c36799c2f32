package evidence

import (
	"cmp"
	"slices"
)

// Bounds of what is told.
const (
	maxRows  = 300
	maxLines = 2_000
)

// teller writes a tree into a graph.
type teller struct {
	*tree
	g     *Graph
	total [2]int64
	used  map[int]int // the graph's numbers of the tree's functions
}

// tell writes what was folded, without what is too small to be seen.
func (t *tree) tell(g *Graph) {
	w := teller{t, g, [2]int64{g.Before.Total, g.After.Total}, map[int]int{}}
	w.tellNodes()
	w.tellTable()
	w.tellLines()
}

// function is the graph's number of a function of the tree.
func (w teller) function(id int) int {
	n, ok := w.used[id]
	if !ok {
		n = len(w.g.Functions)
		w.used[id] = n
		w.g.Functions = append(w.g.Functions, w.functions[id])
		w.g.Owners = append(w.g.Owners, w.owners[id])
	}
	return n
}

func (w teller) tellNodes() {
	nodes, leftOut := w.grow(w.total)
	w.g.LeftOut = leftOut
	// A stack of our own: recursion of a stranger's program may be deep.
	type step struct{ id, parent int }
	to := &w.g.Nodes
	for stack := []step{{0, -1}}; len(stack) > 0; {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		n, here, name := nodes[at.id], len(to.Parent), -1
		if at.id != 0 {
			name = w.function(n.function)
		}
		to.Parent, to.Function = append(to.Parent, at.parent), append(to.Function, name)
		to.Before, to.After = append(to.Before, n.value[0]), append(to.After, n.value[1])
		w.order(nodes, n.children, w.total)
		for _, id := range slices.Backward(n.children) { // the largest is put on the stack last and told first
			stack = append(stack, step{id, here})
		}
	}
}

// tellTable lists functions by what they do themselves, but the service's own
// first: that is what a learner looks for, and it is small beside what it calls.
func (w teller) tellTable() {
	ids := make([]int, 0, len(w.functions))
	for id := range w.functions {
		if w.cum[id] != [2]int64{} {
			ids = append(ids, id)
		}
	}
	rank := func(id int) float64 {
		if w.owners[id] == Own {
			return 2 + share(w.cum[id], w.total)
		}
		return share(w.self[id], w.total)
	}
	slices.SortFunc(ids, func(a, b int) int {
		return cmp.Or(cmp.Compare(rank(b), rank(a)), cmp.Compare(share(w.cum[b], w.total), share(w.cum[a], w.total)), cmp.Compare(w.functions[a], w.functions[b]))
	})
	w.g.Table = []Row{}
	for _, id := range ids[:min(len(ids), maxRows)] {
		w.g.Table = append(w.g.Table, Row{w.function(id), w.self[id][0], w.self[id][1], w.cum[id][0], w.cum[id][1]})
	}
}

func (w teller) tellLines() {
	all := slices.DeleteFunc(slices.Clone(w.lines), func(l line) bool { return l.value == [2]int64{} })
	slices.SortFunc(all, func(a, b line) int {
		return cmp.Or(cmp.Compare(share(b.value, w.total), share(a.value, w.total)), cmp.Compare(a.at.file, b.at.file), cmp.Compare(a.at.line, b.at.line))
	})
	w.g.Lines = []Line{}
	for _, l := range all[:min(len(all), maxLines)] {
		w.g.Lines = append(w.g.Lines, Line{l.at.file, int(l.at.line), l.value[0], l.value[1]})
	}
}
