package app

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/p95lab/p95lab/challenges"
	"github.com/p95lab/p95lab/grader/workspace"
	"github.com/p95lab/p95lab/labs"
	"github.com/p95lab/p95lab/server/wire"
)

// subject is a challenge on a real service.
func subject(t *testing.T) challenges.Challenge {
	t.Helper()
	starter, err := labs.Files("orders")
	if err != nil {
		t.Fatal(err)
	}
	c := challenges.Challenge{Slug: "subject", Lab: "orders", Edit: []string{"store.go", "migrations/"}, Open: "store.go"}
	for name := range starter {
		c.Starter = append(c.Starter, name)
	}
	return c
}

// space is a workspace that was laid out, and looked at by a page.
func space(t *testing.T) (*Workspaces, challenges.Challenge) {
	t.Helper()
	w, c := NewWorkspaces(t.TempDir()), subject(t)
	if err := w.Ensure(c); err != nil {
		t.Fatal(err)
	}
	if _, err := w.View(c); err != nil {
		t.Fatal(err)
	}
	return w, c
}

// edit writes as another program does.
func edit(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func onDisk(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTheViewBeginsWhereTheLearnerDoes(t *testing.T) {
	w, c := space(t)
	if _, err := w.Write(c, "added.go", "package main\n"); err != nil {
		t.Fatal(err)
	}
	view, err := w.View(c)
	if err != nil {
		t.Fatal(err)
	}
	if first := view.Files[0]; first.Path != "store.go" || first.ReadOnly || first.Text != first.Starter {
		t.Errorf("the first file is %+v", first)
	}
	mine := true
	for _, f := range view.Files {
		if !f.ReadOnly && !mine {
			t.Errorf("%s, the learner's, comes behind what is not", f.Path)
		}
		mine = !f.ReadOnly
		if f.Added != (f.Path == "added.go") || f.Added && f.Starter != "" {
			t.Errorf("%s is %+v", f.Path, f)
		}
	}
}

func TestAMissingFileIsTheStartersAgain(t *testing.T) {
	w, c := space(t)
	if err := os.Remove(filepath.Join(w.Folder(c), "store.go")); err != nil {
		t.Fatal(err)
	}
	view, err := w.View(c)
	if err != nil || view.Files[0].Path != "store.go" || view.Files[0].Text != view.Files[0].Starter {
		t.Fatalf("%v, or not the starter's", err)
	}
	files, changed, err := w.Snapshot(c)
	if _, there := files["store.go"]; err != nil || there || changed != 0 {
		t.Errorf("a run would take it as changed (%d), %v", changed, err)
	}
	changes := w.Changes(c)
	if len(changes) != 1 || changes[0].Path != "store.go" || changes[0].Text == nil || *changes[0].Text != view.Files[0].Starter {
		t.Errorf("pages are told %+v", changes)
	}
}

// What a killed write left is swept away at the next start, and nothing else that
// is hidden.
func TestHalfAWriteIsSwept(t *testing.T) {
	w, c := space(t)
	half, own := filepath.Join(w.Folder(c), freshStart+"X"+freshEnd), filepath.Join(w.Folder(c), ".editorconfig")
	edit(t, half, "package ma")
	edit(t, own, "root = true\n")
	if err := w.Ensure(c); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(half); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("half a write is still there: %v", err)
	}
	if onDisk(t, own) != "root = true\n" {
		t.Error("the learner's own hidden file is gone")
	}
}

func TestWhatIsNotTheLearnersIsRestored(t *testing.T) {
	w, c := space(t)
	root := workspace.Folder(w.data, c.Slug)
	broken := []string{"go.mod", "labs/kit/service.go", "labs/orders/main.go"}
	want := map[string]string{}
	for _, name := range broken {
		want[name] = onDisk(t, filepath.Join(root, name))
		edit(t, filepath.Join(root, name), "broken")
	}
	edit(t, filepath.Join(w.Folder(c), "store.go"), "package main // mine\n")
	if err := w.Ensure(c); err != nil { // as at the next start
		t.Fatal(err)
	}
	for _, name := range broken {
		if onDisk(t, filepath.Join(root, name)) != want[name] {
			t.Errorf("%s is still broken", name)
		}
	}
	if got := onDisk(t, filepath.Join(w.Folder(c), "store.go")); got != "package main // mine\n" {
		t.Errorf("the learner's own file is now %q", got)
	}
}

// A reset mends what nothing else can: files that are too large, or no text.
func TestAResetMendsWhatCannotBeRead(t *testing.T) {
	for name, spoil := range map[string]struct{ file, text string }{
		"a starter's file too large": {"store.go", strings.Repeat("x", maxFile+1)},
		"an added file too large":    {"added.go", strings.Repeat("x", maxFile+1)},
		"no text":                    {"store.go", "package main // \xff\n"},
	} {
		t.Run(name, func(t *testing.T) {
			w, c := space(t)
			edit(t, filepath.Join(w.Folder(c), spoil.file), spoil.text)
			_, err := w.View(c)
			var told *Error
			if !errors.As(err, &told) || told.Code != Invalid || !strings.Contains(told.Message, w.Folder(c)) {
				t.Fatalf("the view says %v", err)
			}
			if err := w.replace(c, nil, ""); err != nil {
				t.Fatal(err)
			}
			view, err := w.View(c)
			if err != nil {
				t.Fatalf("after the reset: %v", err)
			}
			for _, f := range view.Files {
				if f.Added || f.Text != f.Starter {
					t.Errorf("%s is not the starter's", f.Path)
				}
			}
		})
	}
}

func TestAWorkspaceHasABound(t *testing.T) {
	w, c := space(t)
	large := "package main\n//" + strings.Repeat("x", maxFile-20)
	var err error
	written := 0
	for written < maxTotal/maxFile+1 {
		if _, err = w.Write(c, "more"+strings.Repeat("o", written)+".go", large); err != nil {
			break
		}
		written++
	}
	var told *Error
	if !errors.As(err, &told) || told.Code != TooLarge || written != maxTotal/maxFile-1 {
		t.Errorf("%d files of %d KiB were written, %v", written, maxFile>>10, err)
	}
}

func TestNoLinkLeadsOut(t *testing.T) {
	w, c := space(t)
	outside := t.TempDir()
	edit(t, filepath.Join(outside, "x.sql"), "SELECT 1;\n")
	migrations := filepath.Join(w.Folder(c), "migrations")
	if err := os.RemoveAll(migrations); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, migrations); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(c, "migrations/y.sql", "SELECT 2;\n"); err == nil {
		t.Error("a write went through the link")
	}
	if err := w.Remove(c, "migrations/x.sql"); err == nil {
		t.Error("a removal went through the link")
	}
	// The place of the file itself.
	if err := os.Remove(filepath.Join(w.Folder(c), "store.go")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(outside, "z"), filepath.Join(w.Folder(c), "store.go")); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(c, "store.go", "package main\n"); err != nil {
		t.Errorf("a link in the way: %v", err)
	}
	left, err := os.ReadDir(outside)
	if err != nil || len(left) != 1 || left[0].Name() != "x.sql" {
		t.Errorf("outside are now %v, %v", left, err)
	}
}

