// Package labs holds the services to learn on. Each is an ordinary Go program
// in a folder of its own, slow for one reason; kit is what they share. The
// package hands out their sources; it must not know challenges, grading or who
// edits what.
package labs

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/p95lab/p95lab"
)

//go:embed kit dashboard ledger orders pricing
var sources embed.FS

// shared is the folder of what all services use.
const shared = "kit"

// Names lists the services.
func Names() []string {
	entries, err := sources.ReadDir(".")
	if err != nil {
		panic(err) // the embedded root is always there
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() && e.Name() != shared {
			names = append(names, e.Name())
		}
	}
	return names
}

// Files returns a service's own files, tests left out, by slash-separated names
// relative to its folder. This is the starter.
func Files(name string) (map[string][]byte, error) {
	if !slices.Contains(Names(), name) {
		return nil, fmt.Errorf("there is no service %q; there are %s", name, strings.Join(Names(), ", "))
	}
	return read(name)
}

// Materialise writes a workspace to dst, which it makes: the service, the kit,
// and the repository's own go.mod and go.sum, under the paths that they have
// here. It builds offline from the module cache that built this program.
func Materialise(dst, name string) error {
	files, err := tree(name)
	if err != nil {
		return err
	}
	for _, file := range names(files) {
		to := filepath.Join(dst, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return fmt.Errorf("make the folder of %s: %w", file, err)
		}
		if err := os.WriteFile(to, files[file], 0o644); err != nil {
			return fmt.Errorf("write %s: %w", file, err)
		}
	}
	return nil
}

// Hash names the content of what Materialise writes.
func Hash(name string) (string, error) {
	files, err := tree(name)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	for _, file := range names(files) {
		fmt.Fprintf(h, "%s\x00%d\x00", file, len(files[file]))
		h.Write(files[file])
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// tree is all that a workspace holds, by its name in it.
func tree(name string) (map[string][]byte, error) {
	own, err := Files(name)
	if err != nil {
		return nil, err
	}
	kit, err := read(shared)
	if err != nil {
		return nil, err
	}
	all := map[string][]byte{"go.mod": p95lab.GoMod, "go.sum": p95lab.GoSum}
	for file, text := range own {
		all[path.Join("labs", name, file)] = text
	}
	for file, text := range kit {
		all[path.Join("labs", shared, file)] = text
	}
	return all, nil
}

func read(folder string) (map[string][]byte, error) {
	files := map[string][]byte{}
	err := fs.WalkDir(sources, folder, func(file string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.HasSuffix(file, "_test.go") {
			return err
		}
		text, err := sources.ReadFile(file)
		files[strings.TrimPrefix(file, folder+"/")] = text
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the sources of %s: %w", folder, err)
	}
	return files, nil
}

func names(files map[string][]byte) []string {
	list := make([]string, 0, len(files))
	for file := range files {
		list = append(list, file)
	}
	slices.Sort(list)
	return list
}
