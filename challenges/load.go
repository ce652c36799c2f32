package challenges

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// maxFile bounds each file of a challenge, in bytes.
const maxFile = 256 << 10

const yamlFile = "challenge.yaml"

// All returns the challenges that are built into this binary, by track, level
// and slug. Those that are sound are returned even when others are not.
func All() ([]Challenge, error) {
	entries, err := fs.ReadDir(embedded, ".")
	if err != nil {
		return nil, fmt.Errorf("list the challenges: %w", err)
	}
	var all []Challenge
	var problems []error
	for _, e := range entries {
		if _, err := fs.Stat(embedded, path.Join(e.Name(), yamlFile)); err != nil {
			continue
		}
		c, err := Load(embedded, e.Name())
		if err != nil {
			problems = append(problems, fmt.Errorf("load challenge %s:\n%w", e.Name(), err))
			continue
		}
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b Challenge) int {
		return cmp.Or(cmp.Compare(trackOrder(a.Track), trackOrder(b.Track)), cmp.Compare(a.Level, b.Level), cmp.Compare(a.Slug, b.Slug))
	})
	return all, errors.Join(problems...)
}

// LoadDir reads the challenge in a folder on disk, which an author works on.
func LoadDir(dir string) (Challenge, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return Challenge{}, fmt.Errorf("find the challenge: %w", err)
	}
	return Load(os.DirFS(filepath.Dir(abs)), filepath.Base(abs))
}

// Load reads and validates the challenge in the folder slug of fsys. If what
// the author wrote is wrong the error is an *Invalid that holds all of it.
func Load(fsys fs.FS, slug string) (Challenge, error) {
	if !isSlug(slug) {
		return Challenge{}, fmt.Errorf("the folder's name %q %s", slug, slugRule)
	}
	folder, err := fs.Sub(fsys, slug)
	if err != nil {
		return Challenge{}, fmt.Errorf("open challenge %s: %w", slug, err)
	}
	raw, err := readFile(folder, yamlFile)
	if err != nil {
		return Challenge{}, fmt.Errorf("read challenge %s: %w", slug, err)
	}
	c, tree, err := decode(raw)
	if err != nil {
		return Challenge{}, err
	}
	c.Slug, c.FS = slug, folder
	v := &validator{tree: tree}
	c.Starter = v.starter(c.Lab)
	v.texts(&c)
	v.challenge(c)
	if err := v.err(); err != nil {
		return Challenge{}, err
	}
	return c, nil
}

// decode reads challenge.yaml and returns the syntax tree beside it, in which
// later messages find their line.
func decode(raw []byte) (Challenge, *ast.File, error) {
	tree, err := parser.ParseBytes(raw, 0)
	if err != nil {
		return Challenge{}, nil, syntaxProblem(err)
	}
	if len(tree.Docs) != 1 || tree.Docs[0].Body == nil {
		return Challenge{}, nil, &Invalid{Problems: []Problem{{File: yamlFile, Line: 1, What: "must hold exactly one YAML document"}}}
	}
	var c Challenge
	if err := yaml.NewDecoder(bytes.NewReader(raw), yaml.Strict()).Decode(&c); err != nil {
		return Challenge{}, nil, syntaxProblem(err)
	}
	return c, tree, nil
}

// syntaxProblem keeps the place that the YAML library knows.
func syntaxProblem(err error) error {
	p := Problem{File: yamlFile, Line: 1, What: err.Error()}
	var at yaml.Error
	if errors.As(err, &at) {
		p.What = at.GetMessage()
		if t := at.GetToken(); t != nil && t.Position != nil {
			p.Line = t.Position.Line
		}
	}
	return &Invalid{Problems: []Problem{p}}
}

// Overlay returns the files of a folder of the challenge by their paths below
// it: "_solution", "_also" or "_wrong/<name>". A folder that is not there is
// fs.ErrNotExist.
func (c Challenge) Overlay(dir string) (map[string][]byte, error) {
	if !fs.ValidPath(dir) {
		return nil, fmt.Errorf("read overlay %q: %w", dir, fs.ErrInvalid)
	}
	files := map[string][]byte{}
	err := fs.WalkDir(c.FS, dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := readFile(c.FS, name)
		if err != nil {
			return err
		}
		files[strings.TrimPrefix(name, dir+"/")] = b
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read overlay %s: %w", dir, err)
	}
	return files, nil
}

// readFile reads a regular file of bounded size.
func readFile(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errors.New("not a regular file")}
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxFile {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fmt.Errorf("larger than %d bytes", maxFile)}
	}
	return b, nil
}
