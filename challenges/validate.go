package challenges

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"

	"github.com/p95lab/p95lab/labs"
)

// What a challenge may say. Gates are those of a verdict, by name: this package
// must not know the grader.
var (
	knownNeeds   = []string{"postgres", "redis"}
	knownMetrics = []string{"p50", "p95", "p99", "errors", "queries", "cpu"}
	// wholeMetrics are counted for a whole side, not for one kind of request.
	wholeMetrics = []string{"queries", "cpu"}
	knownGates   = []string{"build", "start", "check", "load", "compare"}
)

const slugRule = "must be lower-case words of letters and digits, joined by single hyphens"

// validator collects all that is wrong with one challenge.
type validator struct {
	tree     *ast.File
	problems []Problem
}

func (v *validator) err() error {
	if len(v.problems) == 0 {
		return nil
	}
	return &Invalid{Problems: v.problems}
}

// field reports a problem with the value at a path in challenge.yaml.
func (v *validator) field(what string, at ...any) {
	v.problems = append(v.problems, Problem{File: yamlFile, Line: lineOf(v.tree, at), Field: fieldName(at), What: what})
}

// file reports a problem with another file.
func (v *validator) file(name, what string) {
	v.problems = append(v.problems, Problem{File: name, What: what})
}

func (v *validator) oneOf(value string, allowed []string, at ...any) {
	if !slices.Contains(allowed, value) {
		v.field(fmt.Sprintf("%q is not known; allowed are %s", value, strings.Join(allowed, ", ")), at...)
	}
}

func (v *validator) required(value string, at ...any) {
	if strings.TrimSpace(value) == "" {
		v.field("must not be empty", at...)
	}
}

func (v *validator) challenge(c Challenge) {
	if c.Format != 1 {
		v.field(fmt.Sprintf("is %d; this version reads format 1", c.Format), "format")
	}
	v.required(c.Title, "title")
	v.required(c.Summary, "summary")
	if n := utf8.RuneCountInString(c.Summary); n > 140 {
		v.field(fmt.Sprintf("has %d characters; at most 140 are allowed", n), "summary")
	}
	tracks := make([]string, len(Tracks))
	for i, t := range Tracks {
		tracks[i] = t.Slug
	}
	v.oneOf(c.Track, tracks, "track")
	if c.Level < 1 || c.Level > 3 {
		v.field("must be 1 (apprentice), 2 (practitioner) or 3 (expert)", "level")
	}
	if c.Minutes < 1 || c.Minutes > 480 {
		v.field("must lie between 1 and 480", "minutes")
	}
	v.required(c.Company, "company")
	for i, need := range c.Needs {
		v.oneOf(need, knownNeeds, "needs", i)
		if slices.Contains(c.Needs[:i], need) {
			v.field(fmt.Sprintf("%q is listed twice", need), "needs", i)
		}
	}
	v.edit(c)
	v.diagnosis(c.Diagnosis)
	v.requests(c.Requests)
	v.phases(c.Phases)
	v.targets(c)
	v.checks(c)
	v.overlays(c)
}

// starter returns the names of the files of the service lab.
func (v *validator) starter(lab string) []string {
	if !slices.Contains(labs.Names(), lab) {
		v.oneOf(lab, labs.Names(), "lab")
		return nil
	}
	files, err := labs.Files(lab)
	if err != nil {
		v.field(fmt.Sprintf("%q cannot be read: %v", lab, err), "lab")
		return nil
	}
	return slices.Sorted(maps.Keys(files))
}

