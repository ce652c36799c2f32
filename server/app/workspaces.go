package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/p95lab/p95lab/challenges"
	"github.com/p95lab/p95lab/grader/workspace"
	"github.com/p95lab/p95lab/labs"
	"github.com/p95lab/p95lab/server/wire"
)

// What a workspace may hold.
const (
	maxFile  = 256 << 10
	maxTotal = 2 << 20
	maxFiles = 64
)

// Workspaces are the learner's folders on disk, one for each challenge, laid out
// as the repository is, so that any editor works in them. It is safe for
// concurrent use.
type Workspaces struct {
	data string

	mu sync.Mutex
	// seen is what each file held when it was last read or written here, so that
	// only changes by other programs are told.
	seen map[string]map[string]string
}

// NewWorkspaces keeps workspaces below the data folder.
func NewWorkspaces(data string) *Workspaces {
	return &Workspaces{data: data, seen: map[string]map[string]string{}}
}

// Folder is where a challenge's service lies.
func (w *Workspaces) Folder(c challenges.Challenge) string {
	return workspace.Service(workspace.Folder(w.data, c.Slug), c.Lab)
}

// Ensure lays a workspace out where there is none. Files that are the learner's
// are never touched.
func (w *Workspaces) Ensure(c challenges.Challenge) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ensure(c)
}

func (w *Workspaces) ensure(c challenges.Challenge) error {
	folder := workspace.Folder(w.data, c.Slug)
	if _, err := os.Stat(w.Folder(c)); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return fmt.Errorf("make the folder of workspaces: %w", err)
	}
	fresh, err := os.MkdirTemp(filepath.Dir(folder), ".new-")
	if err != nil {
		return fmt.Errorf("make a workspace: %w", err)
	}
	defer func() { _ = os.RemoveAll(fresh) }()
	if err := labs.Materialise(fresh, c.Lab); err != nil {
		return fmt.Errorf("lay out a workspace: %w", err)
	}
	if err := os.Chmod(fresh, 0o755); err != nil {
		return fmt.Errorf("open the workspace to its owner: %w", err)
	}
	if err := os.Rename(fresh, folder); err != nil {
		return fmt.Errorf("put the workspace in its place: %w", err)
	}
	return nil
}

// View is the workspace as the editor shows it: the service's own files, the
// learner's first, and then what the learner added.
func (w *Workspaces) View(c challenges.Challenge) (wire.Workspace, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.ensure(c); err != nil {
		return wire.Workspace{}, err
	}
	starter, err := labs.Files(c.Lab)
	if err != nil {
		return wire.Workspace{}, fmt.Errorf("read the starter: %w", err)
	}
	texts, err := w.read(c)
	if err != nil {
		return wire.Workspace{}, err
	}
	w.seen[c.Slug] = texts
	view := wire.Workspace{Folder: w.Folder(c), Files: []wire.File{}}
	for _, name := range slices.Sorted(maps.Keys(starter)) {
		f := wire.File{Path: name, Text: string(starter[name]), Starter: string(starter[name]), ReadOnly: !c.Editable(name)}
		if text, ok := texts[name]; ok {
			f.Text = text
		}
		view.Files = append(view.Files, f)
	}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		if _, ok := starter[name]; !ok {
			view.Files = append(view.Files, wire.File{Path: name, Text: texts[name], Added: true})
		}
	}
	slices.SortStableFunc(view.Files, func(a, b wire.File) int { return rank(c, a) - rank(c, b) })
	return view, nil
}

// rank puts the file to begin with first, then what may be edited.
func rank(c challenges.Challenge, f wire.File) int {
	switch {
	case f.Path == c.Open:
		return 0
	case !f.ReadOnly:
		return 1
	default:
		return 2
	}
}

// read returns the learner's files that are on disk.
func (w *Workspaces) read(c challenges.Challenge) (map[string]string, error) {
	files, err := workspace.Read(w.Folder(c), c.Lab)
	if err != nil {
		return nil, fail(Invalid, "The workspace cannot be read: "+err.Error()+". Mend it in its folder, or reset to the starter.")
	}
	texts := map[string]string{}
	for name, text := range files {
		if c.Editable(name) {
			texts[name] = string(text)
		}
	}
	return texts, nil
}

// Snapshot is what a run grades: the learner's files as they are on disk, and how
// many of them differ from the starter.
func (w *Workspaces) Snapshot(c challenges.Challenge) (files map[string]string, changed int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.ensure(c); err != nil {
		return nil, 0, err
	}
	if files, err = w.read(c); err != nil {
		return nil, 0, err
	}
	starter, err := labs.Files(c.Lab)
	if err != nil {
		return nil, 0, fmt.Errorf("read the starter: %w", err)
	}
	for name, text := range files {
		if was, ok := starter[name]; !ok || string(was) != text {
			changed++
		}
	}
	return files, changed, nil
}

