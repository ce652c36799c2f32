package challenges

import (
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Problem is one thing that is wrong with a challenge.
type Problem struct {
	File  string
	Line  int    // from 1; 0 if it is about the whole file
	Field string // targets[1].metric; "" if it is about no single field
	What  string // what is wrong, and what is allowed
}

func (p Problem) String() string {
	s := p.File + ": "
	if p.Line > 0 {
		s = fmt.Sprintf("%s:%d: ", p.File, p.Line)
	}
	if p.Field != "" {
		s += p.Field + ": "
	}
	return s + p.What
}

// Invalid is the error that holds all problems of a challenge.
type Invalid struct{ Problems []Problem }

// Error returns one line for each problem.
func (e *Invalid) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = strings.ReplaceAll(p.String(), "\n", " ")
	}
	return strings.Join(lines, "\n")
}

// fieldName writes a path of keys (string) and indexes (int) as one name.
func fieldName(path []any) string {
	var b strings.Builder
	for _, step := range path {
		switch s := step.(type) {
		case int:
			fmt.Fprintf(&b, "[%d]", s)
		case string:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(s)
		}
	}
	return b.String()
}

// lineOf returns the line on which the value at path stands or, if it was left
// out, that of the nearest value around it.
func lineOf(file *ast.File, path []any) int {
	if file == nil || len(file.Docs) == 0 {
		return 0
	}
	node := file.Docs[0].Body
	line := 1
	for _, step := range path {
		next, at := child(node, step)
		if next == nil {
			break
		}
		node, line = next, at
	}
	return line
}

func child(node ast.Node, step any) (ast.Node, int) {
	switch n := node.(type) {
	case *ast.MappingNode:
		for _, v := range n.Values {
			if found, line := child(v, step); found != nil {
				return found, line
			}
		}
	case *ast.MappingValueNode:
		if t := n.Key.GetToken(); t != nil && t.Value == step {
			return n.Value, t.Position.Line
		}
	case *ast.SequenceNode:
		if i, ok := step.(int); ok && i < len(n.Values) {
			return n.Values[i], firstLine(n.Values[i])
		}
	}
	return nil, 0
}

// firstLine looks past the token of a mapping, which is that of its first colon
// or bracket and for block mappings may stand below its first key.
func firstLine(node ast.Node) int {
	if m, ok := node.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		node = m.Values[0].Key
	}
	if t := node.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 0
}