func (v *validator) edit(c Challenge) {
	if len(c.Edit) == 0 {
		v.field("must list at least one file, or folder with a slash at its end", "edit")
	}
	for i, e := range c.Edit {
		switch folder, isFolder := strings.CutSuffix(e, "/"); {
		case isFolder && !isOverlayPath(folder+"/x.go"):
			v.field(fmt.Sprintf("%q is not a folder below the service's: no .., no hidden or absolute path", e), "edit", i)
		case !isFolder && !isOverlayPath(e):
			v.field(fmt.Sprintf("%q is not a file that a learner may edit: a path below the service's folder, .go or .sql, no test, and for a folder a slash at its end", e), "edit", i)
		case !isFolder && c.Starter != nil && !slices.Contains(c.Starter, e):
			v.field(fmt.Sprintf("the service has no file %q; it has %s", e, strings.Join(c.Starter, ", ")), "edit", i)
		case slices.Contains(c.Edit[:i], e):
			v.field(fmt.Sprintf("%q is listed twice", e), "edit", i)
		}
	}
	switch {
	case !c.Editable(c.Open):
		v.field(fmt.Sprintf("%q is not among what edit lists", c.Open), "open")
	case c.Starter != nil && !slices.Contains(c.Starter, c.Open):
		v.field(fmt.Sprintf("the service has no file %q; it has %s", c.Open, strings.Join(c.Starter, ", ")), "open")
	}
}

func (v *validator) diagnosis(d Diagnosis) {
	v.required(d.Question, "diagnosis", "question")
	v.required(d.Why, "diagnosis", "why")
	if n := len(d.Options); n < 2 || n > 6 {
		v.field(fmt.Sprintf("has %d entries; between 2 and 6 are allowed", n), "diagnosis", "options")
	}
	for i, option := range d.Options {
		v.required(option, "diagnosis", "options", i)
		if slices.Contains(d.Options[:i], option) {
			v.field("is listed twice", "diagnosis", "options", i)
		}
	}
	if d.Answer < 0 || d.Answer >= len(d.Options) {
		v.field("must be the index of an option, from 0", "diagnosis", "answer")
	}
}

func (v *validator) requests(requests []Request) {
	if len(requests) == 0 {
		v.field("at least one is needed", "requests")
	}
	for i, r := range requests {
		before := len(v.problems)
		c := compile(r, func(what string, field ...any) {
			v.field(what, append([]any{"requests", i}, field...)...)
		})
		if slices.ContainsFunc(requests[:i], func(other Request) bool { return other.Name == r.Name }) {
			v.field(fmt.Sprintf("%q is the name of two requests", r.Name), "requests", i, "name")
		}
		if len(v.problems) == before && c.body != nil {
			v.body(c, i)
		}
	}
}

// body draws a few bodies, to find JSON that is broken for every learner.
func (v *validator) body(c class, i int) {
	for name, value := range c.header {
		if strings.EqualFold(name, "Content-Type") && (len(value) == 0 || !strings.HasPrefix(value[0].text, "application/json")) {
			return
		}
	}
	m := Mix{classes: []class{c}, total: c.weight}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		if b := m.DrawClass(rng, 0, nil).Body; !json.Valid(b) {
			v.field(fmt.Sprintf("is not JSON once it is filled in: %s", b), "requests", i, "body")
			return
		}
	}
}

func (v *validator) phases(phases []Phase) {
	if len(phases) == 0 {
		v.field("at least one is needed, such as steady: {at: 0.6}", "phases")
	}
	for i, p := range phases {
		if p.Steady == nil {
			v.field("exactly one kind of phase must be set; allowed is steady", "phases", i)
		} else if at := p.Steady.At; !(at > 0 && at < 1) {
			v.field("must lie between 0 and 1, as a share of the starter's capacity", "phases", i, "steady", "at")
		}
	}
}

