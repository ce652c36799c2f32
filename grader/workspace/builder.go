// Package workspace turns a lab and a learner's files into a binary. It knows
// the go command and a content-addressed cache of what it built; it must not
// know challenges, load or verdict rules.
package workspace

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/singleflight"
	"golang.org/x/sys/unix"

	"github.com/p95lab/p95lab/grader/cache"
	"github.com/p95lab/p95lab/grader/sandbox"
	"github.com/p95lab/p95lab/labs"
)

// Builder builds services and keeps what it built under Dir, by content. It is
// safe for concurrent use; equal builds are done once.
type Builder struct {
	dir      string
	launcher func() *sandbox.Launcher
	// work and patience are buildWork and buildPatience.
	work, patience time.Duration

	mu      sync.Mutex // guards env and version
	env     []string
	version string
	flight  singleflight.Group
}

// Binary is a built service. The folder that holds it is never written again.
type Binary struct {
	Path string
	// Hash names the content: the service, the learner's files, the Go version.
	Hash string
	// Migrations is the folder of *.sql files of this content; it may be empty.
	Migrations string
	Took       time.Duration
	Cached     bool
}

// BuildError is the learner's: their files do not compile.
type BuildError struct {
	Diagnostics []Diagnostic
	Output      string // what the go command printed, at most 64 KiB
}

func (e *BuildError) Error() string {
	if len(e.Diagnostics) > 0 {
		d := e.Diagnostics[0]
		return fmt.Sprintf("%s:%d:%d: %s", d.File, d.Line, d.Column, d.Message)
	}
	return "the build failed: " + strings.TrimSpace(e.Output)
}

// maxOutput bounds what is kept of a build's output.
const maxOutput = 64 << 10

// NewBuilder returns a builder that keeps its results in dir.
//
// launcher confines the builds of what learners wrote.
func NewBuilder(dir string, launcher func() *sandbox.Launcher) *Builder {
	return &Builder{dir: dir, launcher: launcher, work: buildWork, patience: buildPatience}
}

// Build lays a learner's files over the service of that name and builds it,
// confined where this machine can. Nothing of it stays in the go command's own
// cache. A *BuildError is the learner's fault; any other error is not.
func (b *Builder) Build(ctx context.Context, lab string, files map[string][]byte) (Binary, error) {
	own, err := labs.Files(lab)
	if err != nil {
		return Binary{}, fmt.Errorf("read the service: %w", err)
	}
	if refused := admit(files, own); refused != nil {
		return Binary{}, refused
	}
	return b.buildOnce(ctx, lab, files, b.compileConfined)
}

// BuildOurs builds the starter, or a solution of the challenge itself. What it
// compiles is kept in the go command's cache, so that a learner's build need not.
func (b *Builder) BuildOurs(ctx context.Context, lab string, files map[string][]byte) (Binary, error) {
	return b.buildOnce(ctx, lab, files, b.compileOurs)
}

// building is how the names of folders begin that something is built in.
const building = "building-"

// Sweep removes what builds have left whose process was killed.
func (b *Builder) Sweep() error { return cache.Sweep(b.dir, building, sandbox.RemoveAll) }

// compiler runs the go command on a workspace and returns what it printed. A
// program that does not compile is a *sandbox.ExitError.
type compiler func(ctx context.Context, env []string, src, out, lab string) (string, error)

func (b *Builder) buildOnce(ctx context.Context, lab string, files map[string][]byte, compile compiler) (Binary, error) {
	env, err := b.environment(ctx)
	if err != nil {
		return Binary{}, err
	}
	key, err := b.key(lab, files)
	if err != nil {
		return Binary{}, err
	}
	for {
		out, err, _ := b.flight.Do(key, func() (any, error) { return b.build(ctx, env, key, lab, files, compile) })
		if errors.Is(err, context.Canceled) && ctx.Err() == nil {
			continue // it was another caller, sharing this build, who gave up
		}
		if err != nil {
			return Binary{}, err
		}
		return out.(Binary), nil
	}
}

