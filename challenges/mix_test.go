package challenges

import (
	"encoding/json"
	"math/rand/v2"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

func sampleMix(t *testing.T) *Mix {
	t.Helper()
	m, err := NewMix([]Request{
		{Name: "history", Weight: 9, Get: "/customers/{customer}/orders?limit={1..20}", With: map[string]string{"customer": "zipf(1, 5000, 1.1)"}},
		{Name: "place", Weight: 1, Post: "/customers/{customer}/orders", Body: `{"sku": "{sku}", "quantity": {1..5}}`,
			With: map[string]string{"customer": "uniform(1, 50)", "sku": "pick(tea, a b)"}},
		{Name: "find", Weight: 10, Get: "/{word}/x?q={word}", Header: map[string]string{"X-Word": "w-{word}"}, With: map[string]string{"word": "pick(a b, c/d, é&f)"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMixDrawsByWeight(t *testing.T) {
	m := sampleMix(t)
	rng := seeded(1)
	counts := make([]int, 3)
	const n = 20000
	for range n {
		d := m.Draw(rng)
		counts[d.Class]++
		if m.Names()[d.Class] != d.Name {
			t.Fatalf("class %d is called %q", d.Class, d.Name)
		}
	}
	for i, want := range []float64{0.45, 0.05, 0.5} {
		if got := float64(counts[i]) / n; got < want-0.02 || got > want+0.02 {
			t.Errorf("class %d has a share of %.3f, want %.2f", i, got, want)
		}
	}
}

func TestMixIsDeterministic(t *testing.T) {
	a, b := seeded(7), seeded(7)
	m, n := sampleMix(t), sampleMix(t)
	for range 500 {
		if x, y := m.Draw(a), n.Draw(b); !reflect.DeepEqual(x, y) {
			t.Fatalf("equal seeds drew\n%+v\n%+v", x, y)
		}
	}
}

func TestMixFillsIn(t *testing.T) {
	m := sampleMix(t)
	rng := seeded(3)
	for range 500 {
		d := m.DrawClass(rng, 1, nil)
		var body struct {
			SKU      string `json:"sku"`
			Quantity int    `json:"quantity"`
		}
		if err := json.Unmarshal(d.Body, &body); err != nil {
			t.Fatalf("%s: %v", d.Body, err)
		}
		if body.SKU != d.Vars["sku"] || body.Quantity < 1 || body.Quantity > 5 {
			t.Fatalf("%s does not match %v", d.Body, d.Vars)
		}
		if d.Method != "POST" || d.Header["Content-Type"] != "application/json" {
			t.Fatalf("drew %s with %v", d.Method, d.Header)
		}
	}
	for range 50 {
		d := m.DrawClass(rng, 2, nil)
		u, err := url.ParseRequestURI(d.Path)
		if err != nil {
			t.Fatal(err)
		}
		word := d.Vars["word"]
		if got := strings.TrimSuffix(strings.TrimPrefix(u.Path, "/"), "/x"); got != word || u.Query().Get("q") != word || d.Header["X-Word"] != "w-"+word {
			t.Fatalf("%s and %v do not carry %q", d.Path, d.Header, word)
		}
	}
}

func TestMixFixedVariables(t *testing.T) {
	m := sampleMix(t)
	d := m.DrawClass(seeded(1), 1, map[string]string{"customer": "17", "stray": "x"})
	if d.Path != "/customers/17/orders" || d.Vars["customer"] != "17" {
		t.Errorf("drew %s with %v", d.Path, d.Vars)
	}
	if _, there := d.Vars["stray"]; there {
		t.Error("a variable that the class does not use was taken over")
	}
	if got := m.Shared(0, 1); !slices.Equal(got, []string{"customer"}) {
		t.Errorf("history and place share %v", got)
	}
	if got := m.Shared(0, 2); len(got) != 0 {
		t.Errorf("history and find share %v", got)
	}
}

func TestDistributions(t *testing.T) {
	cases := []struct {
		text     string
		from, to int64
		// share is the least share of draws that must be equal to from.
		share float64
	}{
		{"uniform(3, 3)", 3, 3, 1},
		{"uniform(-5, 5)", -5, 5, 0.05},
		{"zipf(10, 1000, 1.2)", 10, 1000, 0.15},
		{"zipf(4, 4, 2)", 4, 4, 1},
		{"zipf(1, 9007199254740992, 1.01)", 1, maxInteger, 0},
		{"zipf(1, 100, 10)", 1, 100, 0.99},
	}
	for _, tc := range cases {
		d, err := parseDistribution(tc.text)
		if err != nil {
			t.Errorf("%s: %v", tc.text, err)
			continue
		}
		rng := seeded(5)
		first := 0
		const n = 5000
		for range n {
			v, err := strconv.ParseInt(d.draw(rng), 10, 64)
			if err != nil || v < tc.from || v > tc.to {
				t.Fatalf("%s drew %d, %v", tc.text, v, err)
			}
			if v == tc.from {
				first++
			}
		}
		if got := float64(first) / n; got < tc.share {
			t.Errorf("%s drew its first value in a share of %.3f, want %.2f or more", tc.text, got, tc.share)
		}
	}
	for _, bad := range []string{"", "uniform", "uniform(1)", "uniform(2, 1)", "uniform(1, 2", "zipf(1, 2)", "zipf(1, 2, 1)", "zipf(1, 2, inf)", "zipf(1,2,1e3)",
		"pick()", "pick(a,)", `pick(a"b)`, "pick(a\nb)", "uniform(1, 99999999999999999999)", "normal(1, 2)"} {
		if _, err := parseDistribution(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestNewMixReportsAll(t *testing.T) {
	_, err := NewMix([]Request{{Name: "Bad Name", Weight: 0, Get: "no-slash", Header: map[string]string{"Host": "x", "A:b": "c", "X": "a\r\nb"}}})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{"requests[0].name", "requests[0].weight", "requests[0].get", "requests[0].header.Host", "requests[0].header.A:b", "requests[0].header.X"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %s", err, want)
		}
	}
	if _, err := NewMix(nil); err == nil {
		t.Error("a mix without requests was accepted")
	}
}

func FuzzPath(f *testing.F) {
	for _, s := range []string{"/a/{b}?c={d}&e={1..5}", "/{", "/{{a}}", "/{-5..-1}", "/{a..b}", "/%zz?{x}"} {
		f.Add(s, "value")
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		p, err := parsePath(text)
		if err != nil {
			return
		}
		vars := map[string]string{}
		for _, name := range p.variables() {
			vars[name] = value
		}
		out := string(p.appendTo(nil, seeded(1), vars))
		if !strings.HasPrefix(out, "/") || strings.ContainsFunc(out, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			t.Errorf("%q renders as %q, which breaks a request line", text, out)
		}
	})
}

func FuzzTemplate(f *testing.F) {
	for _, s := range []string{`{"a": {b}, "c": {1..5}}`, "{{{{", "{}", "{ }", "}", "{a}{b}", "{0..0}", "{9..1}", strings.Repeat("{", 1000)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parseTemplate(text)
		if err != nil {
			return
		}
		out := string(p.appendTo(nil, seeded(1), nil))
		if p.constant() && out != text {
			t.Errorf("%q has no placeholder and renders as %q", text, out)
		}
	})
}

func FuzzDistribution(f *testing.F) {
	for _, s := range []string{"uniform(1, 5)", "zipf(1, 5000, 1.1)", "pick(a, b)", "zipf(0, 9007199254740992, 1.01)", "uniform(-9007199254740992, 9007199254740992)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := parseDistribution(text)
		if err != nil {
			return
		}
		rng := seeded(1)
		for range 3 {
			if d.draw(rng) == "" {
				t.Errorf("%q drew nothing", text)
			}
		}
	})
}

// A sequence goes from its first to its last value and begins again, in each
// mix anew.
func TestMixDrawsSequences(t *testing.T) {
	for range 2 {
		m, err := NewMix([]Request{{Name: "page", Weight: 1, Get: "/{n}", With: map[string]string{"n": "sequence(-1, 2)"}}})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for range 6 {
			got = append(got, m.Draw(seeded(1)).Path)
		}
		if want := "/-1 /0 /1 /2 /-1 /0"; strings.Join(got, " ") != want {
			t.Errorf("got %v, want %s", got, want)
		}
	}
	for _, bad := range []string{"sequence(1)", "sequence(2, 1)", "sequence(a, b)"} {
		if _, err := NewMix([]Request{{Name: "page", Weight: 1, Get: "/{n}", With: map[string]string{"n": bad}}}); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}
