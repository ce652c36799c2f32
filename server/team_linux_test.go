package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/p95lab/p95lab/grader/sandbox"
)

// Team mode refuses to start where learners' code is not confined; here, where it
// runs as an ordinary user, who cannot give each service a user of its own. Root
// of this machine may serve a team. Either way nothing else decides.
func TestTeamModeNeedsTheSandbox(t *testing.T) {
	data, program := t.TempDir(), filepath.Join(t.TempDir(), "p95lab")
	text, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	// Where an ordinary user may start it.
	if err := errors.Join(os.WriteFile(program, text, 0o755), os.Chmod(filepath.Dir(data), 0o755), os.Chmod(data, 0o777)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "serve", "--team", "--data", data, "--port", "0")
	cmd.Env = []string{"P95LAB_MAIN=1", "PATH=" + os.Getenv("PATH"), "HOME=" + data}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 54321, Gid: 54321}}
	}
	printed, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(printed), "team mode does not start here") || !strings.Contains(string(printed), "missing:") {
		t.Errorf("as an ordinary user: %v\n%s", err, printed)
	}
	if left, err := os.ReadDir(data); err != nil || len(left) > 0 {
		t.Errorf("it has begun all the same: %v, %v", left, err)
	}
	if sandbox.New(t.Context()).Require() != nil {
		return
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cmd = exec.CommandContext(ctx, os.Args[0], "serve", "--team", "--data", t.TempDir(), "--port", "0")
	cmd.Env = append(os.Environ(), "P95LAB_MAIN=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "P95 Lab is ready") {
		t.Errorf("as root it says %q, %v", line, err)
	}
	cancel()
	_, _ = io.Copy(io.Discard, out)
	_ = cmd.Wait() // it was killed
}