func (b *Builder) build(ctx context.Context, env []string, key, lab string, files map[string][]byte, compile compiler) (Binary, error) {
	began := time.Now()
	home := filepath.Join(b.dir, key)
	bin := Binary{Path: filepath.Join(home, lab), Hash: key, Migrations: filepath.Join(home, "migrations")}
	if cache.Whole(home) {
		bin.Cached = true
		return bin, nil
	}
	if err := os.MkdirAll(b.dir, 0o755); err != nil {
		return Binary{}, fmt.Errorf("make the build cache: %w", err)
	}
	work, done, err := cache.Temp(b.dir, building, sandbox.RemoveAll)
	if err != nil {
		return Binary{}, fmt.Errorf("make a build folder: %w", err)
	}
	defer done()

	src := filepath.Join(work, "src")
	if err := Lay(src, lab, files); err != nil {
		return Binary{}, err
	}
	result := filepath.Join(work, "out")
	if err := os.MkdirAll(filepath.Join(result, "migrations"), 0o755); err != nil {
		return Binary{}, fmt.Errorf("make the result folder: %w", err)
	}
	output, err := compile(ctx, env, src, filepath.Join(result, lab), lab)
	if err != nil {
		var exit *sandbox.ExitError
		if errors.As(err, &exit) && ctx.Err() == nil && strings.Contains(output, syscall.ENOSPC.Error()) && diskFull(b.dir) {
			return Binary{}, fmt.Errorf("the disk with %s has no room to build in: %w", b.dir, syscall.ENOSPC)
		}
		if errors.As(err, &exit) && ctx.Err() == nil {
			if exit.Fault != "" {
				output = "the build was ended for its use of " + string(exit.Fault)
			}
			return Binary{}, &BuildError{Diagnostics: Parse(output, "labs/"+lab+"/"), Output: output}
		}
		var none *refusedArtefact
		if errors.As(err, &none) {
			return Binary{}, &BuildError{Output: none.Error()}
		}
		return Binary{}, fmt.Errorf("run the go command: %w", errors.Join(ctx.Err(), err))
	}
	if err := copyMigrations(filepath.Join(src, "labs", lab, "migrations"), filepath.Join(result, "migrations")); err != nil {
		return Binary{}, err
	}
	if err := cache.Seal(result); err != nil {
		return Binary{}, err
	}
	if !cache.Whole(home) { // another process may have been quicker
		if err := cache.Drop(home); err != nil { // damaged, or of a time before seals
			return Binary{}, err
		}
	}
	// The rename publishes the result whole: a reader sees all of it or nothing.
	if err := os.Rename(result, home); err != nil && !cache.Whole(home) {
		return Binary{}, fmt.Errorf("publish the build: %w", err)
	}
	bin.Took = time.Since(began)
	return bin, nil
}

// compileTimeout is long, as the first build on a machine compiles SQLite, which
// takes about a minute on two cores.
const compileTimeout = 5 * time.Minute

// arguments are those of every build.
func arguments(out, lab string) []string {
	// Profiles name functions without debugging information, and it takes a third
	// of the time to link.
	return []string{"build", "-trimpath", "-mod=readonly", "-buildvcs=false", "-ldflags=-w", "-o", out, "./labs/" + lab}
}

// compileOurs fetches the modules that a service needs where they are missing:
// whoever builds the server alone has those of the server. It is the only step
// that uses the network, and the user's own settings for it.
func (b *Builder) compileOurs(ctx context.Context, env []string, src, out, lab string) (string, error) {
	output, err := b.compile(ctx, env, src, out, lab)
	if err == nil || !strings.Contains(output, "disabled by GOPROXY=off") {
		return output, err
	}
	fetch := exec.CommandContext(ctx, "go", "list", "-deps", "-mod=readonly", "./labs/"+lab)
	fetch.Dir = src
	if printed, err := fetch.CombinedOutput(); err != nil {
		return "", fmt.Errorf("fetch the modules of %s: %w: %s", lab, err, strings.TrimSpace(string(printed)))
	}
	return b.compile(ctx, env, src, out, lab)
}

// compile runs the go command as it is, on what is ours. It and the compilers
// that it starts end with this process, however that ends.
func (b *Builder) compile(ctx context.Context, env []string, src, out, lab string) (string, error) {
	within, cancel := context.WithTimeout(ctx, compileTimeout)
	defer cancel()
	var printed capped
	_, err := sandbox.Open().Run(within, sandbox.Spec{
		Path: filepath.Join(setting(env, "GOROOT"), "bin", "go"), Args: arguments(out, lab), Dir: src,
		// Neither PATH nor HOME: with cgo off the go command needs no other program.
		Env: append(slices.Clip(env), "TMPDIR="+filepath.Dir(out)), Output: buildOutput,
		Line: func(line string) { _, _ = printed.Write([]byte(line)) },
	})
	if err != nil && within.Err() != nil && ctx.Err() == nil {
		return printed.String(), fmt.Errorf("the build took longer than %s", compileTimeout)
	}
	return printed.String(), err
}

