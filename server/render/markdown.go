package render

import (
	"bytes"
	"html/template"
	"regexp"
	"strings"

	chromahtml "github.com/alecthomas/chroma/v2/formatters/html"
	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	highlighting "github.com/yuin/goldmark-highlighting/v2"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// markdown renders the texts of the curriculum. Raw HTML in them is dropped,
// and what is left passes a sanitiser: a challenge may come from anyone.
type markdown struct {
	parser goldmark.Markdown
	policy *bluemonday.Policy
}

func newMarkdown() *markdown {
	policy := bluemonday.UGCPolicy()
	policy.RequireNoFollowOnLinks(false)
	policy.RequireNoReferrerOnFullyQualifiedLinks(true)
	// Chroma marks tokens with one or two short classes; nothing else may
	// borrow a class of the page.
	policy.AllowAttrs("class").Matching(regexp.MustCompile(`^(chroma|line|[a-z][a-z0-9]{0,2})( [a-z][a-z0-9]{0,2})?$`)).OnElements("pre", "span")
	return &markdown{
		parser: goldmark.New(
			goldmark.WithExtensions(
				// Not by style: the pages' policy allows no inline styles.
				extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute)),
				extension.Strikethrough,
				highlighting.NewHighlighting(highlighting.WithFormatOptions(chromahtml.WithClasses(true))),
			),
			goldmark.WithParserOptions(parser.WithASTTransformers(util.Prioritized(headings{}, 100))),
		),
		policy: policy,
	}
}

// scrollable blocks can be reached by keyboard, or a reader without a mouse
// never sees their right end.
var scrollable = strings.NewReplacer(
	"<pre>", `<pre tabindex="0">`,
	`<pre class="chroma">`, `<pre class="chroma" tabindex="0">`,
	"<table>", `<div class="scroll" role="group" aria-label="Table" tabindex="0"><table>`,
	"</table>", "</table></div>",
)

func (m *markdown) render(src string) template.HTML {
	var out bytes.Buffer
	if err := m.parser.Convert([]byte(src), &out); err != nil {
		// A bytes.Buffer does not fail, so this is a defect of a renderer: the
		// text itself is still worth reading.
		return template.HTML("<pre>" + template.HTMLEscapeString(src) + "</pre>")
	}
	return template.HTML(scrollable.Replace(string(m.policy.SanitizeBytes(out.Bytes()))))
}

// headings moves a text's headings below the page's own h1.
type headings struct{}

// Transform implements parser.ASTTransformer.
func (headings) Transform(doc *ast.Document, _ text.Reader, _ parser.Context) {
	highest := 6
	var all []*ast.Heading
	for n := doc.FirstChild(); n != nil; n = n.NextSibling() {
		if h, ok := n.(*ast.Heading); ok {
			all, highest = append(all, h), min(highest, h.Level)
		}
	}
	for _, h := range all {
		h.Level = min(6, h.Level-highest+2)
	}
}