// watched is a lab whose workspace is watched, and a page that looks at it.
func watched(t *testing.T) (*Lab, challenges.Challenge, *Reader) {
	t.Helper()
	w, c := space(t)
	l := &Lab{Workspaces: w, Log: slog.New(slog.DiscardHandler)}
	l.SetChallenges([]challenges.Challenge{c})
	reader, done := l.Follow(c.Slug)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.Watch(ctx) }()
	t.Cleanup(func() {
		done()
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the watch ended with %v", err)
		}
	})
	return l, c, reader
}

func next(t *testing.T, r *Reader) wire.FileChange {
	t.Helper()
	select {
	case c, ok := <-r.C:
		if !ok || c.File == nil {
			t.Fatalf("told %+v", c)
		}
		return *c.File
	case <-time.After(20 * time.Second): // the end of a test that failed
		t.Fatal("nothing was told")
		return wire.FileChange{}
	}
}

func TestWatchSeesNewFoldersToo(t *testing.T) {
	l, c, reader := watched(t)
	folder := l.Workspaces.Folder(c)
	edit(t, filepath.Join(folder, "store.go"), "package main // 1\n")
	if got := next(t, reader); got.Path != "store.go" || *got.Text != "package main // 1\n" {
		t.Errorf("told %+v", got)
	}
	edit(t, filepath.Join(folder, "migrations", "more", "9.sql"), "SELECT 9;\n")
	if got := next(t, reader); got.Path != "migrations/more/9.sql" || *got.Text != "SELECT 9;\n" {
		t.Errorf("in a new folder, told %+v", got)
	}
	edit(t, filepath.Join(folder, "migrations", "more", "9.sql"), "SELECT 10;\n")
	if got := next(t, reader); *got.Text != "SELECT 10;\n" {
		t.Errorf("again in the new folder, told %+v", got)
	}
	if err := os.RemoveAll(filepath.Join(folder, "migrations", "more")); err != nil {
		t.Fatal(err)
	}
	if got := next(t, reader); got.Path != "migrations/more/9.sql" || got.Text != nil {
		t.Errorf("removed, told %+v", got)
	}
}

