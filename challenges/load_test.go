package challenges

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

const sound = `format: 1
title: The order history that got slow
summary: One customer's orders take longer each week.
track: databases
level: 1
minutes: 20
company: Larder
lab: orders
needs: [redis]
edit: [store.go, migrations/]
open: store.go
diagnosis:
  question: What does each request cost?
  options: [A sort, A scan]
  answer: 1
  why: The plan says SCAN.
requests:
  - name: history
    weight: 9
    get: /customers/{customer}/orders?limit={1..20}
    with: {customer: "zipf(1, 5000, 1.1)"}
  - name: place
    weight: 1
    post: /customers/{customer}/orders
    body: '{"sku": "{sku}", "quantity": {1..5}}'
    with:
      customer: uniform(1, 5000)
      sku: pick(a, b)
phases:
  - steady: {at: 0.6}
targets:
  - {metric: p95, of: history, improve: 8x}
  - {metric: errors, max: 0.1%}
  - {metric: queries, max: 6}
  - metric: p95
    of: place
    worsen: 1.2x
checks:
  - same-answers: {ignore: [created_at]}
  - read-your-writes: {write: place, read: history, within: 0s}
wrong:
  index-on-status:
    gate: compare
    target: p95 of history
    why: Half of all orders share a status.
`

func folder(yaml string) fstest.MapFS {
	f := fstest.MapFS{}
	for name, text := range map[string]string{
		"challenge.yaml":               yaml,
		"lesson.md":                    "The page.\n",
		"hints.md":                     "# Hints\n\n## Look\n\nAt the plan.\n\n```\n## not a heading\n```\n\n## Then\n\nAdd an index.\n",
		"interview.md":                 "## Why is it slow?\n\nBecause it scans.\n",
		"solved.md":                    "An index.\n",
		"_solution/migrations/002.sql": "CREATE INDEX a ON orders(customer);\n",
		"_also/store.go":               "package main\n",
		"_wrong/index-on-status/migrations/2.sql": "-- Believed: any index helps.\nCREATE INDEX b ON orders(status);\n",
	} {
		f["slow-orders/"+name] = &fstest.MapFile{Data: []byte(text)}
	}
	return f
}

func TestLoad(t *testing.T) {
	c, err := Load(folder(sound), "slow-orders")
	if err != nil {
		t.Fatal(err)
	}
	if c.Slug != "slow-orders" || c.Targets[0].Improve != 8 || c.Targets[3].Worsen != 1.2 {
		t.Errorf("slug and factors were read as %q, %v, %v", c.Slug, c.Targets[0].Improve, c.Targets[3].Worsen)
	}
	if got := *c.Targets[1].Max; got != (Amount{0.001, true}) {
		t.Errorf("0.1%% was read as %+v", got)
	}
	if got := *c.Targets[2].Max; got != (Amount{6, false}) {
		t.Errorf("6 was read as %+v", got)
	}
	if k := c.Checks[1].ReadYourWrites; k == nil || k.Within != 0 || k.Read != "history" {
		t.Errorf("read-your-writes was read as %+v", k)
	}
	if len(c.Hints) != 2 || c.Hints[0].Title != "Look" || !strings.Contains(c.Hints[0].Body, "## not a heading") {
		t.Errorf("hints were read as %+v", c.Hints)
	}
	if len(c.Interview) != 1 || c.Lesson == "" || c.Solved == "" {
		t.Errorf("texts are missing: %+v", c)
	}
	files, err := c.Overlay("_solution")
	if err != nil || len(files) != 1 || files["migrations/002.sql"] == nil {
		t.Errorf("the solution is %v, %v", slices.Collect(maps.Keys(files)), err)
	}
	if _, err := c.Overlay("_wrong/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an overlay that is not there gave %v", err)
	}
	if _, err := c.Overlay("../other"); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("an overlay outside of the folder gave %v", err)
	}
}

func TestLoadDir(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, folder(sound)); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadDir(filepath.Join(dir, "slow-orders")); err != nil {
		t.Error(err)
	}
}

