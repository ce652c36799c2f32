package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
)

type newCmd struct {
	Slug string `arg:"" help:"The folder's name: lower-case words joined by hyphens."`
	From string `help:"The challenge whose folder is copied as a start." default:"missing-index"`
	In   string `help:"The folder of challenges." default:"challenges" type:"path"`
}

var slugForm = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// titleLine matches the line that a new challenge must not share with the one that it
// was copied from.
var titleLine = regexp.MustCompile(`(?m)^title:.*$`)

// Run copies a challenge that proves itself: an author who changes one thing at a
// time always has a folder that check accepts.
func (c *newCmd) Run(t *tool) error {
	if !slugForm.MatchString(c.Slug) || len(c.Slug) > 40 {
		return usageError{fmt.Errorf("%q is no name for a challenge: use lower-case words joined by hyphens, 40 letters at most", c.Slug)}
	}
	from, err := find(c.From)
	if err != nil {
		return err
	}
	dir := filepath.Join(c.In, c.Slug)
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		return usageError{fmt.Errorf("%s exists already", dir)}
	}
	if err := os.MkdirAll(c.In, 0o755); err != nil {
		return fmt.Errorf("make %s: %w", c.In, err)
	}
	if err := os.CopyFS(dir, from.FS); err != nil {
		return fmt.Errorf("write %s: %w", dir, err)
	}
	yaml := filepath.Join(dir, "challenge.yaml")
	text, err := os.ReadFile(yaml)
	if err != nil {
		return fmt.Errorf("read what was written: %w", err)
	}
	if err := os.WriteFile(yaml, titleLine.ReplaceAll(text, []byte("title: "+c.Slug)), 0o644); err != nil {
		return fmt.Errorf("give it its title: %w", err)
	}
	_, err = fmt.Fprintf(t.out, `%s is there, a copy of %s that proves itself. Now, one at a time, each followed by grade check %s:
  1. challenge.yaml: the title, the service, the requests, the targets
  2. _solution, _also and _wrong/<name>: the fixes and the mistakes
  3. lesson.md, hints.md, interview.md and solved.md
`, dir, from.Slug, dir)
	return err
}