// The service's own writes are not told, and neither a read-only file.
func TestWatchTellsOnlyWhatOthersDid(t *testing.T) {
	l, c, reader := watched(t)
	for _, text := range []string{"package main // a\n", "package main // b\n"} {
		if _, err := l.Workspaces.Write(c, "store.go", text); err != nil {
			t.Fatal(err)
		}
	}
	edit(t, filepath.Join(l.Workspaces.Folder(c), "main.go"), "package main // not mine\n")
	edit(t, filepath.Join(l.Workspaces.Folder(c), "zzz.go"), "package main // theirs\n")
	if got := next(t, reader); got.Path != "zzz.go" {
		t.Errorf("told %+v first", got)
	}
}

// A page that opens does not take a change from those that are open.
func TestAViewHidesNoChange(t *testing.T) {
	w, c := space(t)
	edit(t, filepath.Join(w.Folder(c), "store.go"), "package main // theirs\n")
	if _, err := w.View(c); err != nil {
		t.Fatal(err)
	}
	if got := w.Changes(c); len(got) != 1 || got[0].Path != "store.go" {
		t.Errorf("told %+v", got)
	}
	if got := w.Changes(c); len(got) != 0 {
		t.Errorf("told again: %+v", got)
	}
}

func TestAReaderThatLagsIsLetGo(t *testing.T) {
	l := &Lab{}
	slow, done := l.Follow("c")
	defer done()
	other, doneToo := l.Follow("c")
	defer doneToo()
	for i := range readerBuffer + 2 {
		l.RunChanged(wire.RunInfo{Challenge: "c", Number: i})
		<-other.C
	}
	n := 0
	for range slow.C { // ends, as it was closed
		n++
	}
	if n != readerBuffer {
		t.Errorf("it got %d changes before its end", n)
	}
}

func TestFormat(t *testing.T) {
	if got, err := Format("store.go", "package main\nfunc  f( ){}\n"); err != nil || got != "package main\n\nfunc f() {}\n" {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := Format("x.sql", "select  1"); err != nil || got != "select  1" {
		t.Errorf("SQL became %q, %v", got, err)
	}
	_, err := Format("store.go", "package main\n\nfunc f( {\n")
	var told *Error
	if !errors.As(err, &told) || told.Code != Invalid || len(told.Diagnostics) == 0 {
		t.Fatalf("%v", err)
	}
	if d := told.Diagnostics[0]; d.File != "store.go" || d.Line != 3 || d.Column == 0 || d.Message == "" {
		t.Errorf("the first diagnostic is %+v", d)
	}
	if _, err := Format("store.go", strings.Repeat("x", maxFile+1)); !errors.As(err, &told) || told.Code != TooLarge {
		t.Errorf("too large: %v", err)
	}
}

// memory keeps runs, as far as Start asks; a run takes its time to be kept.
type memory struct {
	mu   sync.Mutex
	kept []wire.RunInfo
}

func (m *memory) Create(_ context.Context, run wire.Run) (wire.RunInfo, error) {
	runtime.Gosched()
	m.mu.Lock()
	defer m.mu.Unlock()
	run.Number = len(m.kept) + 1
	m.kept = append(m.kept, run.RunInfo)
	return run.RunInfo, nil
}

func (m *memory) Run(context.Context, string) (wire.Run, error) { return wire.Run{}, ErrNotKept }

func (m *memory) Runs(context.Context, string) ([]wire.RunInfo, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.kept), nil
}

func (m *memory) Progress(context.Context) ([]wire.Progress, error) { return nil, nil }

// idle grades nothing.
type idle struct{ Queue }

func (idle) Submit(wire.RunInfo) {}

func TestTwoSubmissionsAtOnceAreOneRun(t *testing.T) {
	w, c := space(t)
	kept := &memory{}
	l := &Lab{Workspaces: w, Log: slog.New(slog.DiscardHandler), Runs: kept, Queue: idle{}}
	l.SetChallenges([]challenges.Challenge{c})
	const at = 8
	codes := make(chan Code, at)
	for range at {
		go func() {
			_, err := l.Start(context.Background(), c.Slug, "")
			var told *Error
			switch {
			case errors.As(err, &told):
				codes <- told.Code
			case err != nil:
				codes <- Code(err.Error())
			default:
				codes <- ""
			}
		}()
	}
	var got []Code
	for range at {
		got = append(got, <-codes)
	}
	slices.Sort(got)
	if got[0] != "" || got[1] != Conflict || got[at-1] != Conflict {
		t.Errorf("answers are %q; want one run and the rest conflicts", got)
	}
}
