package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/p95lab/p95lab/challenges"
	"github.com/p95lab/p95lab/grader/compare"
	"github.com/p95lab/p95lab/grader/load"
	"github.com/p95lab/p95lab/grader/verdict"
)

type compareCmd struct {
	Before    string `help:"Address of the version before: http://host:port, with a path if all requests lie below it." placeholder:"URL" group:"Sides"`
	After     string `help:"Address of the version after." placeholder:"URL" group:"Sides"`
	BeforeCmd string `help:"Command that starts the version before; {port} and PORT say where it must listen." placeholder:"COMMAND" group:"Sides"`
	AfterCmd  string `help:"Command that starts the version after." placeholder:"COMMAND" group:"Sides"`

	Rate     string        `help:"Requests a second on each side, or auto: 60 % of what before carries." default:"auto" group:"Load"`
	For      time.Duration `help:"How long the load may last, both sides together. Pairs that the machine disturbed may add a quarter." default:"20s" group:"Load"`
	Within   string        `help:"End early once the ratio is known to plus or minus so much; 0 never does." default:"2%" group:"Load"`
	Arrivals string        `help:"${enum}: independent users, or equal gaps." enum:"poisson,constant" default:"poisson" group:"Load"`
	Seed     uint64        `help:"Repeat the requests and arrivals of an earlier comparison; 0 draws them." group:"Load"`

	Targets string   `help:"File of requests: Vegeta's targets (text or JSON) or a HAR. Their hosts are replaced by each side's." placeholder:"FILE" type:"existingfile" group:"Requests"`
	Path    []string `help:"Path to ask for, below each side's address; may be given again. {name} stands for a variable of --with." sep:"none" group:"Requests"`
	Method  string   `help:"Method of --path." default:"GET" group:"Requests"`
	Header  []string `help:"Header 'Name: value' of every request; may be given again." sep:"none" short:"H" group:"Requests"`
	Body    string   `help:"Body of --path, or @FILE." group:"Requests"`
	With    []string `help:"Variable name=uniform(1,9), name=zipf(1,5000,1.1), name=pick(a,b) or name=sequence(1,9); may be given again." sep:"none" placeholder:"NAME=VALUES" group:"Requests"`
	Host    string   `help:"Host header for both sides, and name for their certificates." group:"Requests"`
	Users   int      `help:"So many virtual users ask in turn, each with cookies of its own." group:"Requests"`
	Take    []string `help:"Value that a user keeps of answers, as name=/json/pointer or name=header:X-Name; {{name}} in a later request stands for it." sep:"none" placeholder:"NAME=WHERE" group:"Requests"`

	Timeout       time.Duration `help:"From when a request should be sent to the end of its answer." default:"10s" group:"Connections"`
	Connections   int           `help:"Connections at once, on each side." default:"256" group:"Connections"`
	NoKeepalive   bool          `help:"Open a connection for each request." group:"Connections"`
	Insecure      bool          `help:"Take any certificate." group:"Connections"`
	LinkRoundTrip time.Duration `help:"Imitate a client that is so far away." placeholder:"40ms" group:"Connections"`
	LinkBandwidth string        `help:"Imitate a link so thin, for each connection: 10mbit, 500kbit." group:"Connections"`

	Check       string `help:"What of the answers must agree: ${enum}." enum:"none,status,body" default:"status" group:"Verdict"`
	Metric      string `help:"By which it is decided: ${enum}." enum:"p50,p95,p99" default:"p95" group:"Verdict"`
	FailIfWorse string `help:"Exit with 1 when after is worse than so many times before, beyond noise." default:"1.05x" group:"Verdict"`
	JSON        bool   `help:"Print one verdict object and nothing else." group:"Verdict"`
	Markdown    string `help:"Write a report for a pull request." placeholder:"FILE" type:"path" group:"Verdict"`
	HTML        string `help:"Write a report that needs nothing else, with charts." placeholder:"FILE" type:"path" group:"Verdict"`
}

// Help is printed below the flags.
func (compareCmd) Help() string {
	return `Short slices of load go to one side and then to the other, with the same requests at the same times, so that both see the same machine. The ratio of their P95 gets an interval; what lies within the noise is called no difference.

Exit codes: 0 after is better, or no different; 1 after is worse beyond noise, fails more, or answers differently; 2 the command cannot be carried out as it was given; 3 nothing can be told (too noisy, too few requests, the generator was the bottleneck), or our own fault.

  grade compare --before http://127.0.0.1:8001 --after http://127.0.0.1:8002 --path /search?q=tea --rate 500
  grade compare --before-cmd './old --port {port}' --after-cmd './new --port {port}' --targets targets.txt --html report.html`
}

