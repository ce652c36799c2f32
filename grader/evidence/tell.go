package evidence

import (
	"cmp"
	"container/heap"
	"slices"
)

// Bounds of what is told.
const (
	maxNodes = 6_000
	maxRows  = 300
	maxLines = 2_000
)

// share is how much of its side something is, of the side where it is more.
func share(value, total [2]int64) float64 {
	var most float64
	for i := range value {
		if total[i] > 0 {
			most = max(most, float64(value[i])/float64(total[i]))
		}
	}
	return most
}

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
	kept := w.largest()
	g.LeftOut = len(t.nodes) - len(kept)
	w.tellNodes(kept)
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

// candidates is a heap of nodes, the largest first.
type candidates []candidate

type candidate struct {
	id    int
	share float64
}

func (c candidates) Len() int           { return len(c) }
func (c candidates) Less(i, j int) bool { return c[i].share > c[j].share }
func (c candidates) Swap(i, j int)      { c[i], c[j] = c[j], c[i] }

// Push is heap.Interface's.
func (c *candidates) Push(x any) { *c = append(*c, x.(candidate)) }

// Pop is heap.Interface's.
func (c *candidates) Pop() any {
	last := (*c)[len(*c)-1]
	*c = (*c)[:len(*c)-1]
	return last
}

// largest picks the nodes that are told. A child is never larger than its parent,
// so they are found from the root on without a look at most of the others.
func (w teller) largest() map[int]bool {
	kept := map[int]bool{}
	next := candidates{{id: 0}}
	for len(next) > 0 && len(kept) < maxNodes {
		id := heap.Pop(&next).(candidate).id
		kept[id] = true
		for _, c := range w.below(id) {
			heap.Push(&next, candidate{c, share(w.nodes[c].value, w.total)})
		}
	}
	return kept
}

func (w teller) tellNodes(kept map[int]bool) {
	// A stack of our own: recursion of a stranger's program may be deep.
	type step struct{ id, parent int }
	to := &w.g.Nodes
	for stack := []step{{0, -1}}; len(stack) > 0; {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		n, here, name := w.nodes[at.id], len(to.Parent), -1
		if at.id != 0 {
			name = w.function(n.function)
		}
		to.Parent, to.Function = append(to.Parent, at.parent), append(to.Function, name)
		to.Before, to.After = append(to.Before, n.value[0]), append(to.After, n.value[1])
		below := slices.DeleteFunc(w.below(at.id), func(id int) bool { return !kept[id] })
		slices.SortFunc(below, func(a, b int) int {
			return cmp.Or(cmp.Compare(share(w.nodes[a].value, w.total), share(w.nodes[b].value, w.total)),
				cmp.Compare(w.functions[w.nodes[b].function], w.functions[w.nodes[a].function]))
		})
		for _, id := range below { // the largest is put on the stack last and told first
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