func (v *validator) targets(c Challenge) {
	if len(c.Targets) == 0 {
		v.field("at least one is needed", "targets")
	}
	for i, t := range c.Targets {
		v.oneOf(t.Metric, knownMetrics, "targets", i, "metric")
		if t.Of != "" {
			v.request(c, t.Of, "targets", i, "of")
			if slices.Contains(wholeMetrics, t.Metric) {
				v.field(t.Metric+" is counted over all requests: leave of out", "targets", i, "of")
			}
		}
		if slices.ContainsFunc(c.Targets[:i], func(o Target) bool { return o.String() == t.String() }) {
			v.field(fmt.Sprintf("%s has two targets", t), "targets", i)
		}
		set := 0
		for _, is := range []bool{t.Improve != 0, t.Worsen != 0, t.Max != nil} {
			if is {
				set++
			}
		}
		if set != 1 {
			v.field(fmt.Sprintf("sets %d of improve, worsen and max; exactly one must be set", set), "targets", i)
		}
		if t.Improve != 0 && t.Improve <= 1 {
			v.field("must be more than 1x", "targets", i, "improve")
		}
		if t.Worsen != 0 && t.Worsen < 1 {
			v.field("must be at least 1x", "targets", i, "worsen")
		}
		switch {
		case t.Metric == "errors" && (t.Max == nil || !t.Max.Share):
			v.field("errors need max as a share, such as 0.1%: a ratio of two shares near 0 says nothing", "targets", i)
		case t.Metric == "queries" && t.Max != nil && t.Max.Share:
			v.field("queries are counted for each request: write max as a number, such as 6", "targets", i, "max")
		case t.Metric == "cpu" && t.Max != nil:
			v.field("processor time has no absolute bound, as machines differ: use improve or worsen", "targets", i, "max")
		case strings.HasPrefix(t.Metric, "p") && t.Max != nil:
			v.field("a latency has no absolute bound, as machines differ: use improve or worsen", "targets", i, "max")
		}
	}
}

// request reports a name that no request has, and returns the request.
func (v *validator) request(c Challenge, name string, at ...any) (Request, bool) {
	var names []string
	for _, r := range c.Requests {
		if r.Name == name {
			return r, true
		}
		names = append(names, r.Name)
	}
	v.field(fmt.Sprintf("%q is no request's name; allowed are %s", name, strings.Join(names, ", ")), at...)
	return Request{}, false
}

func (v *validator) checks(c Challenge) {
	if len(c.Checks) == 0 {
		v.field("at least one is needed, such as same-answers: {}", "checks")
	}
	for i, k := range c.Checks {
		if (k.SameAnswers != nil) == (k.ReadYourWrites != nil) {
			v.field("exactly one check must be set in each entry; allowed are same-answers and read-your-writes (write {} if it has no parameters)", "checks", i)
		}
		if s := k.SameAnswers; s != nil {
			for j, name := range s.Ignore {
				v.required(name, "checks", i, "same-answers", "ignore", j)
			}
		}
		if r := k.ReadYourWrites; r != nil {
			v.readYourWrites(c, *r, "checks", i, "read-your-writes")
		}
	}
}

func (v *validator) readYourWrites(c Challenge, k ReadYourWrites, at ...any) {
	sub := func(key string) []any { return append(slices.Clone(at), key) }
	write, haveWrite := v.request(c, k.Write, sub("write")...)
	read, haveRead := v.request(c, k.Read, sub("read")...)
	if haveWrite && write.Get != "" {
		v.field(fmt.Sprintf("%q is a GET and writes nothing", k.Write), sub("write")...)
	}
	if haveRead && read.Get == "" {
		v.field(fmt.Sprintf("%q is not a GET", k.Read), sub("read")...)
	}
	shared := false
	for name := range write.With {
		_, both := read.With[name]
		shared = shared || both
	}
	if haveWrite && haveRead && !shared {
		v.field(fmt.Sprintf("%q and %q share no variable, so the read would not see what was written", k.Write, k.Read), at...)
	}
	if k.Within < 0 || k.Within > time.Minute {
		v.field("must lie between 0s and 1m", sub("within")...)
	}
}

