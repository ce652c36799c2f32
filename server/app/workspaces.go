package app

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
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
	mark string // of what this process prepares

	mu sync.Mutex
	// seen is what each file held when it was last read or written here, so that
	// only changes by other programs are told.
	seen map[string]map[string]string
}

// NewWorkspaces keeps workspaces below the data folder.
func NewWorkspaces(data string) *Workspaces {
	return &Workspaces{data: data, mark: rand.Text()[:10], seen: map[string]map[string]string{}}
}

// Folder is where a challenge's service lies.
func (w *Workspaces) Folder(c challenges.Challenge) string {
	return workspace.Service(workspace.Folder(w.data, c.Slug), c.Lab)
}

// Ensure lays a workspace out where there is none, and gives all that is not the
// learner's the content of this version. The learner's files are never touched.
func (w *Workspaces) Ensure(c challenges.Challenge) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.ensure(c); err != nil {
		return err
	}
	return w.restore(c)
}

// ensure lays a workspace out where there is none.
func (w *Workspaces) ensure(c challenges.Challenge) error {
	if _, err := os.Stat(w.Folder(c)); err == nil {
		return nil
	}
	folder := workspace.Folder(w.data, c.Slug)
	return w.materialise(c, func(fresh string) error {
		if err := os.Chmod(fresh, 0o755); err != nil {
			return fmt.Errorf("open the workspace to its owner: %w", err)
		}
		if _, err := os.Stat(folder); err == nil { // the service's folder alone is gone
			return w.restore(c)
		}
		if err := os.Rename(fresh, folder); err != nil {
			return fmt.Errorf("put the workspace in its place: %w", err)
		}
		return nil
	})
}

// materialise lays a workspace out in a folder of its own, which is removed when
// use has returned.
func (w *Workspaces) materialise(c challenges.Challenge, use func(fresh string) error) error {
	beside := filepath.Dir(workspace.Folder(w.data, c.Slug))
	if err := os.MkdirAll(beside, 0o755); err != nil {
		return fmt.Errorf("make the folder of workspaces: %w", err)
	}
	fresh, err := os.MkdirTemp(beside, ".new-")
	if err != nil {
		return fmt.Errorf("make a workspace: %w", err)
	}
	defer func() { _ = os.RemoveAll(fresh) }()
	if err := labs.Materialise(fresh, c.Lab); err != nil {
		return fmt.Errorf("lay out a workspace: %w", err)
	}
	return use(fresh)
}

// restore writes what is not the learner's as this version has it.
func (w *Workspaces) restore(c challenges.Challenge) error {
	folder := workspace.Folder(w.data, c.Slug)
	own := path.Join("labs", c.Lab) + "/"
	return w.materialise(c, func(fresh string) error {
		root, err := os.OpenRoot(folder)
		if err != nil {
			return fmt.Errorf("open the workspace: %w", err)
		}
		defer func() { _ = root.Close() }()
		if err := w.sweep(root, path.Join("labs", c.Lab)); err != nil {
			return err
		}
		source := os.DirFS(fresh)
		return fs.WalkDir(source, ".", func(name string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			if mine, ok := strings.CutPrefix(name, own); ok && c.Editable(mine) {
				return nil
			}
			want, err := fs.ReadFile(source, name)
			if err != nil {
				return fmt.Errorf("read %s as it should be: %w", name, err)
			}
			if have, err := root.ReadFile(filepath.FromSlash(name)); err == nil && bytes.Equal(have, want) {
				return nil
			}
			return w.write(root, name, want)
		})
	})
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
	if w.seen[c.Slug] == nil { // else it is compared when the folder is quiet, for the pages that are open
		w.seen[c.Slug] = maps.Clone(texts)
	}
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
	unreadable := func(why string) error {
		return fail(Invalid, fmt.Sprintf("The workspace cannot be read: %s. Mend that in %s; a file of the service that you delete there comes back as the starter's.", why, w.Folder(c)))
	}
	files, err := workspace.Read(w.Folder(c), c.Lab)
	if err != nil {
		return nil, unreadable(err.Error())
	}
	texts, total := map[string]string{}, 0
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !c.Editable(name) {
			continue
		}
		text := string(files[name])
		if !utf8.ValidString(text) {
			return nil, unreadable(name + " is not UTF-8 text")
		}
		if total += len(text); total > maxTotal {
			return nil, unreadable(fmt.Sprintf("its files hold more than %d MiB", maxTotal>>20))
		}
		texts[name] = text
	}
	return texts, nil
}

// list names the learner's files that are on disk, whatever they hold.
func (w *Workspaces) list(c challenges.Challenge) ([]string, error) {
	root, err := os.OpenRoot(w.Folder(c))
	if err != nil {
		return nil, fmt.Errorf("open the workspace: %w", err)
	}
	defer func() { _ = root.Close() }()
	var names []string
	err = fs.WalkDir(root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && c.Editable(name) {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look through the workspace: %w", err)
	}
	return names, nil
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
	if err := w.room(c, name, text, nil); err != nil {
		return wire.Saved{}, err
	}
	root, err := os.OpenRoot(w.Folder(c))
	if err != nil {
		return wire.Saved{}, fmt.Errorf("open the workspace: %w", err)
	}
	defer func() { _ = root.Close() }()
	// The disk takes its time, and so many learners can wait for it at once. Of two
	// writes at the same moment either may be the last.
	fresh, err := w.prepare(root, name, []byte(text))
	if err != nil {
		return wire.Saved{}, err
	}
	err = w.room(c, name, text, func() error {
		if err := root.Rename(fresh, filepath.FromSlash(name)); err != nil {
			return fmt.Errorf("put %s in its place: %w", name, err)
		}
		w.remember(c.Slug, name, &text)
		return nil
	})
	if err != nil {
		return wire.Saved{}, errors.Join(err, root.Remove(fresh))
	}
	return wire.Saved{Path: name, SavedAt: time.Now().UTC()}, nil
}

// room fails unless a workspace has room for a file. Where it has, use is called,
// if there is one, before anyone else may take it.
func (w *Workspaces) room(c challenges.Challenge, name, text string, use func() error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.ensure(c); err != nil {
		return err
	}
	all, err := w.read(c)
	if err != nil {
		return err
	}
	total := len(text)
	for other, t := range all {
		if other != name {
			total += len(t)
		}
	}
	if _, known := all[name]; total > maxTotal || (!known && len(all) >= maxFiles) {
		return fail(TooLarge, fmt.Sprintf("A workspace may hold %d files and %d MiB.", maxFiles, maxTotal>>20))
	}
	if use == nil {
		return nil
	}
	return use()
}

// put writes one of the learner's files. The caller holds mu.
func (w *Workspaces) put(c challenges.Challenge, name, text string) error {
	root, err := os.OpenRoot(w.Folder(c))
	if err != nil {
		return fmt.Errorf("open the workspace: %w", err)
	}
	defer func() { _ = root.Close() }()
	if err := w.write(root, name, []byte(text)); err != nil {
		return err
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
	if err := errors.Join(w.ensure(c), w.restore(c)); err != nil {
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
	have, unread := w.read(c) // what cannot be read is replaced all the same
	names, err := w.list(c)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		text, ok := have[name]
		if unread == nil && ok && text == want[name] || only != "" && only != name {
			continue
		}
		if err := w.put(c, name, want[name]); err != nil {
			return err
		}
	}
	for _, name := range names {
		if _, ok := want[name]; ok || (only != "" && only != name) {
			continue
		}
		if err := w.remove(c, name); err != nil {
			return err
		}
	}
	return nil
}
