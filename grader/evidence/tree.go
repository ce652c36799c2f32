package evidence

import (
	"errors"
	"fmt"
	"slices"

	"github.com/google/pprof/profile"
)

// Bounds of what is folded.
const (
	maxFrames    = 8_000_000 // of all stacks of a side together
	maxFunctions = 50_000
	maxName      = 400
)

var errTooLarge = errors.New("the profile has too many frames to be drawn")

// tree is what stacks of both sides are folded into.
type tree struct {
	ids       map[string]int
	functions []string
	owners    []Owner
	self, cum [][2]int64 // by function
	nodes     []node
	many      map[edge]int // children of nodes that have many
	places    map[place]int
	lines     []line
}

// node is a function where it was called from. first is its child that was made
// last, next that child's sibling; 0 is none.
type node struct {
	parent, function int
	first, next      int
	children         int
	value            [2]int64
}

// fewChildren are looked through one by one, which is quicker than a map for
// nearly all nodes; of those with more each is in tree.many.
const fewChildren = 16

type edge struct{ parent, function int }

type place struct {
	file string
	line int64
}

type line struct {
	at    place
	value [2]int64
}

// frame is one function in a location; line is -1 unless the code is the
// service's own.
type frame struct{ function, line int }

// add folds the stacks of one side in.
func (t *tree) add(view View, p *profile.Profile, which int, side *Side) error {
	value := slices.IndexFunc(p.SampleType, func(of *profile.ValueType) bool { return of.Type == view.value })
	if value < 0 {
		return fmt.Errorf("the profile has no values of %s", view.value)
	}
	frames := t.frames(p)
	// By function and line: the last stack that it was counted for.
	functions, lines := make([]int, len(t.functions)), make([]int, len(t.lines))
	walked := 0
	for n, s := range p.Sample {
		v := s.Value[value]
		if v <= 0 {
			continue
		}
		side.Total += v
		side.Samples++
		if view.Profile == CPU {
			side.Samples += int(s.Value[0]) - 1 // the first value counts them
		}
		at, leaf := 0, -1
		t.nodes[0].value[which] += v
		for i := len(s.Location) - 1; i >= 0; i-- {
			of := frames[s.Location[i].ID]
			if walked += len(of); walked > maxFrames {
				return errTooLarge
			}
			for _, f := range of {
				at = t.child(at, f.function)
				t.nodes[at].value[which] += v
				if functions[f.function] != n+1 {
					functions[f.function] = n + 1
					t.cum[f.function][which] += v
				}
				if f.line >= 0 && lines[f.line] != n+1 {
					lines[f.line] = n + 1
					t.lines[f.line].value[which] += v
				}
				leaf = f.function
			}
		}
		if leaf >= 0 {
			t.self[leaf][which] += v
		}
	}
	return nil
}

// frames numbers the locations anew, from 0, and lists the functions of each: the
// caller first, more than one where functions were inlined.
func (t *tree) frames(p *profile.Profile) [][]frame {
	all := make([][]frame, len(p.Location))
	for n, l := range p.Location {
		l.ID = uint64(n)
		list := make([]frame, 0, len(l.Line))
		for i := len(l.Line) - 1; i >= 0; i-- {
			fn := l.Line[i].Function
			if fn == nil {
				continue
			}
			f := frame{t.function(fn.Name), -1}
			if t.owners[f.function] == Own {
				f.line = t.place(place{fileOf(fn.Filename), l.Line[i].Line})
			}
			list = append(list, f)
		}
		all[n] = list
	}
	return all
}

// others stands for all functions beyond the number that is told apart.
const others = "(others)"

// function numbers a function by its name.
func (t *tree) function(name string) int {
	name = name[:min(len(name), maxName)]
	id, known := t.ids[name]
	if !known && len(t.functions) >= maxFunctions {
		name = others
		id, known = t.ids[name]
	}
	if !known {
		id = len(t.functions)
		t.ids[name] = id
		t.functions, t.owners = append(t.functions, name), append(t.owners, owner(name))
		t.self, t.cum = append(t.self, [2]int64{}), append(t.cum, [2]int64{})
	}
	return id
}

func (t *tree) place(at place) int {
	id, known := t.places[at]
	if !known {
		id = len(t.lines)
		t.places[at] = id
		t.lines = append(t.lines, line{at: at})
	}
	return id
}

// child finds or makes a node's child for a function.
func (t *tree) child(parent, function int) int {
	p := t.nodes[parent]
	if p.children < fewChildren {
		for id := p.first; id != 0; id = t.nodes[id].next {
			if t.nodes[id].function == function {
				return id
			}
		}
	} else if id, ok := t.many[edge{parent, function}]; ok {
		return id
	}
	id := len(t.nodes)
	t.nodes = append(t.nodes, node{parent: parent, function: function, next: p.first})
	t.nodes[parent].first = id
	t.nodes[parent].children++
	switch {
	case p.children == fewChildren-1: // from now on they are many
		for c := id; c != 0; c = t.nodes[c].next {
			t.many[edge{parent, t.nodes[c].function}] = c
		}
	case p.children >= fewChildren:
		t.many[edge{parent, function}] = id
	}
	return id
}

// below lists a node's children.
func (t *tree) below(parent int) []int {
	list := make([]int, 0, t.nodes[parent].children)
	for id := t.nodes[parent].first; id != 0; id = t.nodes[id].next {
		list = append(list, id)
	}
	return list
}