// texts reads the files beside challenge.yaml into c.
func (v *validator) texts(c *Challenge) {
	read := func(name string) string {
		b, err := readFile(c.FS, name)
		switch {
		case err != nil:
			v.file(name, fmt.Sprintf("cannot be read: %v", err))
		case strings.TrimSpace(string(b)) == "":
			v.file(name, "is empty")
		case !utf8.Valid(b):
			v.file(name, "is not UTF-8")
		default:
			return string(b)
		}
		return ""
	}
	cut := func(name string, least, most int) []section {
		text := read(name)
		if text == "" {
			return nil
		}
		parts, err := sections(text)
		if err != nil {
			v.file(name, err.Error())
		} else if n := len(parts); n < least || n > most {
			v.file(name, fmt.Sprintf("has %d ## sections; between %d and %d are allowed", n, least, most))
		}
		return parts
	}
	c.Lesson = read("lesson.md")
	c.Solved = read("solved.md")
	for _, s := range cut("hints.md", 1, 3) {
		c.Hints = append(c.Hints, Hint{s.title, s.body})
	}
	for _, s := range cut("interview.md", 1, 50) {
		c.Interview = append(c.Interview, Question{s.title, s.body})
	}
}

// overlays holds the folders of solutions and wrong fixes to what edit allows.
func (v *validator) overlays(c Challenge) {
	v.overlay(c, "_solution")
	if _, err := fs.Stat(c.FS, "_also"); err == nil {
		v.overlay(c, "_also")
	}

	entries, err := fs.ReadDir(c.FS, "_wrong")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		v.file("_wrong", fmt.Sprintf("cannot be read: %v", err))
	}
	var folders []string
	for _, e := range entries {
		folders = append(folders, e.Name())
		if _, declared := c.Wrong[e.Name()]; !declared {
			v.field(fmt.Sprintf("the folder _wrong/%s has no entry here", e.Name()), "wrong")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Wrong)) {
		w := c.Wrong[name]
		v.oneOf(w.Gate, knownGates, "wrong", name, "gate")
		v.required(w.Why, "wrong", name, "why")
		if w.Target != "" {
			var targets []string
			for _, t := range c.Targets {
				targets = append(targets, t.String())
			}
			v.oneOf(w.Target, targets, "wrong", name, "target")
			if w.Gate != "compare" {
				v.field("is missed at the gate compare only", "wrong", name, "target")
			}
		}
		switch {
		case !isSlug(name):
			v.field(slugRule, "wrong", name)
		case !slices.Contains(folders, name):
			v.field(fmt.Sprintf("the folder _wrong/%s is missing", name), "wrong", name)
		default:
			dir := "_wrong/" + name
			files := v.overlay(c, dir)
			for _, file := range slices.Sorted(maps.Keys(files)) {
				if !hasHeaderComment(file, files[file]) {
					v.file(path.Join(dir, file), "must begin with a comment that says what its author believed, and where it fails")
				}
			}
		}
	}
}

func (v *validator) overlay(c Challenge, dir string) map[string][]byte {
	files, err := c.Overlay(dir)
	if err != nil {
		v.file(dir, fmt.Sprintf("cannot be read: %v", err))
		return nil
	}
	if len(files) == 0 {
		v.file(dir, "is empty")
	}
	for _, file := range slices.Sorted(maps.Keys(files)) {
		if !c.Editable(file) {
			v.file(path.Join(dir, file), "lies outside of what edit lists: "+strings.Join(c.Edit, ", "))
		}
	}
	return files
}

func hasHeaderComment(file string, text []byte) bool {
	s := strings.TrimSpace(strings.TrimPrefix(string(text), "\ufeff"))
	line := "//"
	if path.Ext(file) == ".sql" {
		line = "--"
	}
	return strings.HasPrefix(s, line) || strings.HasPrefix(s, "/*")
}

// isSlug holds for a name that is safe as a folder, in an address and in a
// metric's name.
func isSlug(s string) bool {
	if s == "" || len(s) > 60 || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	for word := range strings.SplitSeq(s, "-") {
		if word == "" || strings.Trim(word, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
			return false
		}
	}
	return true
}
