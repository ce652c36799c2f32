package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/p95lab/p95lab/grader/verdict"
	"github.com/p95lab/p95lab/server/wire"
)

// afflict gives this process, which is about to serve, the fault that a test asks
// for.
func afflict(fault, data string) error {
	name, value, _ := strings.Cut(fault, "=")
	switch name {
	case "":
		return nil
	case "nofile":
		n, err := strconv.ParseUint(value, 10, 64)
		if err != nil {
			return fmt.Errorf("read the limit: %w", err)
		}
		return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: n, Max: n})
	case "disk":
		return syscall.Mount("lab", data, "tmpfs", 0, "size="+value)
	case "read-only":
		return syscall.Mount("lab", data, "tmpfs", syscall.MS_RDONLY, "")
	}
	return fmt.Errorf("there is no fault %s", name)
}

// afflicted starts a server with a fault, and returns the address of one that
// serves, or what it says.
func afflicted(t *testing.T, fault, data string) (cmd *exec.Cmd, base, says string) {
	t.Helper()
	cmd = exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "SERVE_DATA="+data, "SERVE_FAULT="+fault)
	if !strings.HasPrefix(fault, "nofile") {
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		}
	}
	said := &strings.Builder{}
	cmd.Stderr = said
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		if required("namespaces") {
			t.Fatalf("P95LAB_REQUIRE asks for namespaces: %v", err)
		}
		t.Skipf("this machine gives no namespaces to its users: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	})
	if lines := bufio.NewScanner(out); lines.Scan() {
		return cmd, lines.Text(), ""
	}
	_ = cmd.Wait() // it said why
	return cmd, "", said.String()
}

// A disk that is full refuses what is new and keeps what is there, and all goes on
// by itself once there is room.
func TestAFullDisk(t *testing.T) {
	data := t.TempDir()
	cmd, base, says := afflicted(t, "disk=8m", data)
	if base == "" {
		t.Fatalf("the server does not start: %s", says)
	}
	before := submit(t, base, first)
	wait(t, base, before.ID)
	// The server's own view of its disk.
	inside := fmt.Sprintf("/proc/%d/root%s", cmd.Process.Pid, data)
	if _, err := os.Stat(filepath.Join(inside, "p95lab.db")); err != nil {
		t.Skipf("cannot reach the server's disk: %v", err)
	}
	running := submit(t, base, second) // its verdict finds the disk full
	filler, err := os.Create(filepath.Join(inside, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	piece := make([]byte, 4096)
	for err == nil {
		_, err = filler.Write(piece)
	}
	if closed := filler.Close(); closed != nil || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("filling the disk: %v, %v", err, closed)
	}
	refusals := 0
	for i := range 40 { // small writes find a little room for a while
		status, body := ask(t, "PUT", base+first+"/files/store.go", map[string]string{"text": "package main //" + strings.Repeat("x", 20_000+i)})
		if status == http.StatusOK {
			continue
		}
		var p struct{ Code, Detail string }
		if err := json.Unmarshal(body, &p); err != nil || status != http.StatusInsufficientStorage || p.Code != "no-room" || !strings.Contains(p.Detail, "full") {
			t.Fatalf("a save: %d %s", status, body)
		}
		refusals++
	}
	if refusals == 0 {
		t.Error("the disk is full and nobody noticed")
	}
	if run := get[wire.Run](t, base+"/api/runs/"+before.ID); run.Outcome != verdict.Passed {
		t.Errorf("what was there is %+v", run.RunInfo)
	}
	if status, _ := ask(t, "GET", base+"/", nil); status != http.StatusOK {
		t.Errorf("the catalogue: %d", status)
	}
	if err := os.Remove(filepath.Join(inside, "filler")); err != nil {
		t.Fatal(err)
	}
	if status, body := ask(t, "PUT", base+first+"/files/store.go", map[string]string{"text": "package main\n"}); status != http.StatusOK {
		t.Errorf("a save with room again: %d %s", status, body)
	}
	if run := wait(t, base, running.ID); run.Verdict == nil || run.Outcome != verdict.Passed {
		t.Errorf("the run of that time is %+v", run.RunInfo)
	}
	numbered(t, get[[]verdict.Event](t, base+"/api/runs/"+running.ID+"/events"))
	wait(t, base, submit(t, base, first).ID)
}

func TestAReadOnlyDiskIsToldAtTheStart(t *testing.T) {
	if _, base, says := afflicted(t, "read-only", t.TempDir()); base != "" || !strings.Contains(says, "choose another with --data") {
		t.Errorf("it serves at %q, says %q", base, says)
	}
}

// With all files in use new callers are told to come again, those who are in are
// served, and all goes on once there are files again.
func TestOutOfFiles(t *testing.T) {
	_, base, says := afflicted(t, "nofile=160", t.TempDir())
	if base == "" {
		t.Fatalf("the server does not start: %s", says)
	}
	address := strings.TrimPrefix(base, "http://")
	client := &http.Client{} // keeps the one connection that it has
	try := func() (int, error) {
		response, err := client.Get(base + first + "/workspace")
		if err != nil {
			return 0, err
		}
		defer func() { _ = response.Body.Close() }()
		var view wire.Workspace
		if response.StatusCode == http.StatusOK {
			if err := json.NewDecoder(response.Body).Decode(&view); err != nil {
				return 0, err
			}
		}
		_, _ = response.Body.Read(make([]byte, 1)) // to its end, so that the connection stays
		return response.StatusCode, nil
	}
	if status, err := try(); status != http.StatusOK {
		t.Fatalf("before: %d, %v", status, err)
	}
	var idle []net.Conn
	for range 300 { // more than it has files
		conn, err := net.Dial("tcp", address)
		if err != nil {
			break // the system itself refuses
		}
		idle = append(idle, conn)
	}
	told := false
	for deadline := time.Now().Add(30 * time.Second); !told && time.Now().Before(deadline); {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			continue
		}
		_ = conn.SetDeadline(time.Now().Add(3 * time.Second)) // the end of one that is closed without a word, as most are
		if _, err := fmt.Fprintf(conn, "GET /healthz HTTP/1.1\r\nHost: %s\r\n\r\n", address); err == nil {
			line, _ := bufio.NewReader(conn).ReadString('\n')
			told = strings.HasPrefix(line, "HTTP/1.1 503 ")
		}
		_ = conn.Close()
	}
	if !told {
		t.Error("nobody was told to come again")
	}
	if status, err := try(); status != http.StatusOK {
		t.Errorf("one who is in: %d, %v", status, err)
	}
	for _, conn := range idle {
		_ = conn.Close()
	}
	client.CloseIdleConnections()
	status := 0
	for deadline := time.Now().Add(30 * time.Second); status != http.StatusOK && time.Now().Before(deadline); {
		status, _ = try() // refused for as long as it takes to see that the others have gone
	}
	if status != http.StatusOK {
		t.Fatalf("afterwards: %d", status)
	}
	wait(t, base, submit(t, base, first).ID)
}
