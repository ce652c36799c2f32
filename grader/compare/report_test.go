package compare

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/p95lab/p95lab/grader/duel"
	"github.com/p95lab/p95lab/grader/load"
	"github.com/p95lab/p95lab/grader/stats"
	"github.com/p95lab/p95lab/grader/verdict"
)

// invented is a measurement in which after takes factor times as long, and one
// request of a hundred fails.
func invented(factor float64) *duel.Measurement {
	rng := rand.New(rand.NewPCG(5, 6))
	m := &duel.Measurement{
		Plan: duel.NewPlan(400, 8*time.Second, 0), Drops: map[string]int{"the clock jumped": 2},
		Whole: [2]*load.Recorder{load.NewRecorder(), load.NewRecorder()},
	}
	began := time.Unix(1_800_000_000, 0)
	for i := range 40 {
		var p duel.Pair
		for which := range p.Samples {
			p.Began[which] = began.Add(time.Duration(2*i+which) * m.Plan.Slice)
			p.Took[which] = m.Plan.Slice
			for n := range 40 {
				took := time.Duration(math.Exp(rng.NormFloat64()) * 5 * float64(time.Millisecond))
				if which == 1 {
					took = time.Duration(float64(took) * factor)
				}
				s := load.Sample{Done: took, Sent: 1, Status: 200}
				if n == 7 && i%2 == 0 {
					s.Status = 503
					m.Whole[which].Fail()
				} else {
					m.Whole[which].Record(took)
				}
				p.Samples[which] = append(p.Samples[which], s)
			}
		}
		m.Pairs = append(m.Pairs, p)
		m.Requests += 40
	}
	return m
}

// judged is the result of a measurement.
func judged(t *testing.T, m *duel.Measurement) Result {
	t.Helper()
	source, err := InOrder([]Request{{Name: "GET /", Method: "GET", Path: "/"}}, 1)
	if err != nil {
		t.Fatal(err)
	}
	o, err := Options{Source: source, Seed: 9, Rate: 400}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	c := &comparison{o: o, gate: verdict.Compare, sides: [2]*side{{name: "before"}, {name: "after"}}}
	return Result{
		Verdict: c.judge(m), Before: "http://a.test", After: "./new <b> | `x` *", Took: time.Unix(1_800_000_000, 0).UTC(),
		Points: points(m, o.Timeout), Curves: curves(m, o.Timeout), Metric: "p95", Users: 3, Link: load.Link{RoundTrip: time.Second, BytesPerSecond: 5}, Fresh: true,
	}
}

func TestJudge(t *testing.T) {
	for _, tc := range []struct {
		name     string
		m        *duel.Measurement
		with     func(*duel.Measurement)
		want     verdict.Outcome
		says     string
		headline string
	}{
		{"twice as slow", invented(2), nil, verdict.Failed, "times worse", "After is worse"},
		{"twice as fast", invented(0.5), nil, verdict.Passed, "times better", "After is better"},
		{"the same", invented(1), nil, verdict.NoDifference, "No difference", "No difference"},
		{"a little slower", invented(1.03), nil, verdict.NoDifference, "No difference", "No difference"},
		{"hardly seen", invented(1), func(m *duel.Measurement) { m.Pairs = m.Pairs[:7] }, verdict.TooNoisy, "could not have been seen", "Nothing can be told"},
		{"many dropped", invented(2), func(m *duel.Measurement) { m.Drops["the clock jumped"] = 50 }, verdict.TooNoisy, "the clock jumped", "Nothing can be told"},
		{"few are left", invented(2), func(m *duel.Measurement) { m.Pairs = m.Pairs[:5] }, verdict.TooNoisy, "busy", "Nothing can be told"},
		{"the generator was late", invented(2), func(m *duel.Measurement) {
			for range 100 {
				m.OwnLate = append(m.OwnLate, 20)
			}
		}, verdict.TooNoisy, "the bottleneck", "Nothing can be told"},
		{"the generator was busy", invented(2), func(m *duel.Measurement) {
			m.Loaded, m.CPU = [2]time.Duration{time.Second, time.Second}, 2000*time.Second
		}, verdict.TooNoisy, "the bottleneck", "Nothing can be told"},
		{"a queue", invented(2), func(m *duel.Measurement) { m.Queued[0] = m.Requests }, verdict.TooNoisy, "connections", "Nothing can be told"},
		{"a queue after", invented(2), func(m *duel.Measurement) { m.Queued[1] = m.Requests }, verdict.Failed, "times worse", "After is worse"},
		{"after fails more", invented(0.5), func(m *duel.Measurement) {
			for i := range m.Pairs {
				for n := range 4 {
					m.Pairs[i].Samples[1][10+n].Status = 500
				}
			}
		}, verdict.Failed, "fails more requests: 1.25 % before, 11.25 % after", "After is worse"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.with != nil {
				tc.with(tc.m)
			}
			r := judged(t, tc.m)
			if v := r.Verdict; v.Outcome != tc.want || !strings.Contains(v.Message, tc.says) || r.Headline() != tc.headline {
				t.Errorf("%s, %q: %s", v.Outcome, r.Headline(), v.Message)
			}
			if r.Verdict.Outcome == verdict.TooNoisy && (r.Verdict.Next == "" || !r.Unsure()) {
				t.Error("it does not say what to do")
			}
		})
	}
}

