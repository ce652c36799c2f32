// Package check says whether a service answers right. The starter is slow but
// right, so its answers to the same requests are the oracle; answers are
// compared as values. The package knows answers and their meaning; it must not
// know processes, rates or scores.
package check

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Answer is what a service said to one request.
type Answer struct {
	Status int
	Body   []byte
	Err    error // the transport failed; Status and Body mean nothing
}

// Rules say which differences do not count.
type Rules struct {
	Ignore []string // names of JSON fields, at any depth
	// Unordered compares lists as multisets.
	Unordered bool
}

// Difference is the first place where two answers differ.
type Difference struct {
	Where     string // "orders[3].total"; "" for the whole answer
	Want, Got string // shortened
	Silent    bool   // the candidate did not answer
}

// Compare returns the first difference between the starter's answer and the
// candidate's, or nil. JSON is compared as values: spacing, the order of fields
// and the spelling of numbers do not count. Anything else is compared byte by
// byte.
func Compare(want, got Answer, rules Rules) *Difference {
	switch {
	case got.Err != nil:
		return &Difference{Want: status(want), Got: "no answer: " + got.Err.Error(), Silent: true}
	case want.Err != nil:
		return &Difference{Want: "no answer: " + want.Err.Error(), Got: status(got)}
	case want.Status != got.Status:
		return &Difference{Where: "status", Want: status(want), Got: status(got)}
	case bytes.Equal(want.Body, got.Body):
		return nil
	}
	w, wantErr := decode(want.Body)
	g, gotErr := decode(got.Body)
	if wantErr != nil && gotErr != nil {
		return &Difference{Want: shorten(want.Body), Got: shorten(got.Body)}
	}
	if wantErr != nil || gotErr != nil {
		return &Difference{Where: "body", Want: shorten(want.Body), Got: shorten(got.Body)}
	}
	return values("", w, g, rules)
}

func status(a Answer) string {
	text := "status " + strconv.Itoa(a.Status)
	if len(a.Body) > 0 {
		text += ": " + shorten(a.Body)
	}
	return text
}

// decode reads one JSON value and nothing behind it.
func decode(body []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, fmt.Errorf("more than one JSON value")
	}
	return v, nil
}

func values(at string, want, got any, rules Rules) *Difference {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return differ(at, want, got)
		}
		return objects(at, w, g, rules)
	case []any:
		g, ok := got.([]any)
		if !ok {
			return differ(at, want, got)
		}
		return lists(at, w, g, rules)
	case json.Number:
		g, ok := got.(json.Number)
		if !ok || !sameNumber(w, g) {
			return differ(at, want, got)
		}
	default: // string, bool, nil
		if want != got {
			return differ(at, want, got)
		}
	}
	return nil
}

func objects(at string, want, got map[string]any, rules Rules) *Difference {
	names := make([]string, 0, len(want)+len(got))
	for name := range want {
		names = append(names, name)
	}
	for name := range got {
		if _, both := want[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names) // the first difference is the same one each time
	for _, name := range names {
		if slices.Contains(rules.Ignore, name) {
			continue
		}
		where := name
		if at != "" {
			where = at + "." + name
		}
		w, inWant := want[name]
		g, inGot := got[name]
		switch {
		case !inGot:
			return &Difference{Where: where, Want: render(w), Got: "no such field"}
		case !inWant:
			return &Difference{Where: where, Want: "no such field", Got: render(g)}
		}
		if d := values(where, w, g, rules); d != nil {
			return d
		}
	}
	return nil
}

func lists(at string, want, got []any, rules Rules) *Difference {
	if rules.Unordered {
		want, got = sorted(want, rules), sorted(got, rules)
	}
	for i := range min(len(want), len(got)) {
		if d := values(at+"["+strconv.Itoa(i)+"]", want[i], got[i], rules); d != nil {
			return d
		}
	}
	if len(want) != len(got) {
		where := "length"
		if at != "" {
			where = "length of " + at
		}
		return &Difference{Where: where, Want: strconv.Itoa(len(want)), Got: strconv.Itoa(len(got))}
	}
	return nil
}

// sorted orders a list by its elements' text without the ignored fields.
func sorted(list []any, rules Rules) []any {
	out := slices.Clone(list)
	slices.SortStableFunc(out, func(a, b any) int {
		return bytes.Compare(text(strip(a, rules.Ignore)), text(strip(b, rules.Ignore)))
	})
	return out
}

func strip(v any, ignore []string) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, field := range v {
			if !slices.Contains(ignore, name) {
				out[name] = strip(field, ignore)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = strip(v[i], ignore)
		}
		return out
	default:
		return v
	}
}

// sameNumber holds 1, 1.0 and 1e0 for the same number.
func sameNumber(a, b json.Number) bool {
	if a == b {
		return true
	}
	// Integers beyond 2^53 would collapse as floats.
	if _, err := a.Int64(); err == nil {
		if _, err := b.Int64(); err == nil {
			return false
		}
	}
	x, errX := a.Float64()
	y, errY := b.Float64()
	return errX == nil && errY == nil && x == y
}

func differ(at string, want, got any) *Difference {
	return &Difference{Where: at, Want: render(want), Got: render(got)}
}

// text is a decoded value as JSON again; map keys come out sorted.
func text(v any) []byte {
	out, err := json.Marshal(v)
	if err != nil { // what was decoded can be encoded
		return fmt.Append(nil, v)
	}
	return out
}

func render(v any) string { return shorten(text(v)) }

// shown is how much of an answer a message carries, in bytes.
const shown = 240

func shorten(b []byte) string {
	text := strings.ToValidUTF8(string(b), "\uFFFD")
	if len(text) <= shown {
		return text
	}
	cut := shown
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return fmt.Sprintf("%s… (%d bytes)", text[:cut], len(b))
}
