package compare

import (
	"context"
	"crypto/tls"
	"fmt"
	"math"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/p95lab/p95lab/grader/duel"
	"github.com/p95lab/p95lab/grader/load"
	"github.com/p95lab/p95lab/grader/sandbox"
)

// Endpoint is where a side is: an address that somebody answers at, or a command
// that starts it.
type Endpoint struct {
	URL string
	// Command is for the shell. {port} in it, and PORT in its environment, is
	// where it has to listen.
	Command string
}

func (e Endpoint) String() string {
	if e.Command != "" {
		return e.Command
	}
	return e.URL
}

// startTimeout is how long a command may take until it answers.
const startTimeout = 30 * time.Second

// stopGrace is how long a command may take to end when it is asked to.
const stopGrace = 2 * time.Second

// side is one of the two while it runs.
type side struct {
	name    string
	base    *url.URL
	host    string // in requests
	client  *load.Client
	process *sandbox.Process // nil if it was running already
}

// address reads an endpoint's URL.
func address(name, text string) (*url.URL, error) {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the address of %s: %w", name, err)
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("the address of %s, %s, is neither http nor https", name, text)
	case u.Hostname() == "":
		return nil, fmt.Errorf("the address of %s, %s, names no host", name, text)
	case u.User != nil:
		return nil, fmt.Errorf("the address of %s holds a user's name: send a header of Authorization", name)
	}
	return u, nil
}

// hostPort is what to connect to.
func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// find reads both addresses, and asks at those that must be running already: who
// mistyped one need not wait for a turn.
func (c *comparison) find(ctx context.Context) error {
	for i, e := range []Endpoint{c.o.Before, c.o.After} {
		c.sides[i] = &side{name: names[i]}
		if e.Command != "" {
			continue
		}
		address, err := address(names[i], e.URL)
		if err != nil {
			return &UsageError{err}
		}
		if err := c.reach(ctx, c.sides[i], address); err != nil {
			return err
		}
	}
	return nil
}

// start starts the commands.
func (c *comparison) start(ctx context.Context) error {
	for i, e := range []Endpoint{c.o.Before, c.o.After} {
		if e.Command == "" {
			continue
		}
		address, err := c.sides[i].launch(ctx, c.o, e.Command)
		if err != nil {
			return err
		}
		if err := c.reach(ctx, c.sides[i], address); err != nil {
			return err
		}
	}
	return nil
}

// reach makes a client for a side and waits until it answers the first request.
func (c *comparison) reach(ctx context.Context, s *side, address *url.URL) error {
	s.base, s.host = address, address.Host
	if c.o.Host != "" {
		s.host = c.o.Host
	}
	options := load.Options{
		MaxConns: c.o.Connections, Timeout: c.o.Timeout, NewConnections: c.o.NewConnections, Users: c.o.Users, Link: c.o.Link,
	}
	if address.Scheme == "https" {
		options.TLS = &tls.Config{InsecureSkipVerify: c.o.Insecure, ServerName: s.host} //nolint:gosec // asked for
		if host, _, err := net.SplitHostPort(s.host); err == nil {
			options.TLS.ServerName = host
		}
	}
	s.client = load.Dial(hostPort(address), options)
	p, err := c.prepare(s, c.o.Source.Request(c.rng(streamCheck), 0), 0)
	if err != nil {
		return err
	}
	return s.ready(ctx, p)
}

// launch starts a command on a port of its own.
func (s *side) launch(ctx context.Context, o Options, command string) (*url.URL, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("find a free port: %w", err)
	}
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	if err := l.Close(); err != nil {
		return nil, fmt.Errorf("let go of a port: %w", err)
	}
	s.process, err = sandbox.Open().Start(ctx, sandbox.Spec{
		Path: "/bin/sh", Args: []string{"-c", strings.ReplaceAll(command, "{port}", port)}, Dir: o.Dir,
		Env: append(append([]string{}, o.Env...), "PORT="+port), Output: math.MaxInt64, Weight: duel.ServiceWeight,
	})
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", s.name, err)
	}
	return &url.URL{Scheme: "http", Host: "127.0.0.1:" + port}, nil
}

// ready waits for the first answer. An address has to answer at once, a command
// may take its time.
func (s *side) ready(ctx context.Context, p load.Prepared) error {
	deadline := time.NewTimer(startTimeout)
	defer deadline.Stop()
	// A refused connection is the only sign that a port is not open yet, so this
	// is a poll.
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for {
		got := s.client.Do(ctx, p)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case got.Err == nil && (s.process == nil || got.Status < 500):
			return nil
		case s.process == nil:
			return usage("%s cannot be reached at %s: %w", s.name, s.base, got.Err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.process.Done():
			return usage("the command of %s ended before it answered (%s). It printed:\n%s", s.name, s.process.Exit(), s.process.Tail())
		case <-deadline.C:
			if got.Err == nil {
				return usage("the command of %s answered with status %d for %v. It printed:\n%s", s.name, got.Status, startTimeout, s.process.Tail())
			}
			return usage("the command of %s did not answer at 127.0.0.1:%s within %v: it must listen at PORT, or at {port} in its command. It printed:\n%s",
				s.name, s.base.Port(), startTimeout, s.process.Tail())
		case <-poll.C:
		}
	}
}

// ended says that a command of ours is no longer there.
func (s *side) ended() bool { return s.process != nil && s.process.Ended() }

// stop closes what leads to a side, and ends what was started for it.
func (s *side) stop() {
	if s.client != nil {
		s.client.Close()
	}
	if s.process != nil {
		s.process.Stop(stopGrace)
	}
}

func (c *comparison) stop() {
	var all sync.WaitGroup
	for _, s := range c.sides {
		if s != nil {
			all.Go(s.stop)
		}
	}
	all.Wait()
}

// path is a request's path on this side.
func (s *side) path(request string) (string, error) {
	base := s.base.EscapedPath()
	switch {
	case request != "" && s.base.RawQuery != "":
		return "", usage("the address of %s has a query, so other paths cannot follow it", s.name)
	case request != "":
		return strings.TrimSuffix(base, "/") + request, nil
	case base == "":
		base = "/"
	}
	if s.base.RawQuery != "" {
		base += "?" + s.base.RawQuery
	}
	return base, nil
}

// prepare writes the nth request to a side.
func (c *comparison) prepare(s *side, r Request, n int) (load.Prepared, error) {
	path, err := s.path(r.Path)
	if err != nil {
		return load.Prepared{}, err
	}
	user := 0
	if c.o.Users > 0 {
		user = n%c.o.Users + 1
	}
	if len(c.o.Take) > 0 {
		o := load.Open{Method: r.Method, Host: s.host, Path: path, Header: r.Header, Body: r.Body, Closing: c.o.NewConnections}
		p, err := load.PrepareOpen(max(1, user), o, c.o.Take)
		if err != nil {
			return p, usage("%s: %w", r.Name, err)
		}
		p.ID = n
		return p, nil
	}
	raw, err := load.Prepare(r.Method, s.host, path, r.Header, r.Body)
	if err != nil {
		return load.Prepared{}, usage("%s: %w", r.Name, err)
	}
	if c.o.NewConnections {
		raw = load.Closing(raw)
	}
	return load.Prepared{ID: n, Raw: raw, User: user}, nil
}
