package render

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/p95lab/p95lab/challenges"
)

func renderer(t *testing.T) *Renderer {
	t.Helper()
	r, err := New(assets(), true)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func someChallenge() challenges.Challenge {
	return challenges.Challenge{
		Slug: "missing-index", Title: "Slow </script> history", Track: "databases", Level: 1, Minutes: 20, Company: "Larder", Lab: "orders", Open: "store.go",
		Diagnosis: challenges.Diagnosis{Question: "What does it cost?", Options: []string{"a", "b"}, Answer: 1, Why: "the secret reason"},
		Targets: []challenges.Target{
			{Metric: "p95", Of: "history", Improve: 8},
			{Metric: "errors", Max: &challenges.Amount{Value: 0.001, Share: true}},
			{Metric: "queries", Max: &challenges.Amount{Value: 6}},
			{Metric: "p95", Of: "place", Worsen: 1.2},
		},
		Hints:  []challenges.Hint{{Title: "the secret hint", Body: "x"}},
		Lesson: "## The page\n\nIt is slow.",
	}
}

func TestTargets(t *testing.T) {
	want := []string{"P95 of history ≥ 8× better", "Errors ≤ 0.1 %", "Queries per request ≤ 6", "P95 of place ≤ 1.2× the starter"}
	for i, got := range Targets(someChallenge().Targets) {
		if got := got.Label + " " + got.Text; got != want[i] {
			t.Errorf("target %d: got %q, want %q", i, got, want[i])
		}
	}
}

func TestChallengePage(t *testing.T) {
	c := someChallenge()
	var page bytes.Buffer
	err := renderer(t).Challenge(&page, ChallengePage{Challenge: c, Boot: NewBoot(c), Next: &Link{Slug: "next", Title: "After this"}, Nonce: "n0nce"})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`<script src="/static/theme-AAAAAAAA.js"></script>`, `<script type="module" src="/static/challenge-BBBBBBBB.js"></script>`,
		`data-nonce="n0nce"`, `<h2>The page</h2>`, `P95 of history`, `href="/challenges/next"`, `Slow &lt;/script&gt; history`, `id="i-play"`,
	} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	// The answer, its reason and unopened hints are the server's until asked for.
	for _, secret := range []string{"secret reason", "secret hint"} {
		if strings.Contains(page.String(), secret) {
			t.Errorf("the page gives away the %s", secret)
		}
	}
	// style-src and script-src name neither 'unsafe-inline'.
	if m := regexp.MustCompile(`(?i)<[^>]+\s(style|on[a-z]+)=`).FindString(page.String()); m != "" {
		t.Errorf("inline style or handler: %s", m)
	}
	m := regexp.MustCompile(`(?s)<script type="application/json" id="boot">(.*?)</script>`).FindStringSubmatch(page.String())
	if m == nil {
		t.Fatal("no boot")
	}
	var boot Boot
	if err := json.Unmarshal([]byte(m[1]), &boot); err != nil {
		t.Fatalf("boot: %v in %s", err, m[1])
	}
	if boot.Title != c.Title || boot.Hints.Count != 1 || len(boot.Targets) != 4 {
		t.Errorf("boot is %+v", boot)
	}
	if strings.Count(m[1], ":null") != 3 { // answered, correct, answer
		t.Errorf("a list is null in %s", m[1])
	}
}

