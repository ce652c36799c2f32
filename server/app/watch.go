package app

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/p95lab/p95lab/challenges"
	"github.com/p95lab/p95lab/server/wire"
)

// settle is how long a folder must be quiet before it is read: editors write a
// file in several steps.
const settle = 120 * time.Millisecond

// Watch tells the pages what other programs change in the workspaces, until ctx
// ends.
func (l *Lab) Watch(ctx context.Context) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch the workspaces: %w", err)
	}
	defer func() { _ = watcher.Close() }()
	byFolder := map[string]challenges.Challenge{}
	add := func(c challenges.Challenge, folder string) {
		if err := watcher.Add(folder); err != nil {
			l.Log.Warn("edits by other programs will not be seen", "folder", folder, "error", err)
			return
		}
		byFolder[folder] = c
	}
	for _, c := range l.challenges {
		if err := l.Workspaces.Ensure(c); err != nil {
			return err
		}
		root := l.Workspaces.Folder(c)
		err := filepath.WalkDir(root, func(name string, e fs.DirEntry, err error) error {
			if err == nil && e.IsDir() {
				add(c, name)
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("look through %s: %w", root, err)
		}
	}
	touched := map[string]challenges.Challenge{}
	quiet := time.NewTimer(settle)
	quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case e, ok := <-watcher.Events:
			if !ok {
				return nil
			}
			c, known := byFolder[filepath.Dir(e.Name)]
			if !known || strings.HasPrefix(filepath.Base(e.Name), ".") {
				continue
			}
			touched[c.Slug] = c
			quiet.Reset(settle)
		case err, ok := <-watcher.Errors:
			if !ok {
				return nil
			}
			l.Log.Warn("watching the workspaces", "error", err)
		case <-quiet.C:
			for slug, c := range touched {
				for _, change := range l.Workspaces.Changes(c) {
					l.FileChanged(slug, change)
				}
			}
			clear(touched)
		}
	}
}

// Changes compares the disk with what was last seen and returns what another
// program changed. A file that cannot be read now is told once it can be.
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
	var changes []wire.FileChange
	for name, text := range now {
		if was, ok := before[name]; !ok || was != text {
			changes = append(changes, wire.FileChange{Path: name, Text: &text})
		}
	}
	for name := range before {
		if _, ok := now[name]; !ok {
			changes = append(changes, wire.FileChange{Path: name})
		}
	}
	return changes
}
