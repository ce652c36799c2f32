package workspace

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Folder is where a learner's workspace of a challenge lies below the data
// folder. The service itself is in labs/<lab> below it, see Service.
func Folder(data, challenge string) string { return filepath.Join(data, "workspaces", challenge) }

// Service is the service's own folder in a workspace.
func Service(folder, lab string) string { return filepath.Join(folder, "labs", lab) }

// What a folder of files to grade may hold.
const (
	maxFiles = 64
	maxFile  = 256 << 10
)

// Read reads the *.go and *.sql files of a folder that holds a service, or files
// to lay over one; names are slash-separated and relative to it. A folder that is
// a whole workspace is read where the service lies in it. Tests and hidden files
// are left out; links are not followed.
func Read(dir, lab string) (map[string][]byte, error) {
	if info, err := os.Stat(Service(dir, lab)); err == nil && info.IsDir() {
		dir = Service(dir, lab)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the folder of files: %w", err)
	}
	defer func() { _ = root.Close() }()
	files := map[string][]byte{}
	err = fs.WalkDir(root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name != "." && strings.HasPrefix(e.Name(), "."):
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		case !e.Type().IsRegular() || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		if ext := filepath.Ext(name); ext != ".go" && ext != ".sql" {
			return nil
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if info.Size() > maxFile {
			return fmt.Errorf("%s is larger than %d KiB", name, maxFile>>10)
		}
		if len(files) == maxFiles {
			return fmt.Errorf("more than %d files", maxFiles)
		}
		text, err := fs.ReadFile(root.FS(), name)
		if err != nil {
			return err
		}
		files[name] = text
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", dir, err)
	}
	return files, nil
}
