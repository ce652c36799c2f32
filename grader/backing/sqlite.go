// Package backing provides what a service leans on: here, SQLite files made
// from a template that is built once. It knows how a service's own binary seeds
// and migrates its data; it must not know challenges, load or verdict rules.
package backing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/p95lab/p95lab/grader/cache"
	"github.com/p95lab/p95lab/grader/sandbox"
)

// Templates keeps seeded databases under a folder, by content, and copies them.
// It is safe for concurrent use.
type Templates struct {
	dir    string
	flight singleflight.Group
}

// NewTemplates returns templates kept in dir.
func NewTemplates(dir string) *Templates { return &Templates{dir: dir} }

// seeding is how the names of folders begin that data is made in.
const seeding = "seeding-"

// Sweep removes what seedings have left whose process was killed.
func (t *Templates) Sweep() error { return cache.Sweep(t.dir, seeding, sandbox.RemoveAll) }

// Data says which rows: the same data is the same rows.
type Data struct {
	Binary string // the starter, which knows its own schema and rows
	Key    string // names the starter's content
	Seed   uint64
	Scale  float64 // 1 is the challenge's own size
}

// limits of a seeding or a migration, which are single short commands.
const (
	seedTimeout    = 2 * time.Minute
	migrateTimeout = 20 * time.Second
	toolMemory     = 1 << 30
	toolOutput     = 1 << 20
)

// Template returns the path of the seeded database, which must not be written,
// and seeds it first where this machine has not got it.
func (t *Templates) Template(ctx context.Context, d Data) (string, error) {
	name := fmt.Sprintf("%s-%d-%g.db", d.Key, d.Seed, d.Scale)
	path := filepath.Join(t.dir, name)
	_, err, _ := t.flight.Do(name, func() (any, error) { return nil, t.seed(ctx, path, d) })
	if errors.Is(err, context.Canceled) && ctx.Err() == nil {
		return t.Template(ctx, d) // another caller gave up
	}
	return path, err
}

func (t *Templates) seed(ctx context.Context, path string, d Data) error {
	if cache.Whole(path) {
		return nil
	}
	if err := os.MkdirAll(t.dir, 0o755); err != nil {
		return fmt.Errorf("make the template cache: %w", err)
	}
	work, done, err := cache.Temp(t.dir, seeding, sandbox.RemoveAll)
	if err != nil {
		return fmt.Errorf("make a seeding folder: %w", err)
	}
	defer done()
	ctx, cancel := context.WithTimeout(ctx, seedTimeout)
	defer cancel()
	fresh := filepath.Join(work, "data.db")
	// The starter is ours.
	_, err = sandbox.Open().Run(ctx, sandbox.Spec{
		Path: d.Binary, Args: []string{"seed"}, Dir: work, Memory: toolMemory, Output: toolOutput,
		Env: []string{URL(fresh), fmt.Sprintf("SEED=%d", d.Seed), fmt.Sprintf("SCALE=%g", d.Scale), "TMPDIR=" + work},
	})
	if err != nil {
		return fmt.Errorf("seed the data: %w", err)
	}
	if err := cache.Seal(fresh); err != nil {
		return err
	}
	if err := errors.Join(os.Rename(cache.SealOf(fresh), cache.SealOf(path)), os.Rename(fresh, path)); err != nil {
		return fmt.Errorf("keep the seeded data: %w", err)
	}
	return nil
}

// URL is the environment entry that points a service at its database.
func URL(path string) string { return "DATABASE_URL=sqlite:" + path }

// Copy writes a private copy of a template to dst.
func Copy(template, dst string) error {
	from, err := os.Open(template)
	if err != nil {
		return fmt.Errorf("open the template: %w", err)
	}
	defer func() { _ = from.Close() }()
	to, err := os.OpenFile(dst, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("make the copy: %w", err)
	}
	if _, err := io.Copy(to, from); err != nil {
		return errors.Join(fmt.Errorf("copy the template: %w", err), to.Close())
	}
	if err := to.Close(); err != nil {
		return fmt.Errorf("close the copy: %w", err)
	}
	return nil
}

// Migrate applies the *.sql files of folder to a database. It is the trusted
// binary that runs the learner's SQL, in a process with limits of its own. An
// *sandbox.ExitError or a deadline is the learner's fault.
func Migrate(ctx context.Context, l *sandbox.Launcher, trusted, folder, database string) (time.Duration, error) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, migrateTimeout)
	defer cancel()
	own := filepath.Dir(database)
	_, err := l.Run(ctx, sandbox.Spec{
		Path: trusted, Args: []string{"migrate", folder}, Dir: own, Memory: toolMemory, Output: toolOutput,
		ReadOnly: []string{folder}, Writable: []string{own},
		Env: []string{URL(database), "TMPDIR=" + own},
	})
	return time.Since(began), err
}

// planTimeout bounds the planning of a handful of statements, and maxPlans the
// bytes that it may write.
const (
	planTimeout = 5 * time.Second
	maxPlans    = 1 << 20
)

// Plan asks how SQLite runs statements on a database that no service uses any
// more, and returns what the trusted binary writes. Both are a stranger's, so it is
// a process with limits of its own that reads them.
func Plan(ctx context.Context, l *sandbox.Launcher, trusted, database string, statements []string) ([]byte, error) {
	own := filepath.Dir(database)
	from, to := filepath.Join(own, "statements.json"), filepath.Join(own, "plans.json")
	list, err := json.Marshal(statements)
	if err != nil {
		return nil, fmt.Errorf("write the statements: %w", err)
	}
	// The folder was the service's: whatever lies there under these names goes first.
	if err := errors.Join(os.RemoveAll(from), os.RemoveAll(to), os.WriteFile(from, list, 0o644)); err != nil {
		return nil, fmt.Errorf("write the statements: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, planTimeout)
	defer cancel()
	if _, err := l.Run(ctx, sandbox.Spec{
		Path: trusted, Args: []string{"plan", from, to}, Dir: own, Memory: toolMemory, Output: toolOutput, Writable: []string{own},
		Env: []string{URL(database), "TMPDIR=" + own},
	}); err != nil {
		return nil, fmt.Errorf("plan the statements: %w", err)
	}
	root, err := os.OpenRoot(own) // no link leads out of it
	if err != nil {
		return nil, fmt.Errorf("read the plans: %w", err)
	}
	defer func() { _ = root.Close() }()
	file, err := root.Open(filepath.Base(to))
	if err != nil {
		return nil, fmt.Errorf("read the plans: %w", err)
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, maxPlans))
	if err != nil {
		return nil, fmt.Errorf("read the plans: %w", err)
	}
	return text, nil
}