func (c *compareCmd) Run(t *tool) error {
	o, notes, err := c.options()
	if err != nil {
		return usageError{err}
	}
	o.Env = os.Environ()
	screen := newScreen(t, c.JSON)
	r, err := compare.Run(t.ctx, o, screen.event)
	screen.clear()
	var usage *compare.UsageError
	if err != nil {
		if c.JSON && t.ctx.Err() == nil {
			printed := printJSON(t, verdict.Verdict{Challenge: "compare", Outcome: verdict.Error, Gate: screen.gate, Message: err.Error(), Metrics: []verdict.Metric{}})
			err = errors.Join(err, printed)
		}
		if errors.As(err, &usage) && t.ctx.Err() == nil {
			return usageError{err}
		}
		return err
	}
	if r.Verdict.Load != nil {
		r.Verdict.Load.Notes = append(notes, r.Verdict.Load.Notes...)
	}
	if c.JSON {
		err = printJSON(t, r.Verdict)
	} else {
		err = printComparison(t.out, r)
	}
	if err = errors.Join(err, report(c.Markdown, r.Markdown), report(c.HTML, r.HTML)); err != nil {
		return err
	}
	switch {
	case r.Unsure():
		return errUnsure
	case r.Worse():
		return errNotPassed
	}
	return nil
}

