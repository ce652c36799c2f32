package challenges

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"
)

// template is a text with placeholders: {name} stands for a variable, {a..b}
// for a uniform integer that is drawn anew at each place.
type template []part

// part is literal text, a variable or a range, whichever is set.
type part struct {
	text     string
	name     string
	from, to int64 // a range, when text and name are empty
	escape   func(string) string
}

// maxPlaceholder bounds the search for a closing brace, so that a text of many
// opening braces is read in linear time.
const maxPlaceholder = 64

// maxInteger keeps integers exact wherever they pass through a float64, as they
// do in JSON.
const maxInteger = 1 << 53

// parsePath reads the template of a path with an optional query. A brace in it
// must be a placeholder; what is put in is escaped for where it stands.
func parsePath(s string) (template, error) {
	if !strings.HasPrefix(s, "/") {
		return nil, errors.New("a path begins with /")
	}
	for _, r := range s {
		if r <= ' ' || r >= 0x7f || r == '#' || r == '\\' {
			return nil, fmt.Errorf("%q is not allowed in a path: write it percent-encoded", r)
		}
	}
	t, err := parseTemplate(s)
	if err != nil {
		return nil, err
	}
	query := false
	for i, p := range t {
		if strings.ContainsAny(p.text, "{}") {
			return nil, errors.New("a brace in a path must be a placeholder, {name} or {1..5}")
		}
		query = query || strings.Contains(p.text, "?")
		t[i].escape = url.PathEscape
		if query {
			t[i].escape = url.QueryEscape
		}
	}
	return t, nil
}

// parseTemplate reads the template of a body or a header. Braces that cannot
// be a placeholder, such as those of JSON, are literal.
func parseTemplate(s string) (template, error) {
	var t template
	literal := func(text string) {
		if n := len(t); n > 0 && t[n-1].text != "" {
			t[n-1].text += text
		} else if text != "" {
			t = append(t, part{text: text})
		}
	}
	for s != "" {
		open := strings.IndexByte(s, '{')
		if open < 0 {
			literal(s)
			break
		}
		literal(s[:open])
		s = s[open:]
		inner, ok := placeholder(s)
		if !ok {
			literal("{")
			s = s[1:]
			continue
		}
		p, err := parsePlaceholder(inner)
		if err != nil {
			return nil, err
		}
		t = append(t, p)
		s = s[len(inner)+2:]
	}
	return t, nil
}

// placeholder returns what stands between the brace that s begins with and its
// closing one, if that is meant as a placeholder: a word is never valid there
// in JSON, so a misspelt placeholder is found and not sent as it is.
func placeholder(s string) (string, bool) {
	end := strings.IndexByte(s[:min(len(s), maxPlaceholder)], '}')
	if end < 0 {
		return "", false
	}
	inner := s[1:end]
	if strings.TrimSpace(inner) == "" {
		return "", false
	}
	for i := range len(inner) {
		switch c := inner[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("_-. ", c) >= 0:
		default:
			return "", false
		}
	}
	return inner, true
}

func parsePlaceholder(inner string) (part, error) {
	if isVariable(inner) {
		return part{name: inner}, nil
	}
	if a, b, ok := strings.Cut(inner, ".."); ok {
		from, err := parseInteger(a)
		if err != nil {
			return part{}, fmt.Errorf("{%s}: %w", inner, err)
		}
		to, err := parseInteger(b)
		if err != nil {
			return part{}, fmt.Errorf("{%s}: %w", inner, err)
		}
		if from > to {
			return part{}, fmt.Errorf("{%s}: the range is empty", inner)
		}
		return part{from: from, to: to}, nil
	}
	return part{}, fmt.Errorf("{%s} is neither a variable (a lower-case letter, then lower-case letters, digits and _) nor a range such as {1..5}", inner)
}

// variables returns the names that the template uses, with repetitions.
func (t template) variables() []string {
	var names []string
	for _, p := range t {
		if p.name != "" {
			names = append(names, p.name)
		}
	}
	return names
}

// constant says that the template always renders the same.
func (t template) constant() bool {
	for _, p := range t {
		if p.text == "" {
			return false
		}
	}
	return true
}

// appendTo renders the template.
func (t template) appendTo(b []byte, rng *rand.Rand, vars map[string]string) []byte {
	for _, p := range t {
		switch {
		case p.text != "":
			b = append(b, p.text...)
		case p.name == "":
			b = strconv.AppendInt(b, p.from+rng.Int64N(p.to-p.from+1), 10)
		case p.escape != nil:
			b = append(b, p.escape(vars[p.name])...)
		default:
			b = append(b, vars[p.name]...)
		}
	}
	return b
}

// isVariable says whether s is a variable's name.
func isVariable(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z':
		case i > 0 && (c >= '0' && c <= '9' || c == '_'):
		default:
			return false
		}
	}
	return s != ""
}

func parseInteger(s string) (int64, error) {
	v, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil || v < -maxInteger || v > maxInteger {
		return 0, fmt.Errorf("%q is not an integer of at most 2^53", s)
	}
	return v, nil
}
