package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/p95lab/p95lab/challenges"
	"github.com/p95lab/p95lab/grader/workspace"
	"github.com/p95lab/p95lab/labs"
	"github.com/p95lab/p95lab/server/wire"
)

// settle is how long the workspaces must be quiet before they are read, as editors
// write a file in several steps; longest is when they are read all the same.
const (
	settle  = 120 * time.Millisecond
	longest = time.Second
)

// Watch tells the pages what other programs change in the workspaces, until ctx
// ends.
func (l *Lab) Watch(ctx context.Context) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch the workspaces: %w", err)
	}
	defer func() { _ = watcher.Close() }()
	for _, c := range l.challenges {
		if err := l.Workspaces.Ensure(c); err != nil {
			return err
		}
	}
	root := l.Workspaces.root()
	// A folder that appears later, and a workspace that was removed and laid out
	// again, are watched from then on.
	add := func(folder string) {
		err := filepath.WalkDir(folder, func(name string, e fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist): // it has gone again
				return nil
			case err != nil || !e.IsDir():
				return err
			case name != root && strings.HasPrefix(e.Name(), "."):
				return fs.SkipDir
			}
			return watcher.Add(name)
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			l.Log.Warn("edits by other programs will not be seen", "folder", folder, "error", err)
		}
	}
	add(root)

	quiet, due := time.NewTimer(settle), time.Now().Add(longest)
	touched := map[string]bool{} // by slug
	for _, c := range l.challenges {
		touched[c.Slug] = true // what was edited before the watch began
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case e, ok := <-watcher.Events:
			if !ok {
				return nil
			}
			below, err := filepath.Rel(root, e.Name)
			if err != nil || strings.HasPrefix(filepath.Base(e.Name), ".") {
				continue
			}
			if info, err := os.Lstat(e.Name); e.Has(fsnotify.Create) && err == nil && info.IsDir() {
				add(e.Name)
			}
			slug, _, _ := strings.Cut(filepath.ToSlash(below), "/")
			if len(touched) == 0 {
				due = time.Now().Add(longest)
			}
			touched[slug] = true
			quiet.Reset(max(0, min(settle, time.Until(due))))
		case err, ok := <-watcher.Errors:
			if !ok {
				return nil
			}
			l.Log.Warn("watching the workspaces", "error", err)
		case <-quiet.C:
			for _, c := range l.challenges {
				if !touched[c.Slug] {
					continue
				}
				for _, change := range l.Workspaces.Changes(c) {
					l.FileChanged(c.Slug, change)
				}
			}
			clear(touched)
		}
	}
}

// Changes compares the disk with what was last seen and returns what another
// program changed, by name. A file of the service that was removed is the
// starter's again. What cannot be read now is told once it can be.
func (w *Workspaces) Changes(c challenges.Challenge) []wire.FileChange {
	w.mu.Lock()
	defer w.mu.Unlock()
	now, err := w.read(c)
	if err != nil {
		return nil
	}
	before := w.seen[c.Slug]
	w.seen[c.Slug] = now
	if before == nil { // no page has looked yet
		return nil
	}
	starter, err := labs.Files(c.Lab)
	if err != nil {
		return nil
	}
	var changes []wire.FileChange
	for _, name := range slices.Sorted(maps.Keys(now)) {
		text := now[name]
		if was, ok := before[name]; !ok || was != text {
			changes = append(changes, wire.FileChange{Path: name, Text: &text})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if _, ok := now[name]; ok {
			continue
		}
		change := wire.FileChange{Path: name}
		if own, ok := starter[name]; ok {
			text := string(own)
			change.Text = &text
		}
		changes = append(changes, change)
	}
	return changes
}

// root is the folder that holds all workspaces.
func (w *Workspaces) root() string { return workspace.Folder(w.data, "") }
