package workspace

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/p95lab/p95lab/grader/sandbox"
)

// What a learner's build may use. A usual one takes a second or two and some
// 400 MB.
const (
	// buildWork is processor time, of all that it starts together: a machine that
	// others keep busy must not make a fault of the learner's. buildPatience is
	// how long the machine may take to give it; beyond that the fault is ours.
	buildWork     = time.Minute
	buildPatience = 5 * time.Minute
	buildMemory   = 1536 << 20
	buildOutput   = 8 << 20
	buildScratch  = 512 << 20
	buildDisk     = 512 << 20
	artefactLimit = 256 << 20
)

// compileConfined runs the go command in the sandbox: without a network, with a
// read-only view of the workspace, the toolchain and the modules, and with the
// go command's cache below a layer in memory, so that what a learner's build
// puts into it is seen by that build alone. Without a sandbox it runs as ours do.
func (b *Builder) compileConfined(ctx context.Context, env []string, src, out, lab string) (string, error) {
	launcher := b.launcher()
	if !launcher.Isolated() {
		return b.compile(ctx, env, src, out, lab)
	}
	yard, err := os.MkdirTemp(filepath.Dir(filepath.Dir(out)), "yard-")
	if err != nil {
		return "", fmt.Errorf("make the folder to build in: %w", err)
	}
	defer func() { _ = sandbox.RemoveAll(yard) }()
	within, cancel := context.WithTimeout(ctx, b.patience)
	defer cancel()
	var printed capped
	_, err = launcher.Run(within, sandbox.Spec{
		Path: filepath.Join(setting(env, "GOROOT"), "bin", "go"), Args: arguments(filepath.Join(yard, lab), lab), Dir: src,
		// Neither PATH nor the user's HOME: with cgo off the go command needs no
		// other program.
		Env:      append(env[:len(env):len(env)], "TMPDIR=/tmp", "HOME=/tmp"),
		ReadOnly: []string{src, setting(env, "GOROOT"), setting(env, "GOMODCACHE")}, Writable: []string{yard}, Overlays: []string{setting(env, "GOCACHE")},
		Memory: buildMemory, Output: buildOutput, Disk: buildDisk, Scratch: buildScratch, CPU: b.work,
		Line: func(line string) { _, _ = printed.Write([]byte(line)) },
	})
	var exit *sandbox.ExitError
	if errors.As(err, &exit) && exit.Fault == sandbox.OverTime {
		return printed.String(), err
	}
	if err != nil && within.Err() != nil && ctx.Err() == nil {
		// With the processor it would have ended by itself, or for its use of it.
		return printed.String(), fmt.Errorf("a build that may take %s of processor time was not done with it in %s: this machine is too busy, or its disk is", b.work, b.patience)
	}
	if err != nil {
		return printed.String(), err
	}
	return printed.String(), collect(yard, lab, out)
}

// collect copies what a build made to a file of our own. The build had its
// folder to itself and may have left anything there: a link to a file of this
// machine, a pipe that never answers, a hole of a terabyte.
func collect(yard, name, to string) error {
	root, err := os.OpenRoot(yard)
	if err != nil {
		return fmt.Errorf("open the folder of the build: %w", err)
	}
	defer func() { _ = root.Close() }()
	if info, err := root.Lstat(name); err != nil || !info.Mode().IsRegular() {
		return fmt.Errorf("collect the program: %w", &refusedArtefact{"nothing, or a link, a pipe, a folder"})
	}
	// It cannot have changed since, as the build has ended, but a pipe that is
	// opened by mistake must not hold us up.
	from, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("open the program: %w", err)
	}
	defer func() { _ = from.Close() }()
	info, err := from.Stat()
	if err != nil {
		return fmt.Errorf("look at the program: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() == 0 || info.Size() > artefactLimit {
		return fmt.Errorf("collect the program: %w", &refusedArtefact{fmt.Sprintf("%s of %d bytes", info.Mode(), info.Size())})
	}
	kept, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return fmt.Errorf("keep the program: %w", err)
	}
	if _, err := io.Copy(kept, io.LimitReader(from, artefactLimit)); err != nil {
		return errors.Join(fmt.Errorf("keep the program: %w", err), kept.Close())
	}
	if err := kept.Close(); err != nil {
		return fmt.Errorf("keep the program: %w", err)
	}
	return nil
}

// refusedArtefact tells that a build left something that is no program.
type refusedArtefact struct{ what string }

func (e *refusedArtefact) Error() string { return "the build left no regular file: " + e.what }
