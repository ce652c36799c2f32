package evidence

import (
	"cmp"
	"container/heap"
	"slices"
)

// maxNodes is how many nodes of a tree are told.
const maxNodes = 6_000

// node is a function where it was called from: the stacks that begin alike.
type node struct {
	parent   int // among those that were grown; −1 for the root
	function int
	value    [2]int64
	children []int
	stacks   []int32 // numbers of stacks; nil once it was grown
	depth    int     // of its function in them
}

// grower makes nodes from the root on, the largest first, until they are enough:
// what is too small to be told is never made.
type grower struct {
	*tree
	total [2]int64
	nodes []node
	next  frontier
	// Of the node that is being grown: by function, the node that it was seen for
	// last and its place among the children.
	seen, place []int32
	sorted      []int32
}

// grow returns the nodes that are told, a parent before its children, and how
// large the largest is that is not, as a share of its side.
func (t *tree) grow(total [2]int64) (nodes []node, leftOut float64) {
	all := make([]int32, len(t.stacks))
	root := node{parent: -1, function: -1, value: total, depth: -1}
	for i := range all {
		all[i] = int32(i)
	}
	root.stacks = all
	g := grower{
		tree: t, total: total, seen: make([]int32, len(t.functions)), place: make([]int32, len(t.functions)), sorted: make([]int32, len(all)),
	}
	g.next = frontier{{root, 1}}
	for len(g.next) > 0 && len(g.nodes) < maxNodes {
		g.take(heap.Pop(&g.next).(grown).node)
	}
	if len(g.next) > 0 {
		leftOut = g.next[0].share
	}
	return g.nodes, leftOut
}

// take tells a node, and puts its children up for being told.
func (g *grower) take(n node) {
	id := len(g.nodes)
	if n.parent >= 0 {
		g.nodes[n.parent].children = append(g.nodes[n.parent].children, id)
	}
	stacks, depth := n.stacks, n.depth+1
	n.stacks = nil
	g.nodes = append(g.nodes, n)
	var children []node
	var sizes []int
	for _, s := range stacks {
		f, ok := g.at(s, depth)
		if !ok {
			continue // it ends here
		}
		if g.seen[f] != int32(id+1) {
			g.seen[f], g.place[f] = int32(id+1), int32(len(children))
			children, sizes = append(children, node{parent: id, function: int(f), depth: depth}), append(sizes, 0)
		}
		c := g.place[f]
		children[c].value[g.stacks[s].side] += g.stacks[s].value
		sizes[c]++
	}
	// The stacks in the order of the children, in their place.
	from := make([]int, len(children))
	for i := 1; i < len(from); i++ {
		from[i] = from[i-1] + sizes[i-1]
	}
	for i := range children {
		children[i].stacks = stacks[from[i] : from[i]+sizes[i]]
	}
	sorted := g.sorted[:0]
	for _, s := range stacks {
		if f, ok := g.at(s, depth); ok {
			c := g.place[f]
			sorted = sorted[:max(len(sorted), from[c]+1)]
			sorted[from[c]] = s
			from[c]++
		}
	}
	copy(stacks, sorted)
	for _, c := range children {
		heap.Push(&g.next, grown{c, share(c.value, g.total)})
	}
}

// at is the function of a stack at a depth.
func (g *grower) at(stack int32, depth int) (function int32, ok bool) {
	s := &g.stacks[stack]
	if s.from+depth >= s.to {
		return 0, false
	}
	return g.walked[s.from+depth], true
}

// grown is a node that may be told, with its share of its side.
type grown struct {
	node  node
	share float64
}

// frontier is a heap of nodes, the largest first.
type frontier []grown

func (f frontier) Len() int { return len(f) }
func (f frontier) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(f[j].share, f[i].share), cmp.Compare(f[i].node.parent, f[j].node.parent), cmp.Compare(f[i].node.function, f[j].node.function)) < 0
}
func (f frontier) Swap(i, j int) { f[i], f[j] = f[j], f[i] }

// Push is heap.Interface's.
func (f *frontier) Push(x any) { *f = append(*f, x.(grown)) }

// Pop is heap.Interface's.
func (f *frontier) Pop() any {
	last := (*f)[len(*f)-1]
	*f = (*f)[:len(*f)-1]
	return last
}

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

// order sorts siblings as they are told: the larger first.
func (t *tree) order(nodes []node, siblings []int, total [2]int64) {
	slices.SortFunc(siblings, func(a, b int) int {
		return cmp.Or(cmp.Compare(share(nodes[b].value, total), share(nodes[a].value, total)),
			cmp.Compare(t.functions[nodes[a].function], t.functions[nodes[b].function]))
	})
}
