package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/p95lab/p95lab/challenges"
	"github.com/p95lab/p95lab/grader"
)

type checkCmd struct {
	Challenge string `arg:"" optional:"" help:"A challenge's name, or a folder that holds one."`
	All       bool   `help:"Every challenge."`
	Repeat    int    `help:"Prove so many times." default:"1"`
	JSON      bool   `help:"Print one array of proofs and nothing else."`
}

func (c *checkCmd) Run(t *tool) error {
	list, err := c.challenges()
	if err != nil {
		return err
	}
	proofs := []grader.Proof{}
	holds := true
	if !c.JSON {
		fmt.Fprintf(t.out, "%-4s %-15s %-32s %-16s %-14s %-8s %8s  %-16s %6s\n",
			"", "challenge", "proof", "want", "outcome", "gate", "ratio", "interval", "s")
	}
	for range max(1, c.Repeat) {
		for _, challenge := range list {
			began := func(name string) {
				if t.live && !c.JSON {
					fmt.Fprintf(t.err, "\r\x1b[K%s %s …", challenge.Slug, name)
				}
			}
			err := t.grader.Prove(t.ctx, challenge, began, func(p grader.Proof) {
				holds = holds && p.Holds
				proofs = append(proofs, p)
				if !c.JSON {
					t.printProof(p)
				}
			})
			if err != nil {
				return err
			}
		}
	}
	if c.JSON {
		if err := printJSON(t, proofs); err != nil {
			return err
		}
	}
	if !holds {
		return errNotPassed
	}
	return nil
}

func (c *checkCmd) challenges() ([]challenges.Challenge, error) {
	switch {
	case c.All && c.Challenge != "":
		return nil, usageError{errors.New("name a challenge or say --all, not both")}
	case c.All:
		return challenges.All()
	case c.Challenge == "":
		return nil, usageError{errors.New("name a challenge, a folder, or say --all")}
	}
	one, err := find(c.Challenge)
	return []challenges.Challenge{one}, err
}

func (t *tool) printProof(p grader.Proof) {
	if t.live {
		fmt.Fprint(t.err, "\r\x1b[K")
	}
	state := "ok"
	if !p.Holds {
		state = "NO"
	}
	var ratio, interval string
	for _, m := range p.Verdict.Metrics {
		if m.Target != "" && strings.HasPrefix(m.Name, "p") && m.Ratio != 0 {
			ratio, interval = fmt.Sprintf("%.3g×", m.Ratio), fmt.Sprintf("%.3g–%.3g", m.Low, m.High)
			break
		}
	}
	fmt.Fprintf(t.out, "%-4s %-15s %-32s %-16s %-14s %-8s %8s  %-16s %6.1f\n", state, p.Challenge, p.Name, p.Want,
		p.Verdict.Outcome, p.Verdict.Gate, ratio, interval, p.Verdict.Seconds)
	if !p.Holds {
		fmt.Fprintf(t.out, "     %s\n", plain(p.Why))
	}
}
