package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/p95lab/p95lab/grader/compare"
)

// What is exported is the challenge's mix, drawn again alike, and our own reader
// of Vegeta's format takes it.
func TestExportForVegeta(t *testing.T) {
	code, out, progress := called(t, "export", "missing-index", "--vegeta", "--requests", "500", "--base", "http://127.0.0.1:9999/")
	if code != exitPassed || progress != "" {
		t.Fatalf("exit %d: %s", code, progress)
	}
	got, err := compare.ReadTargets("targets", []byte(out), nil)
	if err != nil || len(got.Requests) != 500 || len(got.Notes) > 0 {
		t.Fatalf("%d requests, notes %v, %v", len(got.Requests), got.Notes, err)
	}
	writes := strings.Count(out, `"method":"POST"`)
	if writes < 20 || writes > 90 { // one of ten
		t.Errorf("%d of 500 requests place an order", writes)
	}
	if strings.Count(out, `"url":"http://127.0.0.1:9999/customers/`) != 500 {
		t.Errorf("an address is not the service's: %.200s", out)
	}
	if _, again, _ := called(t, "export", "missing-index", "--vegeta", "--requests", "500", "--base", "http://127.0.0.1:9999/"); again != out {
		t.Error("the same seed draws other requests")
	}
}

func TestExportRefuses(t *testing.T) {
	for _, args := range [][]string{
		{"export", "missing-index"}, {"export", "missing-index", "--vegeta", "--k6"}, {"export", "nothing", "--k6"},
		{"export", "missing-index", "--k6", "--base", "nowhere"}, {"export", "missing-index", "--k6", "--requests", "0"},
	} {
		if code, out, _ := called(t, args...); code != exitUsage || out != "" {
			t.Errorf("%v: exit %d, %q", args, code, out)
		}
	}
}

// Both tools take their export, where this machine has them; the script is at
// least JavaScript, where there is Node.
func TestToolsTakeTheirExport(t *testing.T) {
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(s.Close)
	dir := t.TempDir()
	for _, tc := range []struct {
		tool string
		args []string // of export
		run  func(file string) []string
		asks bool
	}{
		{"vegeta", []string{"--vegeta"}, func(f string) []string {
			return []string{"attack", "-format=json", "-targets=" + f, "-rate=50", "-duration=1s", "-output=" + f + ".bin"}
		}, true},
		{"k6", []string{"--k6", "--rate", "50", "--seconds", "1"}, func(f string) []string { return []string{"run", "--quiet", f} }, true},
		{"node", []string{"--k6"}, func(f string) []string { return []string{"--check", f} }, false},
	} {
		t.Run(tc.tool, func(t *testing.T) {
			path, err := exec.LookPath(tc.tool)
			if err != nil {
				t.Skipf("there is no %s on PATH", tc.tool)
			}
			code, out, progress := called(t, append([]string{"export", "missing-index", "--base", s.URL}, tc.args...)...)
			if code != exitPassed {
				t.Fatalf("exit %d: %s", code, progress)
			}
			file := filepath.Join(dir, tc.tool+".mjs")
			if err := os.WriteFile(file, []byte(out), 0o600); err != nil {
				t.Fatal(err)
			}
			before := asked.Load()
			if said, err := exec.CommandContext(t.Context(), path, tc.run(file)...).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, said)
			}
			if n := asked.Load() - before; tc.asks && n < 40 {
				t.Errorf("%s asked %d times", tc.tool, n)
			}
		})
	}
}
