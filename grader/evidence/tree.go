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

// tree holds the stacks of both sides, and what they sum up to by function and
// by line. Its nodes are made when it is told, and only those that are.
type tree struct {
	ids       map[string]int
	functions []string
	owners    []Owner
	self, cum [][2]int64 // by function
	places    map[place]int
	lines     []line
	stacks    []stack
	walked    []int32 // the functions of all stacks, one stack after the other
}

// stack is one that was seen on a side, its functions being walked[from:to], the
// caller first.
type stack struct {
	from, to int
	side     int
	value    int64
}

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
	began := len(t.walked)
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
		from := len(t.walked)
		for i := len(s.Location) - 1; i >= 0; i-- {
			of := frames[s.Location[i].ID]
			if len(t.walked)-began+len(of) > maxFrames {
				return errTooLarge
			}
			for _, f := range of {
				t.walked = append(t.walked, int32(f.function))
				if functions[f.function] != n+1 {
					functions[f.function] = n + 1
					t.cum[f.function][which] += v
				}
				if f.line >= 0 && lines[f.line] != n+1 {
					lines[f.line] = n + 1
					t.lines[f.line].value[which] += v
				}
			}
		}
		if to := len(t.walked); to > from {
			t.self[t.walked[to-1]][which] += v
			t.stacks = append(t.stacks, stack{from, to, which, v})
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
