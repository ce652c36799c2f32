package main

import (
	"bufio"
	"fmt"
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

// The real grader in a real server, killed twice in the middle of one run: nothing
// goes on running, and the third server gives the one verdict. What happens at the
// other gates is held by the grader's own tests.
func TestKilledInTheMiddleOfARealRun(t *testing.T) {
	if testing.Short() {
		t.Skip("measures")
	}
	data := t.TempDir()
	launch := func() (*exec.Cmd, string) {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "SERVE_DATA="+data, "SERVE_REAL=1")
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Kill() // it may have ended
			_ = cmd.Wait()
		})
		lines := bufio.NewScanner(out)
		if !lines.Scan() {
			t.Fatal("the server does not start")
		}
		return cmd, lines.Text()
	}
	cmd, base := launch()
	// It dies in the load, which ends the run soon.
	status, body := ask(t, http.MethodPut, base+first+"/files/extra.go", map[string]string{"text": `package main

import (
	"os"
	"time"
)

func init() { time.AfterFunc(5*time.Second, func() { os.Exit(7) }) }
`})
	if status != http.StatusOK {
		t.Fatalf("write: %d %s", status, body)
	}
	id := submit(t, base, first).ID
	for _, gate := range []verdict.Gate{verdict.Build, verdict.Load} {
		seen := 0
		for deadline := time.Now().Add(3 * time.Minute); seen == 0; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("it does not come to %s", gate)
			}
			events := get[[]verdict.Event](t, base+"/api/runs/"+id+"/events")
			numbered(t, events)
			for _, e := range events {
				if e.Gate != nil && e.Gate.Name == gate {
					seen++
				}
			}
		}
		family := family(cmd.Process.Pid)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		killed := time.Now()
		_ = cmd.Wait() // it was killed
		for pid, who := range family {
			for runs(pid, who) {
				if time.Since(killed) > time.Second {
					t.Fatalf("killed at %s, and %s still runs a second later", gate, who)
				}
				time.Sleep(2 * time.Millisecond) // no event tells of another's child
			}
		}
		t.Logf("killed at %s: %d processes gone after %s", gate, len(family), time.Since(killed).Round(time.Millisecond))
		cmd, base = launch()
	}
	var run wire.Run
	for deadline := time.Now().Add(3 * time.Minute); !run.State.Ended(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the run does not end: %+v", run.RunInfo)
		}
		run = get[wire.Run](t, base+"/api/runs/"+id)
	}
	if run.State != wire.Done || run.Verdict == nil || run.Outcome != verdict.Failed || run.Verdict.Gate != verdict.Load {
		t.Errorf("it ended as %+v", run.RunInfo)
	}
	events := get[[]verdict.Event](t, base+"/api/runs/"+id+"/events")
	numbered(t, events) // and with one verdict
	if events[len(events)-1].Verdict == nil {
		t.Error("the last event is no verdict")
	}
	if left, err := filepath.Glob(filepath.Join(data, "cache", "run-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// family lists the processes below one, by number, with their names and starts.
func family(pid int) map[int]string {
	below := map[int]string{}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil
	}
	for more := true; more; {
		more = false
		for _, path := range stats {
			child, parent, who, ok := process(path)
			if _, known := below[parent]; ok && below[child] == "" && (known || parent == pid) {
				below[child], more = who, true
			}
		}
	}
	return below
}

// process reads proc(5)'s stat; a process that has ended is none.
func process(path string) (pid, parent int, who string, ok bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, 0, "", false
	}
	name, rest, _ := strings.Cut(string(text), ") ")
	var state string
	if _, err := fmt.Sscan(rest, &state, &parent); err != nil || state == "Z" || state == "X" {
		return 0, 0, "", false
	}
	if _, err := fmt.Sscan(name, &pid); err != nil {
		return 0, 0, "", false
	}
	return pid, parent, name + ") since " + strings.Fields(rest)[19], true
}

func runs(pid int, was string) bool {
	_, _, who, ok := process(fmt.Sprintf("/proc/%d/stat", pid))
	return ok && who == was
}
