package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/p95lab/p95lab/grader"
	"github.com/p95lab/p95lab/grader/verdict"
	"github.com/p95lab/p95lab/server/wire"
)

// The test binary is also the server that gets killed: with SERVE_DATA set it
// serves from there, with a scripted grader, instead of testing.
func TestMain(m *testing.M) {
	if os.Getenv("P95LAB_MAIN") != "" {
		main()
		return
	}
	if data := os.Getenv("SERVE_DATA"); data != "" {
		if err := afflict(os.Getenv("SERVE_FAULT"), data); err != nil {
			fmt.Fprintln(os.Stderr, "cannot bring about the fault:", err)
			os.Exit(1)
		}
		grade := scripted(40, 5*time.Millisecond)
		switch {
		case os.Getenv("SERVE_LOAD") != "":
			grade = scripted(loadTicks, loadEvery)
		case os.Getenv("SERVE_REAL") != "":
			grade = grader.New(filepath.Join(data, "cache")).Grade
		}
		err := Run(context.Background(), Config{
			Listen: "127.0.0.1", Data: data, Slots: 1, Version: "test", Log: slog.New(slog.DiscardHandler),
			Ready: func(a string) { fmt.Println(a) }, Grade: grade,
		})
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// scripted is a grader that tells so many ticks, each after a time, and passes.
func scripted(ticks int, pause time.Duration) func(context.Context, grader.Job, func(verdict.Event)) (verdict.Verdict, error) {
	window := verdict.Window{Histogram: make([]int, 60)} // as long as a real one
	return func(ctx context.Context, job grader.Job, emit func(verdict.Event)) (verdict.Verdict, error) {
		emit(verdict.Event{Kind: "gate", Gate: &verdict.GateStep{Name: verdict.Build, State: "running"}})
		every := time.NewTicker(pause)
		defer every.Stop()
		for i := range ticks {
			select {
			case <-ctx.Done():
				return verdict.Verdict{}, ctx.Err()
			case <-every.C:
				emit(verdict.Event{Kind: "tick", Tick: &verdict.Tick{T: float64(i), Before: window, After: window}})
			}
		}
		v := verdict.Verdict{Challenge: job.Challenge.Slug, Outcome: verdict.Passed, Gate: verdict.Compare, Metrics: []verdict.Metric{}, Score: 100}
		emit(verdict.Event{Kind: "verdict", Verdict: &v})
		return v, nil
	}
}

func ask(t *testing.T, method, url string, body any) (int, []byte) {
	t.Helper()
	var text io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		text = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, url, text)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, answer
}

func get[T any](t *testing.T, url string) T {
	t.Helper()
	status, body := ask(t, "GET", url, nil)
	if status != http.StatusOK {
		t.Fatalf("GET %s: %d %s", url, status, body)
	}
	var v T
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatalf("GET %s: %v", url, err)
	}
	return v
}

const (
	first  = "/api/challenges/missing-index"
	second = "/api/challenges/n-plus-one"
)

func submit(t *testing.T, base, challenge string) wire.RunInfo {
	t.Helper()
	status, body := ask(t, "POST", base+challenge+"/runs", map[string]string{"hypothesis": "it helps"})
	if status != http.StatusAccepted {
		t.Fatalf("submit: %d %s", status, body)
	}
	var info wire.RunInfo
	if err := json.Unmarshal(body, &info); err != nil {
		t.Fatal(err)
	}
	return info
}

// wait polls until a run has ended: there is no event for it without a websocket,
// which other tests use.
func wait(t *testing.T, base, id string) wire.Run {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if run := get[wire.Run](t, base+"/api/runs/"+id); run.State.Ended() {
			return run
		}
	}
	t.Fatalf("run %s does not end", id)
	return wire.Run{}
}

