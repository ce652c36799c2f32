package grader

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"

	"github.com/p95lab/p95lab/challenges"
	"github.com/p95lab/p95lab/grader/sandbox"
	"github.com/p95lab/p95lab/grader/workspace"
	"github.com/p95lab/p95lab/labs"
)

// Running is a service that runs alone, to be looked at with any tool.
type Running struct {
	Service  string // http://127.0.0.1:41231
	Admin    string // profiles, metrics and statements
	Database string // path of its own copy of the data
	// Done is closed when it has ended; Why then says how.
	Done <-chan struct{}
	Why  func() string
}

// Up builds a challenge's service with files laid over it and starts it alone,
// with data of its own, until ctx ends and close is called. It is not confined,
// so that tools of this machine reach it: it is for one's own code. line is given
// what it prints.
func (g *Grader) Up(ctx context.Context, c challenges.Challenge, files map[string][]byte, line func(string)) (_ Running, stop func(), err error) {
	starter, err := g.builder.BuildOurs(ctx, c.Lab, nil)
	if err != nil {
		return Running{}, nil, fmt.Errorf("build the starter: %w", err)
	}
	binary := starter
	if files, err = changed(c.Lab, files); err != nil {
		return Running{}, nil, err
	}
	if len(files) > 0 {
		if binary, err = g.builder.Build(ctx, c.Lab, files); err != nil {
			return Running{}, nil, err
		}
	}
	template, err := g.template(ctx, starter)
	if err != nil {
		return Running{}, nil, err
	}
	dir, err := os.MkdirTemp(g.cache, "up-")
	if err != nil {
		return Running{}, nil, fmt.Errorf("make the service's folder: %w", err)
	}
	s, err := start(ctx, dir, service{
		name: "up", launcher: sandbox.Open(), binary: binary, trusted: starter, template: template, line: func(_, text string) { line(text) },
	})
	if err != nil {
		return Running{}, nil, errors.Join(err, sandbox.RemoveAll(dir))
	}
	address := func(port int) string { return "http://" + host + ":" + strconv.Itoa(port) }
	r := Running{
		Service: address(s.port), Admin: address(s.adminPort), Database: filepath.Join(s.dir, databaseName),
		Done: s.process.Done(), Why: s.process.Exit,
	}
	return r, func() { s.stop(); _ = sandbox.RemoveAll(dir) }, nil
}

// changed leaves out the files that are the starter's own.
func changed(lab string, files map[string][]byte) (map[string][]byte, error) {
	starter, err := labs.Files(lab)
	if err != nil {
		return nil, fmt.Errorf("read the starter: %w", err)
	}
	files = maps.Clone(files)
	maps.DeleteFunc(files, func(name string, text []byte) bool {
		was, ok := starter[name]
		return ok && string(was) == string(text)
	})
	return files, nil
}

// BuildFault tells whether an error of Up is the learner's: files that do not
// build, or a service that does not start.
func BuildFault(err error) bool {
	var broken *workspace.BuildError
	var down *startError
	return errors.As(err, &broken) || errors.As(err, &down)
}
