// Package backup writes what must not be lost of a data folder, the store and the
// workspaces, to one file, and brings it back. It knows the folder's layout; it
// must not know what a run means, or HTTP.
package backup

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/p95lab/p95lab/server/sqlite"
)

// The names in a data folder, and in a backup of it. Caches are left out: they are
// made again.
const (
	database   = "p95lab.db"
	workspaces = "workspaces"
	manifest   = "backup.json" // in a backup alone, and its first entry
)

// format is raised when a program of before could not read a backup.
const format = 1

// Manifest says what a backup is.
type Manifest struct {
	Format   int       `json:"format"`
	Program  string    `json:"program"`
	Database int64     `json:"database"` // version of its schema
	Runs     int       `json:"runs"`
	Files    int       `json:"files"` // of workspaces
	MadeAt   time.Time `json:"made_at"`
}

// Backup says what to write.
type Backup struct {
	Data    string // the data folder; a server may be using it
	File    string // what to write, a gzipped tar
	Force   bool   // replace File
	Program string // version of this program
	// Step is told what was done.
	Step func(string)
}

// Write writes the backup, whole or not at all.
func (b Backup) Write(ctx context.Context) (m Manifest, err error) {
	if _, err := os.Stat(filepath.Join(b.Data, database)); err != nil {
		return m, fmt.Errorf("there is nothing to back up in %s (choose the data folder with --data): %w", b.Data, err)
	}
	if _, err := os.Stat(b.File); err == nil && !b.Force {
		return m, fmt.Errorf("%s exists: name another file, or replace it with --force", b.File)
	}
	work, err := os.MkdirTemp(filepath.Dir(b.File), ".p95lab-backup-")
	if err != nil {
		return m, fmt.Errorf("write beside the backup: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	copied := filepath.Join(work, database)
	contents, err := sqlite.Copy(ctx, filepath.Join(b.Data, database), copied)
	if err != nil {
		return m, err
	}
	b.Step(fmt.Sprintf("the store: %d runs", contents.Runs))
	files, err := list(filepath.Join(b.Data, workspaces))
	if err != nil {
		return m, err
	}
	m = Manifest{Format: format, Program: b.Program, Database: contents.Version, Runs: contents.Runs, Files: len(files), MadeAt: time.Now().UTC()}
	fresh := filepath.Join(work, "backup")
	if err := b.pack(ctx, fresh, copied, m, files); err != nil {
		return m, err
	}
	b.Step(fmt.Sprintf("workspaces: %d files", len(files)))
	if err := os.Rename(fresh, b.File); err != nil {
		return m, fmt.Errorf("put the backup in its place: %w", err)
	}
	return m, nil
}

// list names the regular files of the workspaces, relative to their folder. What
// is hidden there is half made.
func list(folder string) ([]string, error) {
	var names []string
	err := fs.WalkDir(os.DirFS(folder), ".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist): // removed meanwhile, or there are none yet
			return nil
		case err != nil:
			return err
		case name != "." && strings.HasPrefix(e.Name(), "."):
			if e.IsDir() {
				return fs.SkipDir
			}
		case e.Type().IsRegular():
			names = append(names, name)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look through the workspaces: %w", err)
	}
	return names, nil
}

func (b Backup) pack(ctx context.Context, fresh, store string, m Manifest, files []string) error {
	out, err := os.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // a learner's work is theirs
	if err != nil {
		return fmt.Errorf("make the backup: %w", err)
	}
	squeeze := gzip.NewWriter(out)
	archive := tar.NewWriter(squeeze)
	err = func() error {
		text, err := json.MarshalIndent(m, "", "  ")
		if err != nil {
			return fmt.Errorf("describe the backup: %w", err)
		}
		if err := archive.WriteHeader(&tar.Header{Name: manifest, Mode: 0o644, Size: int64(len(text)), ModTime: m.MadeAt}); err != nil {
			return fmt.Errorf("describe the backup: %w", err)
		}
		if _, err := archive.Write(text); err != nil {
			return fmt.Errorf("describe the backup: %w", err)
		}
		root, err := os.OpenRoot(b.Data)
		if err != nil {
			return fmt.Errorf("open the data folder: %w", err)
		}
		defer func() { _ = root.Close() }()
		if err := add(archive, database, func() (*os.File, error) { return os.Open(store) }); err != nil {
			return err
		}
		for _, name := range files {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			name = path.Join(workspaces, name)
			if err := add(archive, name, func() (*os.File, error) { return root.Open(filepath.FromSlash(name)) }); err != nil {
				return err
			}
		}
		return nil
	}()
	if err = errors.Join(err, archive.Close(), squeeze.Close()); err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("write the backup: %w", err)
	}
	return nil
}

// add puts a file into the archive as it is when it is opened; the server replaces
// files and never writes into one.
func add(archive *tar.Writer, name string, open func() (*os.File, error)) error {
	file, err := open()
	if err != nil {
		return fmt.Errorf("read %s (was it removed just now? then try again): %w", name, err)
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	if err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: info.Size(), ModTime: info.ModTime()}); err != nil {
		return fmt.Errorf("pack %s: %w", name, err)
	}
	if _, err := io.CopyN(archive, file, info.Size()); err != nil {
		return fmt.Errorf("pack %s (is it being written? then try again): %w", name, err)
	}
	return nil
}
