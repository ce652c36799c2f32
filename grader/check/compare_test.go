package check

import (
	"errors"
	"testing"
)

func TestCompare(t *testing.T) {
	ok := func(body string) Answer { return Answer{Status: 200, Body: []byte(body)} }
	tests := []struct {
		name      string
		want, got Answer
		rules     Rules
		differs   bool
		where     string
	}{
		{name: "equal bytes", want: ok(`{"a":1}`), got: ok(`{"a":1}`)},
		{name: "spacing and order of fields", want: ok(`{"a":1,"b":[1,2]}`), got: ok("{ \"b\": [1, 2],\n \"a\": 1 }\n")},
		{name: "spelling of a number", want: ok(`{"a":1.0}`), got: ok(`{"a":1}`)},
		{name: "large integers are not floats", want: ok(`9007199254740993`), got: ok(`9007199254740992`), differs: true},
		{name: "a value", want: ok(`{"o":[{"t":1},{"t":2}]}`), got: ok(`{"o":[{"t":1},{"t":3}]}`), differs: true, where: "o[1].t"},
		{name: "order of a list", want: ok(`[1,2]`), got: ok(`[2,1]`), differs: true, where: "[0]"},
		{name: "order of a list does not count", want: ok(`[1,2]`), got: ok(`[2,1]`), rules: Rules{Unordered: true}},
		{name: "multiset, not set", want: ok(`[1,1,2]`), got: ok(`[1,2,2]`), rules: Rules{Unordered: true}, differs: true, where: "[1]"},
		{name: "unordered without the ignored field", rules: Rules{Unordered: true, Ignore: []string{"id"}},
			want: ok(`[{"id":1,"s":"b"},{"id":2,"s":"a"}]`), got: ok(`[{"id":1,"s":"a"},{"id":2,"s":"b"}]`)},
		{name: "a missing field", want: ok(`{"a":1}`), got: ok(`{}`), differs: true, where: "a"},
		{name: "a field too many", want: ok(`{}`), got: ok(`{"a":1}`), differs: true, where: "a"},
		{name: "an ignored field at depth", want: ok(`{"x":{"at":1}}`), got: ok(`{"x":{"at":2}}`), rules: Rules{Ignore: []string{"at"}}},
		{name: "null is not an empty list", want: ok(`{"a":[]}`), got: ok(`{"a":null}`), differs: true, where: "a"},
		{name: "a shorter list", want: ok(`[1,2,3]`), got: ok(`[1,2]`), differs: true, where: "length"},
		{name: "the status", want: ok(`{}`), got: Answer{Status: 404, Body: []byte(`{}`)}, differs: true, where: "status"},
		{name: "no answer", want: ok(`{}`), got: Answer{Err: errors.New("reset")}, differs: true},
		{name: "text", want: ok("hello"), got: ok("hallo"), differs: true},
		{name: "JSON became text", want: ok(`{}`), got: ok("oops"), differs: true, where: "body"},
		{name: "two values are not one", want: ok(`{}`), got: ok(`{} {}`), differs: true, where: "body"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := Compare(test.want, test.got, test.rules)
			if (d != nil) != test.differs {
				t.Fatalf("differs = %v (%+v), want %v", d != nil, d, test.differs)
			}
			if d != nil && d.Where != test.where {
				t.Errorf("where = %q, want %q", d.Where, test.where)
			}
		})
	}
}

func FuzzCompare(f *testing.F) {
	f.Add([]byte(`{"a":[1,{"b":null}]}`), []byte(`{"a":[1]}`))
	f.Add([]byte(`1e999`), []byte("\xff\xfe"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		rules := Rules{Ignore: []string{"id"}, Unordered: true}
		x, y := Answer{Status: 200, Body: a}, Answer{Status: 200, Body: b}
		if d := Compare(x, x, rules); d != nil {
			t.Fatalf("an answer differs from itself: %+v", d)
		}
		there, back := Compare(x, y, Rules{}), Compare(y, x, Rules{})
		if (there == nil) != (back == nil) {
			t.Fatalf("%q against %q: %+v, and back %+v", a, b, there, back)
		}
	})
}