func TestCatalogue(t *testing.T) {
	tracks := []Track{
		{Title: "Caching"},
		{Title: "Databases", Rows: []Row{{Slug: "a", Title: "First one", Level: 1, Minutes: 20, State: Passed, Best: 8.94}, {Slug: "b", Title: "Second", Level: 3, Minutes: 30, State: InProgress}}},
	}
	draw := func(c Catalogue) string {
		var page bytes.Buffer
		if err := renderer(t).Catalogue(&page, c); err != nil {
			t.Fatal(err)
		}
		return page.String()
	}
	first := draw(Catalogue{Tracks: tracks})
	for _, want := range []string{`Start with <a href="/challenges/a">First one</a>`, `1 of 2 passed`, `8.9×`, `Expert`, `data-level="3"`} {
		if !strings.Contains(first, want) {
			t.Errorf("a first visit lacks %s", want)
		}
	}
	if strings.Contains(first, "Caching") {
		t.Error("an empty track is shown")
	}
	again := draw(Catalogue{Tracks: tracks, Resume: &Link{Slug: "b", Title: "Second"}})
	if !strings.Contains(again, "Resume: Second") || strings.Contains(again, "Start with") {
		t.Error("a second visit is not asked to resume")
	}
	if empty := draw(Catalogue{}); !strings.Contains(empty, "There are no challenges") {
		t.Error("an empty curriculum says nothing")
	}
}

func TestProblem(t *testing.T) {
	var page bytes.Buffer
	if err := renderer(t).Problem(&page, Problem{Status: 404, Title: "No such page", Detail: "Look <here>"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"404", "No such page", "Look &lt;here&gt;"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

func TestNotBuilt(t *testing.T) {
	r, err := New(nil, false)
	if err != nil {
		t.Fatal(err)
	}
	c := someChallenge()
	for name, draw := range map[string]func(*bytes.Buffer) error{
		"catalogue": func(b *bytes.Buffer) error { return r.Catalogue(b, Catalogue{}) },
		"challenge": func(b *bytes.Buffer) error { return r.Challenge(b, ChallengePage{Challenge: c, Boot: NewBoot(c)}) },
		"problem":   func(b *bytes.Buffer) error { return r.Problem(b, Problem{Status: 404}) },
	} {
		var page bytes.Buffer
		if err := draw(&page); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !strings.Contains(page.String(), "The interface is not built: run <code>make web</code>") {
			t.Errorf("%s does not say how to build", name)
		}
	}
	answer := httptest.NewRecorder()
	r.Static().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/static/challenge.js", nil))
	if answer.Code != http.StatusNotFound {
		t.Errorf("an asset that was not built answers %d", answer.Code)
	}
}

func TestStatic(t *testing.T) {
	h := renderer(t).Static()
	for _, c := range []struct {
		path, accept string
		code         int
		body         string
		header       map[string]string
	}{
		{"/static/challenge-BBBBBBBB.js", "", 200, "plain", map[string]string{"Content-Type": "text/javascript; charset=utf-8", "Cache-Control": "public, max-age=31536000, immutable", "Content-Encoding": ""}},
		{"/static/challenge-BBBBBBBB.js", "br, gzip", 200, "packed", map[string]string{"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}},
		{"/static/geist-GGGGGGGG.woff2", "gzip", 200, "font", map[string]string{"Content-Type": "font/woff2", "Content-Encoding": ""}},
		{"/static/LICENCES.txt", "", 200, "licences", map[string]string{"Cache-Control": "no-cache"}},
		{"/static/manifest.json", "", 404, "", nil},
		{"/static/challenge-BBBBBBBB.js.gz", "", 404, "", nil},
		{"/static/../render.go", "", 404, "", nil},
		{"/static/", "", 404, "", nil},
		{"/static/missing-AAAAAAAA.js", "", 404, "", nil},
	} {
		req := httptest.NewRequest(http.MethodGet, "/", nil)
		req.URL.Path = c.path
		req.Header.Set("Accept-Encoding", c.accept)
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, req)
		if answer.Code != c.code {
			t.Errorf("%s: %d, want %d", c.path, answer.Code, c.code)
		}
		if c.code == 200 && answer.Body.String() != c.body {
			t.Errorf("%s: %q, want %q", c.path, answer.Body, c.body)
		}
		for k, v := range c.header {
			if got := answer.Header().Get(k); got != v {
				t.Errorf("%s: %s is %q, want %q", c.path, k, got, v)
			}
		}
	}
}
