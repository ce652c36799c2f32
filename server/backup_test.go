package main

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/p95lab/p95lab/grader/verdict"
	"github.com/p95lab/p95lab/server/wire"
)

// p95lab runs the program itself, as from a shell.
func p95lab(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), "P95LAB_MAIN=1")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// A backup is taken while the server runs; a restore waits for nobody.
func TestBackupAndRestore(t *testing.T) {
	data, other := t.TempDir(), filepath.Join(t.TempDir(), "other")
	base := serve(t, data, func(c *Config) { c.Grade = scripted(1, time.Millisecond) })
	info := submit(t, base, first)
	wait(t, base, info.ID)
	if status, body := ask(t, "PUT", base+first+"/files/store.go", map[string]string{"text": "package main // mine\n"}); status != http.StatusOK {
		t.Fatalf("write: %d %s", status, body)
	}
	file := filepath.Join(t.TempDir(), "lab.tar.gz")
	for _, c := range []struct {
		args []string
		ok   bool
		says string
	}{
		{[]string{"backup", file, "--data", data}, true, "backed up to " + file},
		{[]string{"backup", file, "--data", data}, false, "--force"},
		{[]string{"backup", file, "--data", data, "--force"}, true, "1 runs"},
		{[]string{"restore", file, "--data", data, "--force"}, false, "another p95lab uses"},
		{[]string{"restore", file + "2", "--data", other}, false, "lab.tar.gz2"},
		{[]string{"restore", file, "--data", other}, true, "restored to " + other},
		{[]string{"backup", "--help"}, true, "gzipped tar"},
		{[]string{"restore", "--help"}, true, "Bring a backup back"},
		{[]string{"serve", "--help"}, true, "--port"},
		{[]string{"--help"}, true, "backup"},
		{[]string{"--listen", "0.0.0.0", "--data", other}, false, "not a loopback address"}, // serves by default
	} {
		out, err := p95lab(t, c.args...)
		if (err == nil) != c.ok || !strings.Contains(out, c.says) {
			t.Errorf("p95lab %s: %v\n%s", strings.Join(c.args, " "), err, out)
		}
	}
	again := serve(t, other, func(c *Config) { c.Grade = scripted(1, time.Millisecond) })
	if run := get[wire.Run](t, again+"/api/runs/"+info.ID); run.Outcome != verdict.Passed {
		t.Errorf("restored as %+v", run.RunInfo)
	}
	if files := get[wire.Workspace](t, again+first+"/workspace").Files; files[0].Text != "package main // mine\n" {
		t.Errorf("%s is %.40q", files[0].Path, files[0].Text)
	}
}