func TestARunFromSubmissionToVerdict(t *testing.T) {
	base := serve(t, t.TempDir(), func(c *Config) { c.Grade = scripted(20, time.Millisecond) })
	info := submit(t, base, first)
	if info.Number != 1 || info.State != wire.Queued || info.Hypothesis != "it helps" {
		t.Errorf("accepted as %+v", info)
	}
	run := wait(t, base, info.ID)
	if run.State != wire.Done || run.Verdict == nil || run.Outcome != verdict.Passed || len(run.Files) == 0 {
		t.Errorf("ended as %+v", run.RunInfo)
	}
	events := get[[]verdict.Event](t, base+"/api/runs/"+info.ID+"/events")
	numbered(t, events)
	if last := events[len(events)-1]; last.Verdict == nil {
		t.Errorf("the last event is %s", last.Kind)
	}
	if after := get[[]verdict.Event](t, base+"/api/runs/"+info.ID+"/events?after=5"); after[0].Seq != 6 || len(after) != len(events)-5 {
		t.Errorf("after 5 come %d events from %d", len(after), after[0].Seq)
	}
}

func numbered(t *testing.T, events []verdict.Event) {
	t.Helper()
	for i, e := range events {
		if e.Seq != int64(i+1) {
			t.Fatalf("event %d has number %d", i, e.Seq)
		}
	}
	verdicts := 0
	for _, e := range events {
		if e.Verdict != nil {
			verdicts++
		}
	}
	if verdicts > 1 {
		t.Errorf("%d verdicts", verdicts)
	}
}

func TestOurFaultIsTriedAgainAndNeverScored(t *testing.T) {
	var tries int
	base := serve(t, t.TempDir(), func(c *Config) {
		c.Grade = func(context.Context, grader.Job, func(verdict.Event)) (verdict.Verdict, error) {
			tries++
			if tries == 2 {
				panic("a bug")
			}
			return verdict.Verdict{}, errors.New("the disk is on fire")
		}
	})
	run := wait(t, base, submit(t, base, first).ID)
	if tries != 3 || run.State != wire.Failed || run.Outcome != verdict.Error || run.Score != 0 {
		t.Errorf("after %d tries: %+v", tries, run.RunInfo)
	}
	if run.Verdict == nil || !strings.Contains(run.Verdict.Message, "on fire") || run.Verdict.Challenge != "missing-index" {
		t.Errorf("told as %+v", run.Verdict)
	}
}

func TestStop(t *testing.T) {
	base := serve(t, t.TempDir(), func(c *Config) { c.Grade = scripted(100_000, time.Millisecond) })
	running := submit(t, base, first)
	waiting := submit(t, base, second)
	for _, id := range []string{waiting.ID, running.ID} {
		if status, body := ask(t, "POST", base+"/api/runs/"+id+"/stop", nil); status != http.StatusAccepted {
			t.Fatalf("stop: %d %s", status, body)
		}
		if run := wait(t, base, id); run.State != wire.Stopped || run.Verdict != nil {
			t.Errorf("stopped as %+v", run.RunInfo)
		}
	}
	if status, _ := ask(t, "POST", base+"/api/runs/"+running.ID+"/stop", nil); status != http.StatusConflict {
		t.Errorf("stopping it again: %d", status)
	}
}