// Write replaces one file, whole or not at all.
func (w *Workspaces) Write(c challenges.Challenge, name, text string) (wire.Saved, error) {
	if !c.Editable(name) {
		return wire.Saved{}, fail(Forbidden, fmt.Sprintf("%s is not yours to change in this challenge.", name))
	}
	if len(text) > maxFile {
		return wire.Saved{}, fail(TooLarge, fmt.Sprintf("A file may hold %d KiB.", maxFile>>10))
	}
	if !utf8.ValidString(text) {
		return wire.Saved{}, fail(Invalid, "A file must be UTF-8 text.")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.ensure(c); err != nil {
		return wire.Saved{}, err
	}
	all, err := w.read(c)
	if err != nil {
		return wire.Saved{}, err
	}
	total := len(text)
	for other, t := range all {
		if other != name {
			total += len(t)
		}
	}
	if _, known := all[name]; total > maxTotal || (!known && len(all) >= maxFiles) {
		return wire.Saved{}, fail(TooLarge, fmt.Sprintf("A workspace may hold %d files and %d MiB.", maxFiles, maxTotal>>20))
	}
	if err := w.put(c, name, text); err != nil {
		return wire.Saved{}, err
	}
	return wire.Saved{Path: name, SavedAt: time.Now().UTC()}, nil
}

// put writes a file through the workspace's root, so that no link leads out of
// it, and renames it into place.
func (w *Workspaces) put(c challenges.Challenge, name, text string) error {
	root, err := os.OpenRoot(w.Folder(c))
	if err != nil {
		return fmt.Errorf("open the workspace: %w", err)
	}
	defer func() { _ = root.Close() }()
	local := filepath.FromSlash(name)
	if dir := path.Dir(name); dir != "." {
		if err := root.MkdirAll(filepath.FromSlash(dir), 0o755); err != nil {
			return fmt.Errorf("make the folder of %s: %w", name, err)
		}
	}
	// Hidden and without .go at its end: no tool takes it for part of the service.
	fresh := filepath.Join(filepath.Dir(local), "."+filepath.Base(local)+".new")
	if err := root.WriteFile(fresh, []byte(text), 0o644); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := root.Rename(fresh, local); err != nil {
		return fmt.Errorf("put %s in its place: %w", name, err)
	}
	w.remember(c.Slug, name, &text)
	return nil
}

func (w *Workspaces) remember(slug, name string, text *string) {
	if w.seen[slug] == nil {
		w.seen[slug] = map[string]string{}
	}
	if text == nil {
		delete(w.seen[slug], name)
	} else {
		w.seen[slug][name] = *text
	}
}

// Remove removes a file that the learner added.
func (w *Workspaces) Remove(c challenges.Challenge, name string) error {
	starter, err := labs.Files(c.Lab)
	if err != nil {
		return fmt.Errorf("read the starter: %w", err)
	}
	if _, ok := starter[name]; ok || !c.Editable(name) {
		return fail(Forbidden, fmt.Sprintf("%s belongs to the service and stays. It can be reset.", name))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.remove(c, name)
}

func (w *Workspaces) remove(c challenges.Challenge, name string) error {
	root, err := os.OpenRoot(w.Folder(c))
	if err != nil {
		return fmt.Errorf("open the workspace: %w", err)
	}
	defer func() { _ = root.Close() }()
	err = root.Remove(filepath.FromSlash(name))
	if errors.Is(err, fs.ErrNotExist) {
		return fail(NotFound, fmt.Sprintf("There is no %s.", name))
	}
	if err != nil {
		return fmt.Errorf("remove %s: %w", name, err)
	}
	w.remember(c.Slug, name, nil)
	return nil
}

// replace makes the learner's files those given, or only one of them; what is
// missing from files becomes the starter's, or goes if the learner added it.
func (w *Workspaces) replace(c challenges.Challenge, files map[string]string, only string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.ensure(c); err != nil {
		return err
	}
	starter, err := labs.Files(c.Lab)
	if err != nil {
		return fmt.Errorf("read the starter: %w", err)
	}
	want := map[string]string{}
	for name, text := range starter {
		if c.Editable(name) {
			want[name] = string(text)
		}
	}
	for name, text := range files {
		if c.Editable(name) {
			want[name] = text
		}
	}
	have, err := w.read(c)
	if err != nil {
		have = map[string]string{} // a reset is how an unreadable workspace is mended
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if text, ok := have[name]; (ok && text == want[name]) || (only != "" && only != name) {
			continue
		}
		if err := w.put(c, name, want[name]); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(have)) {
		if _, ok := want[name]; ok || (only != "" && only != name) {
			continue
		}
		if err := w.remove(c, name); err != nil {
			return err
		}
	}
	return nil
}

// Reset makes the workspace what it was at the start, in a run, or in a draft
// that an earlier reset kept; or only one file of it. The state before is kept.
func (l *Lab) Reset(ctx context.Context, slug, to, only string) (wire.Workspace, error) {
	c, err := l.Challenge(slug)
	if err != nil {
		return wire.Workspace{}, err
	}
	if only != "" && !c.Editable(only) {
		return wire.Workspace{}, fail(Forbidden, fmt.Sprintf("%s is not yours to change in this challenge.", only))
	}
	files, err := l.state(ctx, slug, to)
	if err != nil {
		return wire.Workspace{}, err
	}
	undo := ""
	// One that cannot be read cannot be kept; it is still on disk until replaced.
	if before, _, err := l.Workspaces.Snapshot(c); err == nil {
		if undo, err = l.Drafts.KeepDraft(ctx, slug, before); err != nil {
			return wire.Workspace{}, fmt.Errorf("keep the state before: %w", err)
		}
	}
	if err := l.Workspaces.replace(c, files, only); err != nil {
		return wire.Workspace{}, err
	}
	view, err := l.Workspaces.View(c)
	view.Undo = undo
	return view, err
}

// state is what a reset goes back to.
func (l *Lab) state(ctx context.Context, slug, to string) (map[string]string, error) {
	if to == "starter" {
		return nil, nil
	}
	run, err := l.Runs.Run(ctx, to)
	if err == nil && run.Challenge == slug {
		return run.Files, nil
	}
	if err != nil && !errors.Is(err, ErrNotKept) {
		return nil, err
	}
	files, err := l.Drafts.Draft(ctx, slug, to)
	if errors.Is(err, ErrNotKept) {
		return nil, fail(NotFound, `Reset to "starter", to a run of this challenge, or to what an earlier reset returned as undo.`)
	}
	return files, err
}
