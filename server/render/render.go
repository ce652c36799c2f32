// Package render draws every page and turns lessons into HTML. It knows the
// curriculum's words, the wire's types and the templates beside it; it must not
// know where a page's data came from, who is signed in, or how a request is
// routed.
package render

import (
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"maps"
	"strings"

	"github.com/p95lab/p95lab/challenges"
)

//go:embed templates/*.html
var templates embed.FS

// Catalogue is the data of the first page.
type Catalogue struct {
	Tracks []Track // in the order in which they are taught; empty ones are left out
	Resume *Link   // the challenge that was worked on last; nil on a first visit
}

// Track is one section of the catalogue.
type Track struct {
	Title string
	Rows  []Row
}

// State says how far a learner is with a challenge.
type State string

// The states.
const (
	NotStarted State = "not started"
	InProgress State = "in progress"
	Passed     State = "passed"
)

// Row is one challenge in the catalogue.
type Row struct {
	Slug    string
	Title   string
	Summary string
	Company string
	Level   int // 1 to 3
	Minutes int
	State   State
	Best    float64 // best ratio of P95 of a passed run; 0 if there is none
}

// Link names a challenge.
type Link struct {
	Slug  string
	Title string
}

// ChallengePage is the data of a challenge's page.
type ChallengePage struct {
	Challenge challenges.Challenge
	Boot      Boot
	Previous  *Link
	Next      *Link
	// Nonce is the response's own, also named in style-src of its
	// Content-Security-Policy: the editor puts its styles in a style element.
	Nonce string
}

// Problem is a page that says what went wrong and what to do.
type Problem struct {
	Status int
	Title  string
	Detail string
}

// Renderer draws pages. It is safe for concurrent use.
type Renderer struct {
	assets   fs.FS
	built    bool
	names    map[string]string // "challenge.js" → its content-hashed name
	icons    template.HTML
	pages    map[string]*template.Template
	markdown *markdown
}

// New returns a Renderer over the built assets. With built false every page
// says how to build them.
func New(assets fs.FS, built bool) (*Renderer, error) {
	if !built {
		assets = embed.FS{}
	}
	r := &Renderer{assets: assets, built: built, names: map[string]string{}, pages: map[string]*template.Template{}, markdown: newMarkdown()}
	if built {
		if err := r.readAssets(); err != nil {
			return nil, err
		}
	}
	layout, err := template.New("layout.html").Funcs(r.funcs()).ParseFS(templates, "templates/layout.html")
	if err != nil {
		return nil, fmt.Errorf("parse layout: %w", err)
	}
	for _, name := range []string{"catalogue", "challenge", "problem"} {
		page, err := layout.Clone()
		if err != nil {
			return nil, fmt.Errorf("clone layout: %w", err)
		}
		if r.pages[name], err = page.ParseFS(templates, "templates/"+name+".html"); err != nil {
			return nil, fmt.Errorf("parse %s: %w", name, err)
		}
	}
	return r, nil
}

// readAssets reads what the build says about itself.
func (r *Renderer) readAssets() error {
	manifest, err := fs.ReadFile(r.assets, "manifest.json")
	if err != nil {
		return fmt.Errorf("read manifest: %w", err)
	}
	if err := json.Unmarshal(manifest, &r.names); err != nil {
		return fmt.Errorf("read manifest: %w", err)
	}
	icons, err := fs.ReadFile(r.assets, "icons.svg")
	if err != nil {
		return fmt.Errorf("read icons: %w", err)
	}
	r.icons = template.HTML(icons) // our own build's, not a learner's
	return nil
}

// Catalogue writes the list of challenges.
func (r *Renderer) Catalogue(w io.Writer, d Catalogue) error {
	return r.write(w, "catalogue", map[string]any{"Title": "P95 Lab", "Script": "catalogue", "Page": d})
}

// Challenge writes a challenge's page.
func (r *Renderer) Challenge(w io.Writer, d ChallengePage) error {
	c := d.Challenge
	return r.write(w, "challenge", map[string]any{
		"Title":   c.Title + " · P95 Lab",
		"Script":  "challenge",
		"Nonce":   d.Nonce,
		"Page":    d,
		"Lesson":  r.Markdown(c.Lesson),
		"Targets": Targets(c.Targets),
		"Track":   trackTitle(c.Track),
		"Boot":    d.Boot.orEmpty(),
	})
}

// Problem writes a page for something that cannot be shown.
func (r *Renderer) Problem(w io.Writer, d Problem) error {
	return r.write(w, "problem", map[string]any{"Title": d.Title + " · P95 Lab", "Script": "catalogue", "Page": d})
}

// Markdown renders a text of the curriculum. What it returns is sanitised.
func (r *Renderer) Markdown(src string) template.HTML {
	return r.markdown.render(src)
}

func (r *Renderer) write(w io.Writer, name string, data map[string]any) error {
	all := map[string]any{"Built": r.built, "Icons": r.icons, "Nonce": ""}
	maps.Copy(all, data)
	if err := r.pages[name].ExecuteTemplate(w, "layout.html", all); err != nil {
		return fmt.Errorf("draw %s: %w", name, err)
	}
	return nil
}

func (r *Renderer) funcs() template.FuncMap {
	return template.FuncMap{
		"asset": func(name string) string { return "/static/" + r.names[name] },
		"level": levelName,
		"ratio": func(v float64) string {
			if v < 10 {
				return fmt.Sprintf("%.1f×", v)
			}
			return fmt.Sprintf("%.0f×", v)
		},
		"firstRow":   Catalogue.first,
		"passed":     passed,
		"stateClass": func(s State) string { return strings.ReplaceAll(string(s), " ", "-") },
		"stateIcon":  func(s State) string { return stateIcons[s] },
		"icon": func(name string) template.HTML {
			return template.HTML(`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><use href="#i-` + template.HTMLEscapeString(name) + `"/></svg>`)
		},
	}
}

var stateIcons = map[State]string{NotStarted: "circle", InProgress: "circle-dot", Passed: "check"}

// first is where a newcomer starts: nil in an empty curriculum.
func (c Catalogue) first() *Row {
	for _, t := range c.Tracks {
		if len(t.Rows) > 0 {
			return &t.Rows[0]
		}
	}
	return nil
}

func passed(rows []Row) int {
	n := 0
	for _, r := range rows {
		if r.State == Passed {
			n++
		}
	}
	return n
}

// orEmpty gives the browser [] where Go has nil.
func (b Boot) orEmpty() Boot {
	b.Workspace.Files = list(b.Workspace.Files)
	b.Runs = list(b.Runs)
	b.Diagnosis.Options = list(b.Diagnosis.Options)
	b.Hints.Opened = list(b.Hints.Opened)
	b.Targets = list(b.Targets)
	b.Challenges = list(b.Challenges)
	return b
}

func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

func levelName(level int) string {
	switch level {
	case 1:
		return "Apprentice"
	case 2:
		return "Practitioner"
	default:
		return "Expert"
	}
}

func trackTitle(slug string) string {
	for _, t := range challenges.Tracks {
		if t.Slug == slug {
			return t.Title
		}
	}
	return slug
}
