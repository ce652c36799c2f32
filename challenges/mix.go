package challenges

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
)

// Mix draws requests of several kinds in the proportion of their weights. It
// is safe for concurrent use; the generators given to it are not.
type Mix struct {
	classes []class
	total   int
}

// class is one kind of request, ready to be drawn.
type class struct {
	name, method string
	weight       int
	path, body   template
	header       map[string]template
	fixed        map[string]string // header, if it is the same for all requests
	variables    []variable        // in order of name, so that a seed always draws the same
}

type variable struct {
	name string
	from distribution
}

// Drawn is one request. Its Header may be shared between requests and must not
// be changed.
type Drawn struct {
	Class  int    // index into the challenge's requests
	Name   string // of the class
	Method string
	Path   string // with the query
	Header map[string]string
	Body   []byte // nil if the request has none
	Vars   map[string]string
}

// NewMix compiles the kinds of requests. All that is wrong is in the error.
func NewMix(requests []Request) (*Mix, error) {
	m := &Mix{}
	var problems []error
	for i, r := range requests {
		c := compile(r, func(what string, field ...any) {
			problems = append(problems, fmt.Errorf("requests[%d].%s: %s", i, fieldName(field), what))
		})
		m.classes = append(m.classes, c)
		m.total += max(c.weight, 0)
	}
	if len(requests) == 0 {
		problems = append(problems, errors.New("requests: at least one is needed"))
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return m, nil
}

// Names returns the classes' names by index.
func (m *Mix) Names() []string {
	names := make([]string, len(m.classes))
	for i, c := range m.classes {
		names[i] = c.name
	}
	return names
}

// Shared returns the variables that two classes have in common, in order.
func (m *Mix) Shared(a, b int) []string {
	var names []string
	for _, v := range m.classes[a].variables {
		if slices.ContainsFunc(m.classes[b].variables, func(w variable) bool { return w.name == v.name }) {
			names = append(names, v.name)
		}
	}
	return names
}

// Draw draws a class by weight, then a request of it. Equal generators draw
// equal requests.
func (m *Mix) Draw(rng *rand.Rand) Drawn {
	n := rng.IntN(m.total)
	for i, c := range m.classes {
		if n < c.weight {
			return m.DrawClass(rng, i, nil)
		}
		n -= c.weight
	}
	panic("unreachable: the weights sum to total")
}

// DrawClass draws a request of one class. The variables given in vars are
// taken as they are; those that the class does not use are ignored.
func (m *Mix) DrawClass(rng *rand.Rand, index int, vars map[string]string) Drawn {
	c := &m.classes[index]
	d := Drawn{Class: index, Name: c.name, Method: c.method, Header: c.fixed, Vars: make(map[string]string, len(c.variables))}
	for _, v := range c.variables {
		value, given := vars[v.name]
		if !given {
			value = v.from.draw(rng)
		}
		d.Vars[v.name] = value
	}
	d.Path = string(c.path.appendTo(nil, rng, d.Vars))
	if c.fixed == nil {
		d.Header = make(map[string]string, len(c.header))
		for _, name := range slices.Sorted(maps.Keys(c.header)) {
			d.Header[name] = string(c.header[name].appendTo(nil, rng, d.Vars))
		}
	}
	if c.body != nil {
		d.Body = c.body.appendTo(make([]byte, 0, 128), rng, d.Vars)
	}
	return d
}

// compile turns a request into a class and reports what is wrong with it, with
// the path of the field inside the request.
func compile(r Request, report func(what string, field ...any)) class {
	c := class{name: r.Name, weight: r.Weight, header: map[string]template{}}
	if !isSlug(r.Name) {
		report(slugRule, "name")
	}
	if r.Weight < 1 || r.Weight > 1000 {
		report("must lie between 1 and 1000", "weight")
	}
	used := map[string]bool{}
	read := func(parse func(string) (template, error), text string, field ...any) template {
		t, err := parse(text)
		if err != nil {
			report(err.Error(), field...)
		}
		for _, name := range t.variables() {
			used[name] = true
			if _, bound := r.With[name]; !bound {
				report(fmt.Sprintf("{%s} is not bound: add it to with", name), field...)
			}
		}
		return t
	}

	methods := []struct{ field, method, path string }{
		{"get", http.MethodGet, r.Get}, {"post", http.MethodPost, r.Post}, {"put", http.MethodPut, r.Put},
		{"patch", http.MethodPatch, r.Patch}, {"delete", http.MethodDelete, r.Delete},
	}
	set := 0
	for _, m := range methods {
		if m.path == "" {
			continue
		}
		set++
		c.method = m.method
		c.path = read(parsePath, m.path, m.field)
	}
	if set != 1 {
		report(fmt.Sprintf("has %d paths; exactly one of get, post, put, patch and delete must be set", set))
	}

	if r.Body != "" {
		c.body = read(parseTemplate, r.Body, "body")
		if c.method == http.MethodGet || c.method == http.MethodDelete {
			report("a "+c.method+" carries no body", "body")
		}
		if !hasHeader(r.Header, "Content-Type") {
			c.header["Content-Type"] = template{{text: "application/json"}}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		switch {
		case !isToken(name):
			report("a header's name holds letters, digits and - only", "header", name)
		case slices.Contains(framing, strings.ToLower(name)):
			report("is set by the load generator; allowed are all but "+strings.Join(framing, ", "), "header", name)
		case strings.ContainsFunc(r.Header[name], func(r rune) bool { return r < ' ' || r >= 0x7f }):
			report("a header's value holds printable ASCII only", "header", name)
		default:
			c.header[name] = read(parseTemplate, r.Header[name], "header", name)
		}
	}
	c.fixed = map[string]string{}
	for name, t := range c.header {
		if !t.constant() {
			c.fixed = nil
			break
		}
		c.fixed[name] = string(t.appendTo(nil, nil, nil))
	}

	for _, name := range slices.Sorted(maps.Keys(r.With)) {
		d, err := parseDistribution(r.With[name])
		switch {
		case !isVariable(name):
			report("a variable's name is a lower-case letter, then lower-case letters, digits and _", "with", name)
		case err != nil:
			report(err.Error(), "with", name)
		case !used[name]:
			report("is bound and not used: remove it, or write {"+name+"} in the path, body or a header", "with", name)
		default:
			c.variables = append(c.variables, variable{name, d})
		}
	}
	return c
}

// framing headers decide where a request ends, so they are never an author's.
var framing = []string{"host", "content-length", "transfer-encoding", "connection"}

func hasHeader(header map[string]string, name string) bool {
	for have := range header {
		if strings.EqualFold(have, name) {
			return true
		}
	}
	return false
}

func isToken(s string) bool {
	return s != "" && strings.Trim(strings.ToLower(s), "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}
