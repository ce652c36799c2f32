package main

type doctorCmd struct {
	JSON bool `help:"Print one object and nothing else."`
}

func (c *doctorCmd) Run(t *tool) error {
	report := t.grader.Sandbox()
	if c.JSON {
		return printJSON(t, report)
	}
	return report.Print(t.out)
}
