package render

import (
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/net/html"
)

var update = flag.Bool("update", false, "write the golden files")

func TestMarkdownGolden(t *testing.T) {
	src, err := os.ReadFile("testdata/lesson.md")
	if err != nil {
		t.Fatal(err)
	}
	got := string(newMarkdown().render(string(src)))
	if *update {
		if err := os.WriteFile("testdata/lesson.html", []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/lesson.html")
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("rendered lesson differs from testdata/lesson.html (go test -update writes it)\n%s", got)
	}
}

func TestHeadingsStartBelowThePage(t *testing.T) {
	for _, c := range []struct{ src, want string }{
		{"# A\n\n## B", "<h2>A</h2>\n<h3>B</h3>\n"},
		{"## A\n\n### B", "<h2>A</h2>\n<h3>B</h3>\n"},
		{"### A", "<h2>A</h2>\n"},
		{"# A\n\n###### B", "<h2>A</h2>\n<h6>B</h6>\n"},
	} {
		if got := string(newMarkdown().render(c.src)); got != c.want {
			t.Errorf("%q: got %q, want %q", c.src, got, c.want)
		}
	}
}

// What the sanitiser must never let through, looked for the way a browser
// would find it: in parsed elements and attributes, not in text.
func unsafe(t *testing.T, page string) []string {
	t.Helper()
	scheme := regexp.MustCompile(`(?i)^[\s\x00-\x20]*(javascript|data|vbscript)[\s\x00-\x20]*:`)
	var found []string
	z := html.NewTokenizer(strings.NewReader(page))
	for z.Next() != html.ErrorToken {
		tok := z.Token()
		if tok.Type != html.StartTagToken && tok.Type != html.SelfClosingTagToken {
			continue
		}
		switch tok.Data {
		case "script", "style", "iframe", "object", "embed", "form", "input", "svg", "math", "base", "link", "meta":
			found = append(found, "<"+tok.Data+">")
		}
		for _, a := range tok.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" || a.Key == "id" || scheme.MatchString(a.Val) && (a.Key == "href" || a.Key == "src") {
				found = append(found, tok.Data+" "+a.Key+"="+a.Val)
			}
		}
	}
	return found
}

func TestUnsafeIsFound(t *testing.T) {
	for _, page := range []string{`<script>`, `<a onclick="x">`, `<a href=" JavaScript:x">`, `<p style="x">`, `<img src="data:x">`} {
		if len(unsafe(t, page)) == 0 {
			t.Errorf("%s passes as safe", page)
		}
	}
}

func FuzzMarkdown(f *testing.F) {
	src, err := os.ReadFile("testdata/lesson.md")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(src))
	for _, s := range []string{
		"<script>alert(1)</script>", "[x](javascript:alert(1))", "[x](java\nscript:alert(1))", "![x](data:text/html,<script>)",
		"<img src=x onerror=alert(1)>", "```go\n</code></pre><script>\n```", "```\"><script>\nx\n```", "<a href=\"&#106;avascript:x\">y</a>",
		"| a |\n|---|\n| <svg onload=x> |", "[x]: javascript:y\n[x]", "<javascript:x>", "`<pre>`", "&lt;table&gt;",
	} {
		f.Add(s)
	}
	m := newMarkdown()
	f.Fuzz(func(t *testing.T, src string) {
		if found := unsafe(t, string(m.render(src))); len(found) > 0 {
			t.Errorf("%q yields %q", src, found)
		}
	})
}

func assets() fstest.MapFS {
	return fstest.MapFS{
		"manifest.json":            {Data: []byte(`{"theme.js":"theme-AAAAAAAA.js","challenge.js":"challenge-BBBBBBBB.js","challenge.css":"challenge-CCCCCCCC.css","catalogue.js":"catalogue-DDDDDDDD.js","catalogue.css":"catalogue-EEEEEEEE.css","editor.js":"editor-FFFFFFFF.js","geist.woff2":"geist-GGGGGGGG.woff2","mark.svg":"mark-HHHHHHHH.svg"}`)},
		"icons.svg":                {Data: []byte(`<svg hidden><symbol id="i-play"></symbol></svg>`)},
		"challenge-BBBBBBBB.js":    {Data: []byte("plain")},
		"challenge-BBBBBBBB.js.gz": {Data: []byte("packed")},
		"geist-GGGGGGGG.woff2":     {Data: []byte("font")},
		"LICENCES.txt":             {Data: []byte("licences")},
	}
}