// kill -9 of the server at any moment: every accepted run ends with exactly one
// verdict, and no number is given twice.
func TestKilledServerLosesNothing(t *testing.T) {
	data := t.TempDir()
	accepted := map[string]int64{} // the last number that was seen, by run
	launch := func() (*exec.Cmd, string) {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "SERVE_DATA="+data)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line := make([]byte, 64)
		n, err := out.Read(line)
		if err != nil {
			t.Fatalf("the server does not start: %v", err)
		}
		return cmd, strings.TrimSpace(string(line[:n]))
	}
	for round := range 8 {
		cmd, base := launch()
		for _, challenge := range []string{first, second} {
			if status, body := ask(t, "POST", base+challenge+"/runs", map[string]string{}); status == http.StatusAccepted {
				var info wire.RunInfo
				if err := json.Unmarshal(body, &info); err != nil {
					t.Fatal(err)
				}
				accepted[info.ID] = 0
			}
		}
		time.Sleep(time.Duration(round*37) * time.Millisecond) // some moment of a run
		for id := range accepted {
			events := get[[]verdict.Event](t, base+"/api/runs/"+id+"/events")
			numbered(t, events)
			if n := int64(len(events)); n < accepted[id] {
				t.Fatalf("run %s had %d events and has %d", id, accepted[id], n)
			} else {
				accepted[id] = n
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed
	}
	cmd, base := launch()
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	if len(accepted) < 3 {
		t.Fatalf("only %d runs were accepted", len(accepted))
	}
	for id := range accepted {
		run := wait(t, base, id)
		// Cut off three times is our own fault, told as one.
		if run.Verdict == nil || (run.State != wire.Done && run.State != wire.Failed) {
			t.Errorf("run %s ended as %s", id, run.State)
		}
		numbered(t, get[[]verdict.Event](t, base+"/api/runs/"+id+"/events"))
	}
}

type frame struct {
	Type   string          `json:"type"`
	Active string          `json:"active"`
	Run    json.RawMessage `json:"run"`
	Event  verdict.Event   `json:"event"`
	Events []verdict.Event `json:"events"`
	Path   string          `json:"path"`
	Text   *string         `json:"text"`
}

func dial(t *testing.T, base, query string, header http.Header) (*websocket.Conn, *http.Response, error) {
	t.Helper()
	conn, response, err := websocket.DefaultDialer.DialContext(t.Context(), strings.Replace(base, "http", "ws", 1)+"/live"+query, header)
	if err == nil {
		t.Cleanup(func() { _ = conn.Close() })
	}
	return conn, response, err
}

func read(t *testing.T, conn *websocket.Conn) frame {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	var f frame
	if err := conn.ReadJSON(&f); err != nil {
		t.Fatalf("read a frame: %v", err)
	}
	return f
}

// A viewer that drops off again and again sees every number once.
func TestDropAndResume(t *testing.T) {
	base := serve(t, t.TempDir(), func(c *Config) { c.Grade = scripted(120, time.Millisecond) })
	info := submit(t, base, first)
	var seen []int64
	for done := false; !done; {
		conn, _, err := dial(t, base, "?challenge=missing-index", nil)
		if err != nil {
			t.Fatal(err)
		}
		if f := read(t, conn); f.Type != "hello" {
			t.Fatalf("the first frame is %s", f.Type)
		}
		var after int64
		if len(seen) > 0 {
			after = seen[len(seen)-1]
		}
		if err := conn.WriteJSON(map[string]any{"type": "watch", "run": info.ID, "after": after}); err != nil {
			t.Fatal(err)
		}
		for got := 0; got < 15 && !done; {
			f := read(t, conn)
			for _, e := range append(f.Events, f.Event) {
				if e.Seq > 0 {
					seen = append(seen, e.Seq)
					got++
					done = done || e.Verdict != nil
				}
			}
		}
		_ = conn.Close()
	}
	all := get[[]verdict.Event](t, base+"/api/runs/"+info.ID+"/events")
	want := make([]int64, len(all))
	for i := range want {
		want[i] = int64(i + 1)
	}
	if !slices.Equal(seen, want) {
		t.Errorf("saw %v, want 1 to %d", seen, len(all))
	}
}

func TestEditsByOtherProgramsAreTold(t *testing.T) {
	base := serve(t, t.TempDir(), func(c *Config) { c.Grade = scripted(1, time.Millisecond) })
	space := get[wire.Workspace](t, base+first+"/workspace")
	conn, _, err := dial(t, base, "?challenge=missing-index", nil)
	if err != nil {
		t.Fatal(err)
	}
	read(t, conn) // hello
	// One's own write is not told; another program's is.
	if status, body := ask(t, "PUT", base+first+"/files/api.go", map[string]string{"text": "package main // mine\n"}); status != http.StatusOK {
		t.Fatalf("write: %d %s", status, body)
	}
	if err := os.WriteFile(filepath.Join(space.Folder, "store.go"), []byte("package main // theirs\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	f := read(t, conn)
	if f.Type != "file" || f.Path != "store.go" || f.Text == nil || *f.Text != "package main // theirs\n" {
		t.Errorf("told %+v", f)
	}
}

func TestWorkspaceKeepsToItsFiles(t *testing.T) {
	base := serve(t, t.TempDir(), func(c *Config) { c.Grade = scripted(1, time.Millisecond) })
	space := get[wire.Workspace](t, base+first+"/workspace")
	outside := filepath.Join(t.TempDir(), "outside.go")
	if err := os.Symlink(outside, filepath.Join(space.Folder, "link.go")); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		path, text string
		want       int
	}{
		{"store.go", "package main\n", http.StatusOK},
		{"more.go", "package main\n", http.StatusOK},
		{"migrations/002_x.sql", "SELECT 1;\n", http.StatusOK},
		{"link.go", "package main\n", http.StatusOK}, // replaces the link, follows it nowhere
		{"schema.sql", "SELECT 1;\n", http.StatusForbidden},
		{"main.go", "package main\n", http.StatusForbidden},
		{"..%2f..%2fkit%2fservice.go", "package kit\n", http.StatusForbidden},
		{"store_test.go", "package main\n", http.StatusForbidden},
		{".hidden.go", "package main\n", http.StatusForbidden},
		{"big.go", strings.Repeat("x", 300<<10), http.StatusRequestEntityTooLarge},
	}
	for _, test := range tests {
		if status, body := ask(t, "PUT", base+first+"/files/"+test.path, map[string]string{"text": test.text}); status != test.want {
			t.Errorf("%s: %d, want %d: %.200s", test.path, status, test.want, body)
		}
	}
	if _, err := os.Stat(outside); !errors.Is(err, os.ErrNotExist) {
		t.Error("a write followed a link out of the workspace")
	}
	// Reset to the starter, undo it.
	status, body := ask(t, "POST", base+first+"/reset", map[string]string{"to": "starter"})
	var view wire.Workspace
	if err := json.Unmarshal(body, &view); err != nil || status != http.StatusOK || view.Undo == "" {
		t.Fatalf("reset: %d %s", status, body)
	}
	for _, f := range view.Files {
		if f.Added || f.Text != f.Starter {
			t.Errorf("%s is not the starter's after a reset", f.Path)
		}
	}
	if status, body = ask(t, "POST", base+first+"/reset", map[string]string{"to": view.Undo}); status != http.StatusOK || !strings.Contains(string(body), "more.go") {
		t.Errorf("undo: %d %.300s", status, body)
	}
}

func TestOnlyItsOwnPagesMayDriveIt(t *testing.T) {
	base := serve(t, t.TempDir(), func(c *Config) { c.Grade = scripted(1, time.Millisecond); c.Hosts = []string{"lab.test"} })
	address := strings.TrimPrefix(base, "http://")
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	json := "application/json"
	tests := []struct {
		name, method, path, host, origin, site, kind string
		want                                         int
	}{
		{"its own page", "POST", first + "/runs", address, base, "same-origin", json, 202},
		{"no page at all", "POST", second + "/runs", address, "", "", json, 202},
		{"by another of its names", "GET", "/", "localhost:" + port, "", "", "", 200},
		{"by a name that was given", "GET", "/", "lab.test:" + port, "", "", "", 200},
		{"a name that only resolves here", "GET", "/", "evil.example:" + port, "", "", "", 421},
		{"another page", "POST", first + "/runs", address, "http://evil.example", "cross-site", json, 403},
		{"another page without its origin", "POST", first + "/runs", address, "", "cross-site", json, 403},
		{"an opaque origin", "POST", first + "/runs", address, "null", "", json, 403},
		{"another port", "POST", first + "/runs", address, "http://127.0.0.1:1", "same-site", json, 403},
		{"a form", "POST", first + "/runs", address, "", "", "text/plain", 415},
		{"an empty form of an old browser", "POST", first + "/hints/1", address, "", "", "", 415},
		{"its own page without a body", "POST", first + "/hints/1", address, base, "same-origin", "", 200},
		{"a delete from another page", "DELETE", first + "/files/x.go", address, "http://evil.example", "", "", 403},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var body io.Reader
			if test.method == "POST" && test.kind != "" {
				body = strings.NewReader("{}")
			}
			r, err := http.NewRequestWithContext(t.Context(), test.method, base+test.path, body)
			if err != nil {
				t.Fatal(err)
			}
			r.Host = test.host
			for name, value := range map[string]string{"Origin": test.origin, "Sec-Fetch-Site": test.site, "Content-Type": test.kind} {
				if value != "" {
					r.Header.Set(name, value)
				}
			}
			response, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			if response.StatusCode != test.want {
				t.Errorf("%d, want %d", response.StatusCode, test.want)
			}
		})
	}
	for _, origin := range []string{"http://evil.example", "null"} {
		if _, response, err := dial(t, base, "?challenge=missing-index", http.Header{"Origin": {origin}}); err == nil || response.StatusCode != http.StatusForbidden {
			t.Errorf("a websocket from %s: %v", origin, err)
		}
	}
	if _, _, err := dial(t, base, "?challenge=missing-index", http.Header{"Origin": {base}}); err != nil {
		t.Errorf("its own websocket: %v", err)
	}
}

