package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/p95lab/p95lab/grader/verdict"
)

// called runs the command and returns its exit code, output and progress.
func called(t *testing.T, args ...string) (code int, out, progress string) {
	t.Helper()
	t.Setenv("P95LAB_DATA", t.TempDir())
	file := func(name string) *os.File {
		f, err := os.Create(filepath.Join(t.TempDir(), name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		return f
	}
	o, p := file("out"), file("progress")
	code = run(args, o, p)
	text := func(f *os.File) string {
		b, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	return code, text(o), text(p)
}

func serve(t *testing.T, after time.Duration) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(after) // a known latency
		_, _ = fmt.Fprint(w, r.URL.Path)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestCompareExitCodes(t *testing.T) {
	// So far apart that a slice in which the machine did something else does not hide it.
	slow, fast := serve(t, 20*time.Millisecond), serve(t, 5*time.Millisecond)
	dir := t.TempDir()
	targets := filepath.Join(dir, "targets")
	if err := os.WriteFile(targets, []byte("GET http://old/a\nAccept: */*\n\nGET\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	load := []string{"--rate", "200", "--for", "5s"}
	for _, tc := range []struct {
		name string
		args []string
		code int
		says string // in the output or the progress
	}{
		{"worse", append(load, "--before", fast, "--after", slow, "--path", "/x", "--path", "y"), 1, "After is worse"},
		{"better", append(load, "--before", slow, "--after", fast, "--path", "/{n}", "--with", "n=sequence(1,9)", "-H", "X-A: b"), 0, "After is better"},
		{"no different, or too noisy to say", append(load, "--before", fast, "--after", fast, "--users", "2", "--no-keepalive"), 0, "No difference"},
		{"too few", []string{"--rate", "2", "--for", "3s", "--before", fast, "--after", fast}, 3, "Nothing can be told"},
		{"nobody there", append(load, "--before", fast, "--after", "127.0.0.1:1"), 2, "after cannot be reached"},
		{"no after", []string{"--before", fast}, 2, "say either --after or --after-cmd"},
		{"a wrong line", append(load, "--before", fast, "--after", fast, "--targets", targets), 2, "targets:4:"},
		{"targets and paths", append(load, "--before", fast, "--after", fast, "--targets", targets, "--path", "/"), 2, "leave --path"},
		{"no such file", append(load, "--before", fast, "--after", fast, "--targets", filepath.Join(dir, "none")), 2, "none"},
		{"no body", append(load, "--before", fast, "--after", fast, "--body", "@"+filepath.Join(dir, "none")), 2, "none"},
		{"a rate", []string{"--before", fast, "--after", fast, "--rate", "many"}, 2, "neither auto nor a number"},
		{"a ratio", []string{"--before", fast, "--after", fast, "--fail-if-worse", "1x"}, 2, "not a ratio above 1"},
		{"a width", []string{"--before", fast, "--after", fast, "--within", "few"}, 2, "not a percentage"},
		{"a header", []string{"--before", fast, "--after", fast, "-H", "x"}, 2, "Name: value"},
		{"a variable", []string{"--before", fast, "--after", fast, "--path", "/{n}", "--with", "n=some(1)"}, 2, "not a distribution"},
		{"a value to take", []string{"--before", fast, "--after", fast, "--take", "n"}, 2, "neither name=/json/pointer"},
		{"a bandwidth", []string{"--before", fast, "--after", fast, "--link-bandwidth", "thin"}, 2, "kbit"},
		{"a flag", []string{"--befor", fast}, 2, "unknown flag"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			measures := tc.code != 2
			if measures && testing.Short() {
				t.Skip("it measures")
			}
			var code int
			var out, progress string
			for range 3 { // a machine may be too busy to tell
				if code, out, progress = called(t, append([]string{"compare"}, tc.args...)...); code != 3 || tc.code == 3 {
					break
				}
			}
			if code == 3 && tc.code == 0 && tc.says == "No difference" {
				return
			}
			if code != tc.code || !strings.Contains(out+progress, tc.says) {
				t.Errorf("exit code %d, want %d with %q:\n%s\n%s", code, tc.code, tc.says, out, progress)
			}
			if tc.code == 2 && out != "" && !strings.Contains(out, "Usage") {
				t.Errorf("it printed a result: %s", out)
			}
		})
	}
}

func TestCompareWritesReports(t *testing.T) {
	if testing.Short() {
		t.Skip("it measures")
	}
	dir := t.TempDir()
	page, comment, targets := filepath.Join(dir, "r.html"), filepath.Join(dir, "r.md"), filepath.Join(dir, "t")
	if err := os.WriteFile(targets, []byte("GET http://old/a\n\nPOST http://old/b\n@"+targets+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, out, progress := called(t, "compare", "--before", serve(t, 0), "--after", serve(t, 5*time.Millisecond), "--targets", targets,
		"--rate", "200", "--for", "3s", "--json", "--html", page, "--markdown", comment, "--metric", "p50", "--seed", "42", "--link-round-trip", "2ms", "--link-bandwidth", "10mbit")
	var v verdict.Verdict
	d := json.NewDecoder(strings.NewReader(out))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil || v.Seed != 42 || v.Challenge != "compare" || v.Load == nil || progress != "" {
		t.Fatalf("%v: %s\n%s", err, out, progress)
	}
	for path, want := range map[string]string{page: "<svg", comment: "### "} {
		if text, err := os.ReadFile(path); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// With --json also an error is one object.
func TestCompareTellsErrorsAsJSON(t *testing.T) {
	code, out, _ := called(t, "compare", "--before", "127.0.0.1:1", "--after", "127.0.0.1:1", "--json")
	var v verdict.Verdict
	if err := json.Unmarshal([]byte(out), &v); err != nil || v.Outcome != verdict.Error || v.Gate != verdict.Start || !strings.Contains(v.Message, "reached") || code != 2 {
		t.Errorf("exit code %d, %v: %s", code, err, out)
	}
}

func TestCompareHelp(t *testing.T) {
	code, out, _ := called(t, "compare", "--help")
	if code != 0 || !strings.Contains(out, "Exit codes") || !strings.Contains(out, "--before-cmd") {
		t.Errorf("exit code %d: %s", code, out)
	}
}
