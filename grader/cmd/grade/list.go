package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/p95lab/p95lab/challenges"
)

type listCmd struct {
	JSON bool `help:"Print one array and nothing else."`
}

// listed is one row of list --json.
type listed struct {
	Slug    string   `json:"slug"`
	Title   string   `json:"title"`
	Track   string   `json:"track"`
	Level   int      `json:"level"`
	Minutes int      `json:"minutes"`
	Lab     string   `json:"lab"`
	Needs   []string `json:"needs"`
}

func (c *listCmd) Run(t *tool) error {
	all, err := challenges.All()
	if err != nil {
		return err
	}
	if c.JSON {
		rows := []listed{}
		for _, c := range all {
			rows = append(rows, listed{c.Slug, c.Title, c.Track, c.Level, c.Minutes, c.Lab, append([]string{}, c.Needs...)})
		}
		return printJSON(t, rows)
	}
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "challenge\ttrack\tlevel\tminutes\ttitle")
	for _, c := range all {
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%s\n", c.Slug, c.Track, c.Level, c.Minutes, c.Title)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("print the list: %w", err)
	}
	return nil
}

type warmCmd struct{}

func (c *warmCmd) Run(t *tool) error {
	all, err := challenges.All()
	if err != nil {
		return err
	}
	fmt.Fprintln(t.err, "The first build of all compiles SQLite, which takes about a minute.")
	for _, challenge := range all {
		fmt.Fprintf(t.err, "preparing %s\n", challenge.Slug)
		if err := t.grader.Prepare(t.ctx, challenge); err != nil {
			return err
		}
	}
	return nil
}