func TestSolutionOpensAfterARun(t *testing.T) {
	base := serve(t, t.TempDir(), func(c *Config) { c.Grade = scripted(1, time.Millisecond) })
	if status, _ := ask(t, "GET", base+first+"/solution", nil); status != http.StatusForbidden {
		t.Errorf("before a run: %d", status)
	}
	wait(t, base, submit(t, base, first).ID)
	if status, body := ask(t, "GET", base+first+"/solution", nil); status != http.StatusOK || !strings.Contains(string(body), "CREATE INDEX") {
		t.Errorf("after it: %d %.200s", status, body)
	}
}

func TestAnswersAndHints(t *testing.T) {
	base := serve(t, t.TempDir(), func(c *Config) { c.Grade = scripted(1, time.Millisecond) })
	if status, _ := ask(t, "POST", base+first+"/hints/2", nil); status != http.StatusForbidden {
		t.Errorf("the second hint first: %d", status)
	}
	if status, _ := ask(t, "POST", base+first+"/hints/1", nil); status != http.StatusOK {
		t.Errorf("the first hint: %d", status)
	}
	for _, answer := range []int{0, 1} { // the first answer counts
		_, body := ask(t, "POST", base+first+"/diagnosis", map[string]int{"answer": answer})
		var d wire.Diagnosis
		if err := json.Unmarshal(body, &d); err != nil || d.Answered == nil || *d.Answered != 0 || *d.Correct || d.Why == "" {
			t.Errorf("answered %d: %s", answer, body)
		}
	}
	if status, _ := ask(t, "POST", base+first+"/diagnosis", map[string]int{"answer": 9}); status != http.StatusUnprocessableEntity {
		t.Errorf("an answer that is none: %d", status)
	}
}