// Each case breaks one thing of the sound challenge; want must be a line of the
// error.
func TestLoadFindsProblems(t *testing.T) {
	cases := []struct{ name, old, new, want string }{
		{"unknown field", "minutes: 20", "minuets: 20", `challenge.yaml:6: unknown field "minuets"`},
		{"nested unknown field", "steady: {at: 0.6}", "steady: {rate: 0.6}", `unknown field "rate"`},
		{"type", "level: 1", "level: one", "challenge.yaml:5: "},
		{"syntax", "title: The", "title: [The", "challenge.yaml:"},
		{"format", "format: 1", "format: 2", "challenge.yaml:1: format: is 2"},
		{"summary", "One customer's orders", strings.Repeat("long ", 30), "challenge.yaml:3: summary: has "},
		{"track", "track: databases", "track: database", `challenge.yaml:4: track: "database" is not known; allowed are measure-first, databases`},
		{"level", "level: 1", "level: 4", "challenge.yaml:5: level: "},
		{"needs", "[redis]", "[mysql]", `challenge.yaml:9: needs[0]: "mysql" is not known; allowed are postgres, redis`},
		{"edit", "edit: [store.go, migrations/]", "edit: [../store.go, migrations/]", "challenge.yaml:10: edit[0]: "},
		{"edit folder", "migrations/]", "/migrations/]", "challenge.yaml:10: edit[1]: "},
		{"open", "open: store.go", "open: main.go", `challenge.yaml:11: open: "main.go" is not among`},
		{"answer", "answer: 1", "answer: 2", "challenge.yaml:15: diagnosis.answer: "},
		{"no why", "  why: The plan says SCAN.\n", "", "challenge.yaml:12: diagnosis.why: must not be empty"},
		{"weight", "weight: 9", "weight: 0", "challenge.yaml:19: requests[0].weight: "},
		{"two methods", "    weight: 9\n", "    weight: 9\n    put: /x\n", "challenge.yaml:18: requests[0]: has 2 paths"},
		{"path", "get: /customers", "get: customers", "challenge.yaml:20: requests[0].get: a path begins with /"},
		{"brace in a path", "orders?limit", "{orders?limit", "challenge.yaml:20: requests[0].get: "},
		{"unbound", "{sku}", "{item}", "challenge.yaml:25: requests[1].body: {item} is not bound"},
		{"unused", "{sku}", "x", "challenge.yaml:28: requests[1].with.sku: is bound and not used"},
		{"placeholder", "{sku}", "{Sku}", "challenge.yaml:25: requests[1].body: {Sku} is neither"},
		{"body", `"quantity"`, `quantity`, "challenge.yaml:25: requests[1].body: is not JSON"},
		{"distribution", "uniform(1, 5000)", "normal(1, 5000)", "challenge.yaml:27: requests[1].with.customer: "},
		{"exponent", "5000, 1.1", "5000, 1", "challenge.yaml:21: requests[0].with.customer: zipf's exponent"},
		{"phase", "at: 0.6", "at: 1", "challenge.yaml:30: phases[0].steady.at: "},
		{"metric", "{metric: p95, of: history", "{metric: p96, of: history", `challenge.yaml:32: targets[0].metric: "p96" is not known`},
		{"of", "of: history, improve", "of: orders, improve", `challenge.yaml:32: targets[0].of: "orders" is no request's name; allowed are history, place`},
		{"factor", "improve: 8x", "improve: 8", `challenge.yaml:32: "8" is not a factor`},
		{"small factor", "improve: 8x", "improve: 0.5x", "challenge.yaml:32: targets[0].improve: must be more than 1x"},
		{"two goals", "worsen: 1.2x", "worsen: 1.2x\n    improve: 2x", "challenge.yaml:35: targets[3]: sets 2 of"},
		{"amount", "max: 0.1%", "max: some", `challenge.yaml:33: "some" is not an amount`},
		{"errors without share", "max: 0.1%", "max: 5", "challenge.yaml:33: targets[1]: errors need max as a share"},
		{"check", "same-answers: {ignore: [created_at]}", "same-answers:", "challenge.yaml:39: checks[0]: exactly one check"},
		{"check's write", "write: place", "write: history", "challenge.yaml:40: checks[1].read-your-writes.write: \"history\" is a GET"},
		{"check's variables", "customer: uniform(1, 5000)", "buyer: uniform(1, 5000)", "checks[1].read-your-writes: \"place\" and \"history\" share no variable"},
		{"gate", "gate: compare", "gate: lint", `challenge.yaml:43: wrong.index-on-status.gate: "lint" is not known`},
		{"missed target", "target: p95 of history", "target: p99", `challenge.yaml:44: wrong.index-on-status.target: "p99" is not known`},
		{"missing wrong folder", "  index-on-status:", "  index-on-colour:", "challenge.yaml:42: wrong.index-on-colour: the folder _wrong/index-on-colour is missing"},
		{"undeclared wrong folder", "  index-on-status:", "  index-on-colour:", "challenge.yaml:41: wrong: the folder _wrong/index-on-status has no entry here"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			broken := strings.Replace(sound, tc.old, tc.new, 1)
			if broken == sound {
				t.Fatal("the case changes nothing")
			}
			_, err := Load(folder(broken), "slow-orders")
			var invalid *Invalid
			if !errors.As(err, &invalid) {
				t.Fatalf("got %v, want an *Invalid", err)
			}
			if !slices.ContainsFunc(strings.Split(err.Error(), "\n"), func(line string) bool { return strings.Contains(line, tc.want) }) {
				t.Errorf("got:\n%v\nwant a line with:\n%s", err, tc.want)
			}
		})
	}
}