// report writes a report to a file, if one was asked for.
func report(path string, to func(io.Writer) error) error {
	if path == "" {
		return nil
	}
	var b bytes.Buffer
	if err := to(&b); err != nil {
		return err
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// options reads the flags. Notes are what the reader should know of the requests.
func (c *compareCmd) options() (o compare.Options, notes []string, err error) {
	o = compare.Options{
		Before: compare.Endpoint{URL: c.Before, Command: c.BeforeCmd}, After: compare.Endpoint{URL: c.After, Command: c.AfterCmd},
		For: c.For, Constant: c.Arrivals == "constant", Timeout: c.Timeout, Connections: c.Connections, NewConnections: c.NoKeepalive,
		Insecure: c.Insecure, Host: c.Host, Users: c.Users, Seed: c.Seed, Check: compare.Check(c.Check), Metric: c.Metric,
		Link: load.Link{RoundTrip: c.LinkRoundTrip},
	}
	for _, side := range []struct{ name, url, command string }{{"before", c.Before, c.BeforeCmd}, {"after", c.After, c.AfterCmd}} {
		if (side.url == "") == (side.command == "") {
			return o, nil, fmt.Errorf("say either --%[1]s or --%[1]s-cmd", side.name)
		}
	}
	if c.Rate != "auto" {
		if o.Rate, err = strconv.ParseFloat(c.Rate, 64); err != nil || !(o.Rate > 0) || o.Rate > 1e6 {
			return o, nil, fmt.Errorf("--rate %s is neither auto nor a number of requests a second", c.Rate)
		}
	}
	if o.Worse, err = times(c.FailIfWorse); err != nil {
		return o, nil, fmt.Errorf("--fail-if-worse: %w", err)
	}
	within, err := strconv.ParseFloat(strings.TrimSuffix(c.Within, "%"), 64)
	if err != nil || within < 0 || within >= 100 {
		return o, nil, fmt.Errorf("--within %s is not a percentage", c.Within)
	}
	o.Within = within / 100
	if o.Link.BytesPerSecond, err = bandwidth(c.LinkBandwidth); err != nil {
		return o, nil, err
	}
	if o.Take, err = c.takes(); err != nil {
		return o, nil, err
	}
	if len(o.Take) > 0 && o.Users == 0 {
		o.Users = 1
	}
	if c.Users < 0 || c.Users > 100_000 {
		return o, nil, errors.New("--users lies between 0 and 100000")
	}
	o.Source, notes, err = c.source(o.Users)
	return o, notes, err
}

// source is where the requests come from: a file, or the flags.
func (c *compareCmd) source(users int) (compare.Source, []string, error) {
	header, err := headers(c.Header)
	if err != nil {
		return nil, nil, err
	}
	if c.Targets != "" {
		if len(c.Path)+len(c.With) > 0 || c.Body != "" {
			return nil, nil, errors.New("--targets has the requests: leave --path, --body and --with out")
		}
		text, err := os.ReadFile(c.Targets)
		if err != nil {
			return nil, nil, err
		}
		targets, err := compare.ReadTargets(c.Targets, text, os.ReadFile)
		if err != nil {
			return nil, nil, err
		}
		for _, r := range targets.Requests {
			maps.Copy(r.Header, header)
		}
		s, err := compare.InOrder(targets.Requests, users)
		return s, targets.Notes, err
	}
	var body []byte
	if c.Body != "" {
		body = []byte(c.Body)
	}
	if file, ok := strings.CutPrefix(c.Body, "@"); ok {
		if body, err = os.ReadFile(file); err != nil {
			return nil, nil, err
		}
	}
	paths := c.Path
	if len(c.With) > 0 {
		s, err := c.drawn(paths, header, body)
		return s, nil, err
	}
	if len(paths) == 0 {
		paths = []string{""} // the addresses themselves
	}
	var requests []compare.Request
	for _, p := range paths {
		if p != "" && p[0] != '/' {
			p = "/" + p
		}
		requests = append(requests, compare.Request{Name: strings.TrimSpace(c.Method + " " + p), Method: c.Method, Path: p, Header: header, Body: body})
	}
	s, err := compare.InOrder(requests, users)
	return s, nil, err
}

// drawn is requests with variables, which are written and drawn as those of
// challenges are.
func (c *compareCmd) drawn(paths []string, header map[string]string, body []byte) (compare.Source, error) {
	if len(c.Take) > 0 {
		return nil, errors.New("--with draws values and --take keeps told ones: use one of them")
	}
	if len(paths) == 0 {
		return nil, errors.New("--with needs a --path that uses its variables")
	}
	with := map[string]string{}
	for _, w := range c.With {
		name, values, ok := strings.Cut(w, "=")
		if !ok {
			return nil, fmt.Errorf("--with %s is not name=values", w)
		}
		with[name] = values
	}
	var requests []challenges.Request
	for i, p := range paths {
		r := challenges.Request{Name: "path-" + strconv.Itoa(i+1), Weight: 1, Header: header, Body: string(body), With: map[string]string{}}
		for name, values := range with {
			if used := "{" + name + "}"; strings.Contains(p, used) || strings.Contains(r.Body, used) || slices.ContainsFunc(slices.Collect(maps.Values(header)), func(v string) bool { return strings.Contains(v, used) }) {
				r.With[name] = values
			}
		}
		to := map[string]*string{http.MethodGet: &r.Get, http.MethodPost: &r.Post, http.MethodPut: &r.Put, http.MethodPatch: &r.Patch, http.MethodDelete: &r.Delete}[c.Method]
		if to == nil {
			return nil, fmt.Errorf("--with goes with the methods GET, POST, PUT, PATCH and DELETE, not %s", c.Method)
		}
		*to = p
		requests = append(requests, r)
	}
	return compare.Drawn(requests)
}

func headers(lines []string) (map[string]string, error) {
	header := map[string]string{}
	for _, l := range lines {
		name, value, ok := strings.Cut(l, ":")
		if !ok {
			return nil, fmt.Errorf("--header %s is not 'Name: value'", l)
		}
		header[strings.TrimSpace(name)] = strings.TrimSpace(value)
	}
	return header, nil
}

func (c *compareCmd) takes() (takes []load.Take, err error) {
	for _, text := range c.Take {
		name, where, ok := strings.Cut(text, "=")
		t := load.Take{Name: name, Pointer: where}
		if header, is := strings.CutPrefix(where, "header:"); is {
			t.Header, t.Pointer = header, ""
		}
		if !ok || name == "" || t.Header == "" && !strings.HasPrefix(t.Pointer, "/") {
			return nil, fmt.Errorf("--take %s is neither name=/json/pointer nor name=header:X-Name", text)
		}
		takes = append(takes, t)
	}
	return takes, nil
}

// times reads a ratio such as 1.05x.
func times(text string) (float64, error) {
	v, err := strconv.ParseFloat(strings.TrimSuffix(text, "x"), 64)
	if err != nil || !(v > 1) || v > 1000 {
		return 0, fmt.Errorf("%s is not a ratio above 1, such as 1.05x", text)
	}
	return v, nil
}

// bandwidth reads bits per second, such as 10mbit, as bytes per second.
func bandwidth(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	for suffix, unit := range map[string]float64{"kbit": 1e3, "mbit": 1e6, "gbit": 1e9} {
		if number, ok := strings.CutSuffix(strings.ToLower(text), suffix); ok {
			if v, err := strconv.ParseFloat(number, 64); err == nil && v*unit >= 8 && v*unit <= 1e12 {
				return int64(v * unit / 8), nil
			}
		}
	}
	return 0, fmt.Errorf("--link-bandwidth %s is not a number with kbit, mbit or gbit", text)
}

// printComparison writes the table at the end.
func printComparison(out io.Writer, r compare.Result) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s   (%.1f s)\n%s\n", r.Headline(), r.Verdict.Seconds, r.Verdict.Message)
	if rows := r.Rows(); len(rows) > 0 {
		b.WriteString("\n")
		w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "\tmetric\tbefore\tafter\ttimes better\t95 % interval\tsmallest seen\tgoal")
		for _, row := range rows {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", row.Mark, row.Name, row.Before, row.After, row.Ratio, row.Interval, row.MDE, row.Target)
		}
		if err := w.Flush(); err != nil {
			return fmt.Errorf("lay out the table: %w", err)
		}
	}
	if m := r.Verdict.Mismatch; m != nil {
		fmt.Fprintf(&b, "\n  %s\n  before %s\n  after  %s\n", m.Request, m.Want, m.Got)
	}
	if how := r.How(); how != "" {
		fmt.Fprintf(&b, "\n%s Seed %d; %s.\n", how, r.Verdict.Seed, r.Verdict.Machine)
	}
	if r.Verdict.Load != nil {
		for _, note := range r.Verdict.Load.Notes {
			fmt.Fprintf(&b, "Note: %s\n", note)
		}
	}
	if r.Verdict.Next != "" {
		fmt.Fprintf(&b, "\nNext: %s\n", r.Verdict.Next)
	}
	if _, err := io.WriteString(out, b.String()); err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	return nil
}
