package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/p95lab/p95lab/grader"
	"github.com/p95lab/p95lab/grader/workspace"
)

type upCmd struct {
	Challenge string `arg:"" help:"A challenge's name, as in list, or a folder that holds one."`
	With      string `help:"Folder of files to lay over the starter; without it, your workspace." type:"path"`
	Starter   bool   `help:"The starter as it is."`
}

// Run starts the service alone and prints where to find it, until it is told to
// stop.
func (c *upCmd) Run(t *tool) error {
	challenge, err := find(c.Challenge)
	if err != nil {
		return err
	}
	files := map[string][]byte{}
	if !c.Starter {
		dir := c.With
		if dir == "" {
			dir = workspace.Folder(t.data, challenge.Slug)
		}
		files, err = workspace.Read(dir, challenge.Lab)
		started := c.With != "" || !errors.Is(err, fs.ErrNotExist) // no workspace yet: the starter
		if err != nil && started {
			return usageError{err}
		}
	}
	up, stop, err := t.grader.Up(t.ctx, challenge, files, func(line string) { fmt.Fprint(t.err, line) })
	if grader.BuildFault(err) {
		return usageError{err}
	}
	if err != nil {
		return err
	}
	defer stop()
	if _, err := fmt.Fprintf(t.out, `%s runs, not confined, until Ctrl C:

  service      %s
  CPU profile  go tool pprof %s/debug/pprof/profile?seconds=10
  memory       go tool pprof %[3]s/debug/pprof/heap
  metrics      curl %[3]s/metrics
  statements   curl -X POST %[3]s/debug/statements, ask something, curl %[3]s/debug/statements
  database     sqlite3 %s
  load         grade export %[5]s --vegeta --base %[2]s
`, challenge.Lab, up.Service, up.Admin, up.Database, challenge.Slug); err != nil {
		return fmt.Errorf("print the addresses: %w", err)
	}
	select {
	case <-t.ctx.Done():
		return nil
	case <-up.Done:
		return usageError{fmt.Errorf("the service ended: %s", up.Why())}
	}
}