// walk calls f for every element.
func walk(n *html.Node, f func(*html.Node)) {
	if n.Type == html.ElementNode {
		f(n)
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		walk(c, f)
	}
}

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if strings.EqualFold(a.Key, key) {
			return a.Val
		}
	}
	return ""
}

func TestHTMLReport(t *testing.T) {
	r := judged(t, invented(2))
	r.Verdict.Mismatch = &verdict.Mismatch{Request: "GET /<script>alert(1)</script>", Want: "a", Got: "b", Where: "byte 7"}
	var b strings.Builder
	if err := r.HTML(&b); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	page, err := html.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	paths := 0
	walk(page, func(n *html.Node) {
		count[n.Data]++
		for _, key := range []string{"src", "href", "xlink:href", "action", "onload"} {
			if v := attribute(n, key); v != "" {
				t.Errorf("<%s %s=%q> needs something else", n.Data, key, v)
			}
		}
		if n.Data == "path" {
			if d := attribute(n, "d"); d == "" || d[0] != 'M' || strings.Contains(d, "NaN") || strings.Contains(d, "Inf") {
				t.Errorf("a path of %q", d)
			}
			paths++
		}
		if n.Data == "svg" && attribute(n, "aria-label") == "" {
			t.Error("a picture has no words")
		}
	})
	if count["svg"] != 3 || paths != 10 || count["script"] != 0 || count["link"] != 0 || count["img"] != 0 || count["h1"] != 1 {
		t.Errorf("elements %v", count)
	}
	if want := len(r.Verdict.Metrics) + 1; count["tr"] != want {
		t.Errorf("%d rows, want %d", count["tr"], want)
	}
	for _, want := range []string{"scheme: dark)", "@media print", "after P99", "before P95", "99 %", "a round trip of 1s", "3 users", "opened a connection", "./new &lt;b&gt;", "the clock jumped"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not hold %q", want)
		}
	}
	if strings.Contains(text, "url(") || strings.Contains(text, "@import") || strings.Contains(text, "ZgotmplZ") {
		t.Error("the style sheet needs something else, or a value was refused")
	}
}

// A report of a comparison that measured nothing has no pictures, and no holes.
func TestReportsWithoutAMeasurement(t *testing.T) {
	r := Result{Verdict: verdict.Verdict{Outcome: verdict.Failed, Gate: verdict.Load, Message: "After fails.", Metrics: []verdict.Metric{}}, Before: "a", After: "b"}
	var page, comment strings.Builder
	if err := r.HTML(&page); err != nil {
		t.Fatal(err)
	}
	if err := r.Markdown(&comment); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(page.String(), "<svg") || strings.Contains(page.String(), "<table") || strings.Contains(comment.String(), "| ---") || !strings.Contains(comment.String(), "After fails.") {
		t.Errorf("%s\n%s", page.String(), comment.String())
	}
}

func TestMarkdownReport(t *testing.T) {
	r := judged(t, invented(2))
	r.Verdict.Mismatch = &verdict.Mismatch{Request: "GET /", Want: "a`b", Got: "c\n# d"}
	var b strings.Builder
	if err := r.Markdown(&b); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	rows := 0
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "|") {
			rows++
			if n := strings.Count(line, "|") - strings.Count(line, "\\|"); n != 8 {
				t.Errorf("%d bars in %s", n, line)
			}
		}
		if strings.HasPrefix(line, "# ") {
			t.Errorf("a service wrote the heading %s", line)
		}
	}
	if rows != len(r.Verdict.Metrics)+2 {
		t.Errorf("%d rows in\n%s", rows, text)
	}
	for _, want := range []string{"### After is worse", "| P95 |", "WORSE", "`` a`b ``", "`` ./new <b> | `x` * ``", "seed 9"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	if got := plain("<img> @all [x](y) *b* `c` | d"); strings.ContainsAny(got, "<@") || !strings.Contains(got, "\\[x](y)") {
		t.Errorf("plain text is %s", got)
	}
}

func TestChartsOfWeirdFigures(t *testing.T) {
	flat := []Point{{At: 0}, {At: 0, P50: [2]float64{0, 3}, P95: [2]float64{0, 3}, P99: [2]float64{3, 3}}}
	for name, c := range map[string]chart{
		"no points": timeChart(nil), "one moment": timeChart(flat[:1]), "flat": timeChart(flat),
		"no curve": curveChart([2][]Step{}), "one step": curveChart([2][]Step{{{0, 1}}, {{0, 1}}}),
		"no load": spreadChart(nil), "nothing counted": spreadChart(&verdict.Summary{HistogramMS: duel.Edges(), Before: verdict.Side{Histogram: make([]int, 60)}, After: verdict.Side{Histogram: make([]int, 60)}}),
		"all fail": spreadChart(&verdict.Summary{HistogramMS: stats.LogEdges(1, 10, 2), Before: verdict.Side{Histogram: []int{0, 5}}, After: verdict.Side{Histogram: []int{0, 5}}}),
	} {
		for _, s := range c.Shapes {
			if strings.Contains(s.Path, "NaN") || strings.Contains(s.Path, "Inf") {
				t.Errorf("%s: %s is %s", name, s.Class, s.Path)
			}
		}
		for _, tick := range append(c.X, c.Y...) {
			if math.IsNaN(tick.At) || math.IsInf(tick.At, 0) {
				t.Errorf("%s: a tick of %q at %v", name, tick.Text, tick.At)
			}
		}
	}
}
