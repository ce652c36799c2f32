//go:build linux

package grader

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/p95lab/p95lab/challenges"
	"github.com/p95lab/p95lab/grader/verdict"
)

// victim is a grader in a process of its own, which tells each gate that it
// enters. It grades the solution, whose goal is met soon.
func victim(folder, slug string) error {
	all, err := challenges.All()
	if err != nil {
		return err
	}
	for _, c := range all {
		if c.Slug != slug {
			continue
		}
		files, err := c.Overlay("_solution")
		if err != nil {
			return err
		}
		files["killed.go"] = fmt.Appendf(nil, "package main\n\n// %d\n", os.Getpid()) // not built before
		v, err := New(folder).Grade(context.Background(), Job{Challenge: c, Files: files}, func(e verdict.Event) {
			if e.Gate != nil && e.Gate.State == "running" {
				fmt.Println(e.Gate.Name)
			}
		})
		if err != nil {
			return err
		}
		fmt.Println(v.Outcome, v.Message)
	}
	return nil
}

// kill -9 of a grader at any gate: within a second nothing of it runs, and the
// next run works and removes what was left.
func TestKilledAtEachGate(t *testing.T) {
	if testing.Short() {
		t.Skip("measures")
	}
	const slug = "missing-index"
	if err := shared.Prepare(t.Context(), challenge(t, slug)); err != nil {
		t.Fatal(err)
	}
	for _, gate := range []verdict.Gate{verdict.Build, verdict.Start, verdict.Check, verdict.Load, verdict.Compare} {
		t.Run(string(gate), func(t *testing.T) {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), "GRADE_IN="+shared.cache, "GRADE="+slug)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			cmd.Stderr = os.Stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			said := ""
			for lines := bufio.NewScanner(out); said != string(gate) && lines.Scan(); {
				said = lines.Text()
			}
			if said != string(gate) {
				_ = cmd.Wait()
				t.Fatalf("it never came to %s; its last words are %q", gate, said)
			}
			switch gate {
			case verdict.Build:
				awaitChild(t, cmd.Process.Pid, "(compile)", "(link)")
			case verdict.Start:
				awaitChild(t, cmd.Process.Pid, "")
			}
			// It stands still while we look, so that nothing new begins.
			if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			family := offspring(cmd.Process.Pid)
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			killed := time.Now()
			_ = cmd.Wait() // it was killed
			for pid, was := range family {
				for now, ok := identity(pid); ok && now == was; now, ok = identity(pid) {
					if time.Since(killed) > time.Second {
						t.Fatalf("%s still runs a second later", was)
					}
					time.Sleep(2 * time.Millisecond) // no event tells of another's child
				}
			}
			if len(family) == 0 {
				t.Error("it had no children, so nothing was shown")
			}
			t.Logf("%d processes gone after %s", len(family), time.Since(killed).Round(time.Millisecond))
			left, err := filepath.Glob(filepath.Join(shared.cache, "run-*[0-9]"))
			if err != nil || len(left) == 0 {
				t.Errorf("it left no folder, so nothing is shown of the sweep: %v", err)
			}
			next := New(shared.cache)
			next.swept()
			for _, pattern := range []string{"run-*", "builds/building-*", "templates/seeding-*"} {
				if left, err := filepath.Glob(filepath.Join(shared.cache, pattern)); err != nil || len(left) > 0 {
					t.Errorf("left behind: %v, %v", left, err)
				}
			}
		})
	}
	v, _ := grade(t, slug, map[string][]byte{"extra.go": []byte("package main\nthis is no Go\n")})
	if v.Outcome != verdict.Failed || v.Gate != verdict.Build {
		t.Errorf("the next run ends %s at %s", v.Outcome, v.Gate)
	}
}

// awaitChild waits until a process runs below one whose name holds one of these.
func awaitChild(t *testing.T, pid int, names ...string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		for _, who := range offspring(pid) {
			if slices.ContainsFunc(names, func(name string) bool { return strings.Contains(who, name) }) {
				return
			}
		}
	}
	t.Fatalf("nothing was started of %v", names)
}

// offspring are all processes below one, with what tells each from a later one of
// the same number.
func offspring(pid int) map[int]string {
	found := map[int]string{}
	for todo := []int{pid}; len(todo) > 0; {
		next := todo[0]
		todo = todo[1:]
		tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", next))
		if err != nil {
			continue
		}
		for _, task := range tasks {
			text, err := os.ReadFile(task)
			if err != nil {
				continue // it has ended
			}
			for _, field := range strings.Fields(string(text)) {
				var child int
				if _, err := fmt.Sscan(field, &child); err != nil {
					continue
				}
				if who, ok := identity(child); ok {
					found[child] = who
					todo = append(todo, child)
				}
			}
		}
	}
	return found
}

// identity names a process that runs; one that has ended and waits to be asked
// how is gone.
func identity(pid int) (string, bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", false
	}
	name, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest) // from the state on, proc(5)
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return "", false
	}
	return name + ") since " + fields[19], true
}
