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

// Restore says what to bring back, and where to.
type Restore struct {
	File string
	Data string // the data folder; the caller has it for itself
	// Force replaces what is there, which is kept aside.
	Force bool
	// Step is told what was done.
	Step func(string)
}

// What a backup may hold, so that a file which is none does not fill the disk.
const (
	maxEntries  = 100_000
	maxManifest = 64 << 10
	maxFile     = 16 << 20 // of a workspace
	maxStore    = 64 << 30
)

// unfinished stands in a data folder while its contents are being exchanged.
const unfinished = "restore-unfinished"

// Unfinished tells of a data folder whose restore was cut off between taking the
// old away and putting the new in its place. It must not be used: an empty store
// would take the place of both.
func Unfinished(data string) error {
	if _, err := os.Lstat(filepath.Join(data, unfinished)); err == nil {
		return fmt.Errorf("a restore of %s was cut off: run p95lab restore FILE --force again; what was there before lies in its folder replaced-…", data)
	}
	return nil
}

// Do brings a backup back. All of it is unpacked and looked through before
// anything that is there is touched.
func (r Restore) Do(ctx context.Context) (m Manifest, err error) {
	there, err := r.occupied()
	if err != nil {
		return m, err
	}
	if len(there) > 0 && !r.Force {
		return m, fmt.Errorf("%s holds %s already: choose another folder with --data, or replace it with --force (it is kept aside)", r.Data, strings.Join(there, " and "))
	}
	file, err := os.Open(r.File)
	if err != nil {
		return m, fmt.Errorf("open the backup: %w", err)
	}
	defer func() { _ = file.Close() }()
	stage, err := os.MkdirTemp(r.Data, ".restoring-")
	if err != nil {
		return m, fmt.Errorf("write in the data folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(stage)) }()
	if m, err = unpack(ctx, file, stage); err != nil {
		return m, fmt.Errorf("%s was not brought back, and nothing was changed: %w", r.File, err)
	}
	r.Step(fmt.Sprintf("unpacked a backup of %s", m.MadeAt.Local().Format("2 January 2006 15:04")))
	contents, err := sqlite.Check(ctx, filepath.Join(stage, database))
	if err != nil {
		return m, fmt.Errorf("%s was not brought back, and nothing was changed: its store: %w", r.File, err)
	}
	if contents.Runs != m.Runs || contents.Version != m.Database {
		return m, fmt.Errorf("%s was not brought back, and nothing was changed: it says %d runs of version %d and its store holds %d of version %d",
			r.File, m.Runs, m.Database, contents.Runs, contents.Version)
	}
	r.Step(fmt.Sprintf("the store is whole: %d runs", contents.Runs))
	return m, r.exchange(stage, there)
}

// occupied names what a restore would replace.
func (r Restore) occupied() ([]string, error) {
	var there []string
	for _, name := range []string{database + "-wal", database + "-shm", database, workspaces} {
		switch _, err := os.Lstat(filepath.Join(r.Data, name)); {
		case err == nil:
			there = append(there, name)
		case !errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("look into the data folder: %w", err)
		}
	}
	return there, nil
}

// exchange puts what was unpacked in the place of what is there.
func (r Restore) exchange(stage string, there []string) error {
	mark := filepath.Join(r.Data, unfinished)
	if err := os.WriteFile(mark, []byte("see p95lab restore --help\n"), 0o644); err != nil {
		return fmt.Errorf("mark the data folder: %w", err)
	}
	if len(there) > 0 {
		aside, err := os.MkdirTemp(r.Data, "replaced-"+time.Now().Format("20060102-150405")+"-")
		if err != nil {
			return fmt.Errorf("make a folder for what was there: %w", err)
		}
		for _, name := range there {
			if err := os.Rename(filepath.Join(r.Data, name), filepath.Join(aside, name)); err != nil {
				return fmt.Errorf("put %s aside: %w", name, err)
			}
		}
		r.Step("what was there before lies in " + aside)
	}
	for _, name := range []string{workspaces, database} {
		if err := os.Rename(filepath.Join(stage, name), filepath.Join(r.Data, name)); err != nil {
			return fmt.Errorf("put %s in its place: %w", name, err)
		}
	}
	if err := settle(r.Data); err != nil {
		return err
	}
	if err := os.Remove(mark); err != nil {
		return fmt.Errorf("take the mark off the data folder: %w", err)
	}
	return nil
}

// settle makes a folder's names survive a loss of power.
func settle(folder string) error {
	f, err := os.Open(folder)
	if err != nil {
		return fmt.Errorf("open %s: %w", folder, err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s to the disk: %w", folder, err)
	}
	return nil
}

// unpack writes a backup's entries below a folder, and nothing anywhere else.
func unpack(ctx context.Context, from io.Reader, to string) (m Manifest, err error) {
	squeezed, err := gzip.NewReader(from)
	if err != nil {
		return m, fmt.Errorf("this is no backup: %w", err)
	}
	archive := tar.NewReader(squeezed)
	root, err := os.OpenRoot(to)
	if err != nil {
		return m, fmt.Errorf("open the folder to unpack in: %w", err)
	}
	defer func() { _ = root.Close() }()
	if err := root.Mkdir(workspaces, 0o755); err != nil {
		return m, fmt.Errorf("make the folder of workspaces: %w", err)
	}
	if m, err = describe(archive); err != nil {
		return m, err
	}
	files, store := 0, false
	for n := 0; ; n++ {
		if ctx.Err() != nil {
			return m, ctx.Err()
		}
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return m, fmt.Errorf("it is damaged: %w", err)
		}
		limit := int64(maxFile)
		switch {
		case n == maxEntries:
			return m, fmt.Errorf("it holds more than %d files", maxEntries)
		case h.Typeflag != tar.TypeReg || !fs.ValidPath(h.Name) || sparse(h):
			return m, fmt.Errorf("it holds %q, which is no plain file", h.Name)
		case h.Name == database && !store:
			store, limit = true, maxStore
		case strings.HasPrefix(h.Name, workspaces+"/"):
			files++
		default:
			return m, fmt.Errorf("it holds %q, which no backup has, or has once", h.Name)
		}
		if h.Size > limit {
			return m, fmt.Errorf("%s is larger than %d MiB", h.Name, limit>>20)
		}
		if err := put(root, h.Name, archive); err != nil {
			return m, err
		}
	}
	if _, err := io.Copy(io.Discard, squeezed); err != nil { // its sum stands at the end
		return m, fmt.Errorf("it is damaged: %w", err)
	}
	if !store {
		return m, errors.New("it holds no store: was it cut off?")
	}
	if files != m.Files {
		return m, fmt.Errorf("it holds %d files of workspaces and should hold %d", files, m.Files)
	}
	return m, nil
}

// sparse entries grow to any size out of nothing.
func sparse(h *tar.Header) bool {
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// describe reads the first entry.
func describe(archive *tar.Reader) (m Manifest, err error) {
	h, err := archive.Next()
	if err != nil {
		return m, fmt.Errorf("this is no backup: it does not begin with %s: %w", manifest, err)
	}
	if h.Name != manifest || h.Size > maxManifest {
		return m, fmt.Errorf("this is no backup: it does not begin with %s but with %q", manifest, h.Name)
	}
	if err := json.NewDecoder(archive).Decode(&m); err != nil {
		return m, fmt.Errorf("read %s: %w", manifest, err)
	}
	if m.Format != format {
		return m, fmt.Errorf("it has format %d and this program reads %d: use the program that wrote it, %s", m.Format, format, m.Program)
	}
	return m, nil
}

func put(root *os.Root, name string, from io.Reader) error {
	local := filepath.FromSlash(name)
	if err := root.MkdirAll(filepath.FromSlash(path.Dir(name)), 0o755); err != nil {
		return fmt.Errorf("make the folder of %s: %w", name, err)
	}
	file, err := root.OpenFile(local, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("unpack %s: %w", name, err)
	}
	_, err = io.Copy(file, from)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("unpack %s: %w", name, err)
	}
	return nil
}