func TestLoadFindsProblemsBesideTheFile(t *testing.T) {
	cases := []struct{ name, file, text, want string }{
		{"empty lesson", "lesson.md", " \n", "lesson.md: is empty"},
		{"four hints", "hints.md", "## a\nx\n## b\nx\n## c\nx\n## d\nx\n", "hints.md: has 4 ## sections; between 1 and 3"},
		{"hint without text", "hints.md", "## a\n## b\nx\n", "hints.md: line 1: a ## section needs"},
		{"stray text", "interview.md", "Hello\n## a\nx\n", "interview.md: line 1: text stands before"},
		{"outside of edit", "_solution/go.mod", "module x\n", "_solution/go.mod: lies outside of what edit lists: store.go, migrations/"},
		{"test file", "_solution/migrations/x_test.go", "package main\n", "_solution/migrations/x_test.go: lies outside"},
		{"no header", "_wrong/index-on-status/migrations/2.sql", "CREATE INDEX b ON orders(status);\n", "_wrong/index-on-status/migrations/2.sql: must begin with a comment"},
		{"large file", "_solution/store.go", strings.Repeat("/", maxFile+1), "_solution: cannot be read: read overlay _solution: read _solution/store.go: larger than"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			f := folder(sound)
			f["slow-orders/"+tc.file] = &fstest.MapFile{Data: []byte(tc.text)}
			_, err := Load(f, "slow-orders")
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got:\n%v\nwant:\n%s", err, tc.want)
			}
		})
	}
	for _, name := range []string{"lesson.md", "hints.md", "interview.md", "solved.md", "_solution/migrations/002.sql", "challenge.yaml"} {
		f := folder(sound)
		delete(f, "slow-orders/"+name)
		if _, err := Load(f, "slow-orders"); err == nil {
			t.Errorf("a folder without %s was accepted", name)
		}
	}
}

// An author wants all that is wrong at once.
func TestLoadReportsAllProblems(t *testing.T) {
	broken := strings.NewReplacer("level: 1", "level: 7", "weight: 9", "weight: -1", "gate: compare", "gate: none").Replace(sound)
	_, err := Load(folder(broken), "slow-orders")
	var invalid *Invalid
	if !errors.As(err, &invalid) || len(invalid.Problems) < 3 {
		t.Errorf("got %v, want three problems or more", err)
	}
}

// A folder that is written but not embedded would be missing from every binary
// without a word.
func TestAllFoldersAreEmbedded(t *testing.T) {
	onDisk, err := filepath.Glob("*/" + yamlFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range onDisk {
		root := filepath.Dir(name)
		err := filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			disk, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			inside, err := fs.ReadFile(embedded, filepath.ToSlash(p))
			if err != nil || string(inside) != string(disk) {
				t.Errorf("%s is not embedded as it is on disk: %v", p, err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	all, err := All()
	if err != nil {
		t.Error(err)
	}
	if len(all) != len(onDisk) {
		t.Errorf("All returned %d challenges; %d folders are on disk", len(all), len(onDisk))
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(sound)
	f.Add("a: &a [*a]")
	f.Add("format: 1\ntargets: [{improve: {}}, {max: [1]}]")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 16<<10 {
			return
		}
		c, err := Load(folder(text), "slow-orders")
		if err != nil {
			return
		}
		if _, err := NewMix(c.Requests); err != nil {
			t.Errorf("a valid challenge has an invalid mix: %v", err)
		}
	})
}