// setting is the value of a variable of the environment of builds.
func setting(env []string, name string) string {
	for _, e := range env {
		if value, ok := strings.CutPrefix(e, name+"="); ok {
			return value
		}
	}
	return ""
}

// key names a build by everything that goes into it.
func (b *Builder) key(lab string, files map[string][]byte) (string, error) {
	base, err := labs.Hash(lab)
	if err != nil {
		return "", fmt.Errorf("hash the service: %w", err)
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s\x00%s\x00%s\x00%s/%s\x00", lab, base, b.version, runtime.GOOS, runtime.GOARCH)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(h, "%s\x00%d\x00", name, len(files[name]))
		h.Write(files[name])
	}
	return hex.EncodeToString(h.Sum(nil))[:32], nil
}

// environment is the clean environment of every build: nothing of the user's
// go configuration counts, nothing is fetched, and cgo is off, so that what
// compiles here compiles the same everywhere.
func (b *Builder) environment(ctx context.Context) ([]string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.env != nil {
		return b.env, nil
	}
	printed, err := exec.CommandContext(ctx, "go", "env", "GOVERSION", "GOROOT", "GOMODCACHE", "GOCACHE").Output()
	if err != nil {
		return nil, fmt.Errorf("ask the go command for its settings (is Go installed and on PATH?): %w", err)
	}
	v := strings.Split(strings.TrimSpace(string(printed)), "\n")
	if len(v) != 4 {
		return nil, fmt.Errorf("go env printed %d lines, want 4", len(v))
	}
	b.version = v[0]
	b.env = []string{
		"GOROOT=" + v[1], "GOMODCACHE=" + v[2], "GOCACHE=" + v[3],
		"GOENV=off", "GOWORK=off", "GOFLAGS=", "GOPROXY=off", "GOSUMDB=off", "GOTOOLCHAIN=local",
		"GOVCS=*:off", "CGO_ENABLED=0", "GOTELEMETRY=off",
	}
	return b.env, nil
}

// GoVersion is the version of the go command that builds, such as "go1.26.8";
// it is known after the first build.
func (b *Builder) GoVersion(ctx context.Context) (string, error) {
	_, err := b.environment(ctx)
	return b.version, err
}

// Lay writes a service with files over it to dst, which must not exist. Names
// are slash-separated and relative to the service's folder; one that leaves it
// is an error.
func Lay(dst, lab string, files map[string][]byte) error {
	if err := labs.Materialise(dst, lab); err != nil {
		return fmt.Errorf("lay out the service: %w", err)
	}
	root, err := os.OpenRoot(filepath.Join(dst, "labs", lab))
	if err != nil {
		return fmt.Errorf("open the service's folder: %w", err)
	}
	defer func() { _ = root.Close() }()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		local := filepath.FromSlash(name)
		if dir := filepath.Dir(local); dir != "." {
			if err := root.MkdirAll(dir, 0o755); err != nil {
				return fmt.Errorf("make the folder of %s: %w", name, err)
			}
		}
		if err := root.WriteFile(local, files[name], 0o644); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return nil
}

// diskFull tells whether this machine's own disk has no room for a program: a
// build may also have filled what it was given, which is its own fault.
func diskFull(dir string) bool {
	var st unix.Statfs_t
	return unix.Statfs(dir, &st) == nil && int64(st.Bavail)*int64(st.Bsize) < artefactLimit //nolint:unconvert // other systems have other widths
}

func copyMigrations(from, to string) error {
	entries, err := os.ReadDir(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || filepath.Ext(e.Name()) != ".sql" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			return fmt.Errorf("read a migration: %w", err)
		}
		if err := os.WriteFile(filepath.Join(to, e.Name()), text, 0o644); err != nil {
			return fmt.Errorf("keep a migration: %w", err)
		}
	}
	return nil
}

// capped keeps the first maxOutput bytes and counts the rest as written, so
// that a talkative build goes on to its end.
type capped struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (c *capped) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if room := maxOutput - c.buf.Len(); room > 0 {
		c.buf.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

func (c *capped) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.buf.String()
}

var _ io.Writer = (*capped)(nil)