// A name that may resolve to anything is taken for this machine.
func TestListenOnLocalhost(t *testing.T) {
	base := serve(t, t.TempDir(), func(c *Config) { c.Grade = scripted(1, time.Millisecond); c.Listen = "localhost" })
	if !strings.HasPrefix(base, "http://127.0.0.1:") {
		t.Errorf("it listens on %s", base)
	}
}

func TestClearStartErrors(t *testing.T) {
	data := t.TempDir()
	base := serve(t, data, func(c *Config) { c.Grade = scripted(1, time.Millisecond) })
	_, port, err := net.SplitHostPort(strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	config := func(change func(*Config)) Config {
		c := Config{Listen: "127.0.0.1", Data: t.TempDir(), Log: slog.New(slog.DiscardHandler), Ready: func(string) {}, Grade: scripted(1, time.Millisecond)}
		change(&c)
		return c
	}
	tests := []struct {
		name string
		c    Config
		says string
	}{
		{"a taken port", config(func(c *Config) { _, _ = fmt.Sscan(port, &c.Port) }), "is taken; try p95lab --port"},
		{"the same data", config(func(c *Config) { c.Data = data }), "another p95lab uses"},
		{"an open address", config(func(c *Config) { c.Listen = "0.0.0.0" }), "not a loopback address"},
		{"a data folder that is a file", config(func(c *Config) {
			c.Data = filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(c.Data, nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}), "data folder"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if err := Run(t.Context(), test.c); err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("says %v, want %q", err, test.says)
			}
		})
	}
}
