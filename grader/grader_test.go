package grader

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/p95lab/p95lab/challenges"
	"github.com/p95lab/p95lab/grader/verdict"
	"github.com/p95lab/p95lab/labs"
)

// One grader for all tests of the package: its cache spares them the builds, the
// data and the calibration that others have paid for.
var shared *Grader

func TestMain(m *testing.M) {
	if folder := os.Getenv("GRADE_IN"); folder != "" { // the process that gets killed
		if err := victim(folder, os.Getenv("GRADE")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	dir, err := os.MkdirTemp("", "p95lab-grader-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	shared = New(dir)
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func challenge(t *testing.T, slug string) challenges.Challenge {
	t.Helper()
	all, err := challenges.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if c.Slug == slug {
			return c
		}
	}
	t.Fatalf("there is no challenge %s", slug)
	return challenges.Challenge{}
}

// events keeps what a run told.
type events struct {
	mu  sync.Mutex
	all []verdict.Event
}

func (e *events) add(ev verdict.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, ev)
}

func grade(t *testing.T, slug string, files map[string][]byte) (verdict.Verdict, []verdict.Event) {
	t.Helper()
	if testing.Short() {
		t.Skip("measures")
	}
	for try := 1; ; try++ {
		var told events
		v, err := shared.Grade(t.Context(), Job{Challenge: challenge(t, slug), Files: files}, told.add)
		if err != nil {
			t.Fatalf("our own fault: %v", err)
		}
		t.Logf("%s at %s in %.1f s: %s", v.Outcome, v.Gate, v.Seconds, v.Message)
		// A machine that is too busy to tell says nothing of the grader.
		if v.Outcome != verdict.TooNoisy || try == noisyTries {
			return v, told.all
		}
	}
}

// edited is the orders service's file with a piece of it replaced.
func edited(t *testing.T, lab, file, old, with string) map[string][]byte {
	t.Helper()
	files, err := labs.Files(lab)
	if err != nil {
		t.Fatal(err)
	}
	text := string(files[file])
	if strings.Count(text, old) != 1 {
		t.Fatalf("%s of %s holds %q %d times", file, lab, old, strings.Count(text, old))
	}
	return map[string][]byte{file: []byte(strings.Replace(text, old, with, 1))}
}

// beside is a new file that runs when the service starts.
func beside(imports, body string) map[string][]byte {
	var b strings.Builder
	b.WriteString("package main\n")
	for _, i := range strings.Fields(imports) {
		fmt.Fprintf(&b, "import %q\n", i)
	}
	fmt.Fprintf(&b, "func init() {\n%s\n}\n", body)
	return map[string][]byte{"extra.go": []byte(b.String())}
}

// hang is far beyond what a run takes, waiting for its turn included.
const hang = 5 * time.Minute

// Each way in which a service can go wrong ends in its own clear verdict, never
// in an error of ours.
func TestFaultsAreVerdicts(t *testing.T) {
	const query = "rows, err := s.db.QueryContext(ctx, `"
	// counted makes the store count its reads, and do something at some of them.
	counted := func(when, what string) map[string][]byte {
		files := edited(t, "orders", "store.go", query, "if n := reads.Add(1); "+when+" { "+what+" }\n\t"+query)
		files["extra.go"] = []byte("package main\nimport \"sync/atomic\"\nvar reads, inside atomic.Int64\n")
		return files
	}
	tests := []struct {
		name  string
		files map[string][]byte
		gate  verdict.Gate
		says  string
	}{
		{"does not compile", edited(t, "orders", "store.go", "var orders []Order", "var orders []Oder"), verdict.Build, "undefined: Oder"},
		{"a file that is not the learner's", map[string][]byte{"schema.sql": []byte("SELECT 1;")}, verdict.Build, "schema.sql is not yours"},
		{"a path that leaves the folder", map[string][]byte{"../kit/service.go": []byte("package kit")}, verdict.Build, "not yours"},
		{"cgo", map[string][]byte{"extra.go": []byte("package main\nimport \"C\"\nvar x = C.int(1)\n")}, verdict.Build, "no cgo here"},
		{"bad SQL", map[string][]byte{"migrations/900.sql": []byte("CREATE INDX x ON orders (id);")}, verdict.Start, "900.sql"},
		{"SQL that never ends", map[string][]byte{"migrations/900.sql": []byte("CREATE TABLE t AS WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM r) SELECT max(n) FROM r;")}, verdict.Start, "more than 20 s"},
		{"attaches another file", map[string][]byte{"migrations/900.sql": []byte("ATTACH 'other.db' AS o;")}, verdict.Start, "900.sql"},
		{"exits", beside("os", "if len(os.Args) == 1 { os.Exit(3) }"), verdict.Start, "exit status 3"},
		{"panics", beside("os", "if len(os.Args) == 1 { panic(\"no\") }"), verdict.Start, "panic: no"},
		{"never listens", beside("time", "time.Sleep(time.Hour)"), verdict.Start, "did not answer GET /healthz"},
		{"takes 2 GB", beside("time", "go func() { var keep [][]byte; for range 2048 { b := make([]byte, 1<<20); for i := range b { b[i] = 1 }; keep = append(keep, b) }; time.Sleep(time.Hour); _ = keep }()"), "", "memory"},
		{"prints 1 GB", beside("os bytes", "go func() { line := append(bytes.Repeat([]byte(\"x\"), 1000), '\\n'); for range 1 << 20 { os.Stdout.Write(line) } }()"), "", "printed more than"},
		{"answers 500", edited(t, "orders", "store.go", query, "return nil, errors.New(\"no\")\n\t"+query), verdict.Check, "status 500"},
		{"answers wrong", edited(t, "orders", "store.go", "ORDER BY placed_at DESC, id DESC", "ORDER BY placed_at, id DESC"), verdict.Check, "A wrong answer"},
		{"loses writes", edited(t, "orders", "store.go", "if o.ID, err = result.LastInsertId(); err != nil {", "_, _ = s.db.ExecContext(ctx, `DELETE FROM orders WHERE id > 300000 AND id % 2 = 0`)\n\tif o.ID, err = result.LastInsertId(); err != nil {"), verdict.Check, "wrong answer to"},
		{"wrong only when two are inside", counted("inside.Add(1) > 1", "_ = n; limit = 1 }; defer inside.Add(-1); if false {"), verdict.Load, "Under load"},
		{"panics under load", counted("n == 80", "go panic(\"too much\")"), verdict.Load, "too much"},
		{"hangs under load", counted("n >= 80", "select {}"), verdict.Load, "failed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), hang)
			defer cancel()
			if testing.Short() {
				t.Skip("builds and runs services")
			}
			v, err := shared.Grade(ctx, Job{Challenge: challenge(t, "missing-index"), Files: test.files}, func(verdict.Event) {})
			if err != nil {
				t.Fatalf("our own fault: %v", err)
			}
			t.Logf("%s at %s in %.1f s: %s", v.Outcome, v.Gate, v.Seconds, v.Message)
			if v.Outcome != verdict.Failed || (test.gate != "" && v.Gate != test.gate) || v.Score != 0 {
				t.Errorf("%s at %s with score %.0f, want failed at %s with 0", v.Outcome, v.Gate, v.Score, test.gate)
			}
			if text := v.Message + v.Log; !strings.Contains(text, test.says) {
				t.Errorf("the verdict does not say %q: %s", test.says, text)
			}
			if v.Next == "" {
				t.Error("the verdict does not say what to do next")
			}
		})
	}
}

// A compiler error has its place, as the learner knows the file.
func TestBuildErrorHasItsPlace(t *testing.T) {
	v, _ := grade(t, "missing-index", edited(t, "orders", "store.go", "var orders []Order", "var orders []Oder"))
	if len(v.Diagnostics) == 0 {
		t.Fatal("no diagnostics")
	}
	d := v.Diagnostics[0]
	if d.File != "store.go" || d.Line == 0 || d.Column == 0 || d.Message != "undefined: Oder" {
		t.Errorf("got %+v", d)
	}
}

// The events of a run tell its gates in order, a plan before the first tick, and
// the verdict last.
func TestEventsTellTheRun(t *testing.T) {
	v, told := grade(t, "missing-index", nil)
	if v.Outcome != verdict.Unchanged {
		t.Errorf("outcome %s, want unchanged", v.Outcome)
	}
	var gates []verdict.Gate
	planned, ticks := false, 0
	for i, e := range told {
		switch {
		case e.Gate != nil && e.Gate.State == "passed":
			gates = append(gates, e.Gate.Name)
		case e.Plan != nil:
			planned = true
		case e.Tick != nil:
			ticks++
			if !planned {
				t.Fatal("a tick before the plan")
			}
		case e.Verdict != nil && i != len(told)-1:
			t.Error("something follows the verdict")
		}
	}
	if got := fmt.Sprint(gates); got != "[build start check load compare]" {
		t.Errorf("gates passed: %s", got)
	}
	if ticks < 20 {
		t.Errorf("%d ticks", ticks)
	}
	last := told[len(told)-1]
	if last.Verdict == nil || last.Verdict.Outcome != v.Outcome {
		t.Errorf("the last event is %+v", last)
	}
	if v.Load == nil || v.Load.Requests == 0 || v.Load.Before.P95 <= 0 || v.Load.Before.MemoryMB <= 0 || v.Load.Before.CPU <= 0 {
		t.Errorf("the load says %+v", v.Load)
	}
}

// The end of the context ends a run soon, as an error that says so.
func TestCancel(t *testing.T) {
	if testing.Short() {
		t.Skip("runs services")
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	loading := make(chan struct{})
	var once sync.Once
	go func() {
		_, err := shared.Grade(ctx, Job{Challenge: challenge(t, "missing-index")}, func(e verdict.Event) {
			if e.Tick != nil {
				once.Do(func() { close(loading) })
			}
		})
		ended <- err
	}()
	<-loading
	cancel()
	select {
	case err := <-ended:
		if ctx.Err() == nil || err == nil {
			t.Errorf("got %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("it goes on")
	}
}
