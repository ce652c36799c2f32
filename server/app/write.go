package app

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// write replaces a file whole or not at all, also if the power fails. It goes
// through root, so that no link leads out of it.
func (w *Workspaces) write(root *os.Root, name string, text []byte) error {
	fresh, err := w.prepare(root, name, text)
	if err != nil {
		return err
	}
	if err := root.Rename(fresh, filepath.FromSlash(name)); err != nil {
		return fmt.Errorf("put %s in its place: %w", name, errors.Join(err, root.Remove(fresh)))
	}
	return nil
}

// What a write prepares is hidden and does not end in .go: no tool takes it for
// part of the service.
const (
	freshStart = ".p95lab-"
	freshEnd   = ".new"
)

// prepare writes a file beside its place, to be renamed, and returns its path.
func (w *Workspaces) prepare(root *os.Root, name string, text []byte) (fresh string, err error) {
	local := filepath.FromSlash(name)
	if dir := filepath.Dir(local); dir != "." {
		if err := root.MkdirAll(dir, 0o755); err != nil {
			return "", fmt.Errorf("make the folder of %s: %w", name, err)
		}
	}
	fresh = filepath.Join(filepath.Dir(local), freshStart+w.mark+rand.Text()+freshEnd)
	file, err := root.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) // follows no link
	if err != nil {
		return "", fmt.Errorf("write %s: %w", name, err)
	}
	_, err = file.Write(text)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return "", fmt.Errorf("write %s: %w", name, errors.Join(err, root.Remove(fresh)))
	}
	return fresh, nil
}

// sweep removes what an earlier process prepared and was killed over.
func (w *Workspaces) sweep(root *os.Root, folder string) error {
	err := fs.WalkDir(root.FS(), folder, func(name string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && !e.IsDir() && strings.HasPrefix(e.Name(), freshStart) && strings.HasSuffix(e.Name(), freshEnd) && !strings.HasPrefix(e.Name(), freshStart+w.mark) {
			return root.Remove(filepath.FromSlash(name))
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("sweep the workspace: %w", err)
	}
	return nil
}
