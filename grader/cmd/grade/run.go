package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/p95lab/p95lab/challenges"
	"github.com/p95lab/p95lab/grader"
	"github.com/p95lab/p95lab/grader/evidence"
	"github.com/p95lab/p95lab/grader/verdict"
	"github.com/p95lab/p95lab/grader/workspace"
	"github.com/p95lab/p95lab/labs"
)

type runCmd struct {
	Challenge string `arg:"" help:"A challenge's name, as in list, or a folder that holds one."`
	With      string `help:"Folder of files to lay over the starter; without it, your workspace." type:"path"`
	Seed      uint64 `help:"Repeat the requests and arrivals of an earlier run; 0 draws them."`
	JSON      bool   `help:"Print one verdict object and nothing else."`
	Profiles  string `help:"Folder to write both sides' profiles to, for go tool pprof; the run takes 1.5 s longer." type:"path"`
}

func (c *runCmd) Run(t *tool) error {
	challenge, err := find(c.Challenge)
	if err != nil {
		return err
	}
	dir := c.With
	if dir == "" {
		dir = workspace.Folder(t.data, challenge.Slug)
	}
	files, err := workspace.Read(dir, challenge.Lab)
	switch {
	case errors.Is(err, fs.ErrNotExist) && c.With == "":
		// No workspace yet: the starter as it is.
		if files, err = labs.Files(challenge.Lab); err != nil {
			return err
		}
	case err != nil:
		return usageError{err}
	}
	if !c.JSON {
		t.tellIsolation()
	}
	screen := newScreen(t, c.JSON)
	job := grader.Job{Challenge: challenge, Files: files, Seed: c.Seed}
	if c.Profiles != "" {
		job.Keep = func(kept []evidence.Artefact) error { return writeProfiles(c.Profiles, kept) }
	}
	v, err := t.grader.Grade(t.ctx, job, screen.event)
	screen.clear()
	if err != nil {
		if c.JSON && t.ctx.Err() == nil {
			return errors.Join(err, printJSON(t, verdict.Verdict{
				Challenge: challenge.Slug, Outcome: verdict.Error, Gate: screen.gate, Message: err.Error(), Metrics: []verdict.Metric{},
			}))
		}
		return err
	}
	if c.JSON {
		err = printJSON(t, v)
	} else {
		err = printVerdict(t.out, v)
	}
	if err == nil && v.Outcome != verdict.Passed {
		return errNotPassed
	}
	return err
}

// writeProfiles writes each as before-cpu.pb.gz.
func writeProfiles(dir string, kept []evidence.Artefact) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the folder of the profiles: %w", err)
	}
	for _, a := range kept {
		if err := os.WriteFile(filepath.Join(dir, evidence.FileName(a.Name)), a.Body, 0o644); err != nil {
			return fmt.Errorf("write a profile: %w", err)
		}
	}
	return nil
}

func printJSON(t *tool, v any) error {
	e := json.NewEncoder(t.out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	return nil
}

// find takes a challenge of ours by name, or any by its folder.
func find(name string) (challenges.Challenge, error) {
	all, err := challenges.All()
	if err != nil {
		return challenges.Challenge{}, err
	}
	for _, c := range all {
		if c.Slug == name {
			return c, nil
		}
	}
	c, err := challenges.LoadDir(name)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("there is no challenge %q here, and no such folder; try: grade list", name)
	}
	if err != nil {
		return challenges.Challenge{}, usageError{err}
	}
	return c, nil
}
