package main

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// scaffold is a challenge that is complete in form: check accepts its folder,
// and then says which proofs do not hold yet.
//
//go:embed all:scaffold
var scaffold embed.FS

type newCmd struct {
	Slug string `arg:"" help:"The folder's name: lower-case words joined by hyphens."`
	Lab  string `help:"The service that it starts from." default:"orders"`
	In   string `help:"The folder of challenges." default:"challenges" type:"path"`
}

var slug = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

func (c *newCmd) Run(t *tool) error {
	if !slug.MatchString(c.Slug) || len(c.Slug) > 40 {
		return usageError{fmt.Errorf("%q is no name for a challenge: use lower-case words joined by hyphens, 40 letters at most", c.Slug)}
	}
	dir := filepath.Join(c.In, c.Slug)
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		return usageError{fmt.Errorf("%s exists already", dir)}
	}
	err := fs.WalkDir(scaffold, "scaffold", func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to := filepath.Join(dir, filepath.FromSlash(strings.TrimSuffix(strings.TrimPrefix(name, "scaffold"), ".txt")))
		if e.IsDir() {
			return os.MkdirAll(to, 0o755)
		}
		text, err := scaffold.ReadFile(name)
		if err != nil {
			return err
		}
		return os.WriteFile(to, []byte(strings.NewReplacer("{{slug}}", c.Slug, "{{lab}}", c.Lab).Replace(string(text))), 0o644)
	})
	if err != nil {
		return fmt.Errorf("write %s: %w", dir, err)
	}
	fmt.Fprintf(t.out, "%s is there. Now:\n  1. say in challenge.yaml and lesson.md what is slow\n  2. put the fix into _solution, another into _also, mistakes into _wrong/<name>\n  3. grade check %s\n", dir, dir)
	return nil
}
