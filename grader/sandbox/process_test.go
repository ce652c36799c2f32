package sandbox

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The test binary is also the hostile service: with HOSTILE set it does what
// that says instead of testing.
func TestMain(m *testing.M) {
	if what := os.Getenv("HOSTILE"); what != "" {
		hostile(what)
		return
	}
	os.Exit(m.Run())
}

func hostile(what string) {
	block := make(chan struct{})
	switch what {
	case "exit":
		fmt.Fprintln(os.Stderr, "I give up")
		os.Exit(3)
	case "panic":
		panic("no reason")
	case "hang":
		fmt.Println("hanging")
		<-block
	case "memory":
		var keep [][]byte
		for {
			b := make([]byte, 16<<20)
			for i := range b {
				b[i] = 1
			}
			keep = append(keep, b)
			_ = keep
		}
	case "print":
		w := bufio.NewWriter(os.Stdout)
		line := strings.Repeat("x", 1000) + "\n"
		for {
			if _, err := w.WriteString(line); err != nil {
				os.Exit(1)
			}
		}
	case "one-line":
		for {
			if _, err := os.Stdout.WriteString(strings.Repeat("x", 64<<10)); err != nil {
				os.Exit(1)
			}
		}
	case "daemon":
		// A grandchild in a session of its own, holding the pipe.
		child := exec.Command(executable())
		child.Env = []string{"HOSTILE=hang-listening", "LISTEN=" + os.Getenv("LISTEN")}
		child.Stdout = os.Stdout
		child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := child.Start(); err != nil {
			fmt.Println("cannot start:", err)
			os.Exit(1)
		}
		<-block
	case "hang-listening":
		l, err := net.Listen("unix", os.Getenv("LISTEN"))
		if err != nil {
			fmt.Println("cannot listen:", err)
			os.Exit(1)
		}
		fmt.Println("listening")
		for {
			c, err := l.Accept()
			if err != nil {
				os.Exit(1)
			}
			_ = c.Close()
		}
	case "attack":
		try(os.Getenv("ATTACK"), os.Getenv("TARGET"))
	case "remove":
		limit := syscall.Rlimit{Cur: 100, Max: 100}
		if err := errors.Join(syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit), RemoveAll(os.Getenv("LISTEN"))); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	case "delegate":
		delegate()
	case "stand":
		<-block
	case "hold-memory":
		held := make([]byte, 150<<20)
		for i := range held {
			held[i] = 1
		}
		fmt.Print("held")
		<-block
		fmt.Print(len(held))
	case "tick":
		for i := 0; ; i++ {
			if i%(1<<24) == 0 {
				fmt.Println(i)
			}
		}
	case "listen":
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			fmt.Println("cannot listen:", err)
			os.Exit(1)
		}
		fmt.Println(l.Addr())
		for {
			c, err := l.Accept()
			if err != nil {
				os.Exit(1)
			}
			_, _ = c.Write([]byte("hello"))
			_ = c.Close()
		}
	case "environment":
		for _, e := range os.Environ() {
			fmt.Println(e)
		}
	case "launcher":
		// Stands for the grader: starts a service and is killed.
		lines := make(chan string, 16)
		l := Open()
		if os.Getenv("CONFINE") != "" {
			l = New(context.Background())
		}
		p, err := l.Start(context.Background(), Spec{
			Path: executable(), Env: []string{"HOSTILE=daemon", "LISTEN=" + os.Getenv("LISTEN")},
			Dir: filepath.Dir(os.Getenv("LISTEN")), Writable: []string{filepath.Dir(os.Getenv("LISTEN"))},
			Memory: 1 << 30, Output: 1 << 20, Line: func(s string) { lines <- s },
		})
		if err != nil {
			fmt.Println("cannot start:", err)
			os.Exit(1)
		}
		fmt.Print(<-lines)
		if os.Getenv("PAUSE") != "" {
			p.Pause()
			fmt.Println("paused")
		}
		<-p.Done()
	}
}

// executable is the test binary, which is the hostile service, too.
func executable() string {
	path, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return path
}

// launchers runs a test with what confines nothing and with what confines all
// that this machine can.
func launchers(t *testing.T, test func(t *testing.T, l *Launcher)) {
	t.Helper()
	t.Run("open", func(t *testing.T) { test(t, Open()) })
	t.Run("confined", func(t *testing.T) { test(t, confinedLauncher(t)) })
}

// confinedLauncher is a launcher that confines, or the end of the test.
func confinedLauncher(t *testing.T) *Launcher {
	t.Helper()
	l := New(t.Context())
	if !l.Isolated() {
		if strings.Contains(os.Getenv("P95LAB_REQUIRE"), "namespaces") {
			t.Fatalf("P95LAB_REQUIRE asks for namespaces: %s", l.Report().Summary())
		}
		t.Skip(l.Report().Summary())
	}
	return l
}

func startHostile(t *testing.T, l *Launcher, what string, change func(*Spec)) *Process {
	t.Helper()
	dir := t.TempDir()
	spec := Spec{
		Path: executable(), Env: []string{"HOSTILE=" + what, "LISTEN=" + filepath.Join(dir, "s")},
		Dir: dir, Writable: []string{dir}, Memory: 512 << 20, Output: 1 << 20,
	}
	if change != nil {
		change(&spec)
	}
	p, err := l.Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

func wait(t *testing.T, p *Process) {
	t.Helper()
	select {
	case <-p.Done():
	case <-time.After(60 * time.Second):
		t.Fatal("it did not end")
	}
}

func TestEnds(t *testing.T) {
	tests := []struct {
		what  string
		fault Fault
		exit  string
		tail  string
	}{
		{"exit", "", "exit status 3", "I give up\n"},
		{"panic", "", "exit status 2", "panic: no reason"},
		{"memory", OverMemory, "signal: killed", ""},
		{"print", OverOutput, "", "xxx"},
		{"one-line", OverOutput, "", "xxx"},
	}
	launchers(t, func(t *testing.T, l *Launcher) {
		for _, test := range tests {
			t.Run(test.what, func(t *testing.T) {
				p := startHostile(t, l, test.what, func(s *Spec) {
					if test.what == "memory" {
						s.Memory = 96 << 20
					}
				})
				wait(t, p)
				if p.Fault() != test.fault {
					t.Errorf("fault %q, want %q", p.Fault(), test.fault)
				}
				// Between two looks the data limit may be met first: then the runtime
				// ends itself.
				ended := test.fault == OverMemory && strings.HasPrefix(p.Exit(), "exit status")
				if !strings.Contains(p.Exit(), test.exit) && !ended {
					t.Errorf("exit %q, want %q", p.Exit(), test.exit)
				}
				if !strings.Contains(p.Tail(), test.tail) {
					t.Errorf("tail %q lacks %q", p.Tail(), test.tail)
				}
				if len(p.Tail()) > 2*tailSize {
					t.Errorf("the tail holds %d bytes", len(p.Tail()))
				}
			})
		}
	})
}

func TestEnvironmentIsEmpty(t *testing.T) {
	t.Setenv("P95LAB_SECRET", "1")
	launchers(t, func(t *testing.T, l *Launcher) {
		p := startHostile(t, l, "environment", nil)
		wait(t, p)
		for line := range strings.Lines(p.Tail()) {
			if !strings.HasPrefix(line, "HOSTILE=") && !strings.HasPrefix(line, "LISTEN=") {
				t.Errorf("the service sees %q", line)
			}
		}
	})
}

func TestContextEndsIt(t *testing.T) {
	launchers(t, func(t *testing.T, l *Launcher) {
		ctx, cancel := context.WithCancel(t.Context())
		hanging := make(chan string, 1)
		p, err := l.Start(ctx, Spec{
			Path: executable(), Env: []string{"HOSTILE=hang"}, Memory: 1 << 30, Output: 1 << 20,
			Line: func(s string) { hanging <- s },
		})
		if err != nil {
			t.Fatal(err)
		}
		<-hanging
		cancel()
		wait(t, p)
	})
}

func TestNothingOutlivesIt(t *testing.T) {
	launchers(t, func(t *testing.T, l *Launcher) {
		if !l.Isolated() && !namespaces() {
			t.Skip("no PID namespaces for this user: a service that leaves its session can outlive its run")
		}
		listening := make(chan string, 1)
		var socket string
		p := startHostile(t, l, "daemon", func(s *Spec) {
			socket = filepath.Join(s.Dir, "s")
			s.Line = func(line string) { listening <- line }
		})
		if got := <-listening; got != "listening\n" {
			t.Fatalf("the grandchild says %q", got)
		}
		p.Kill()
		mustBeGone(t, socket)
	})
}

func TestKilledGraderLeavesNothing(t *testing.T) {
	for _, confine := range []string{"", "yes"} {
		t.Run("confine="+confine, func(t *testing.T) {
			if confine == "" && !namespaces() {
				t.Skip("no PID namespaces for this user: a service that leaves its session can outlive its grader")
			}
			if confine != "" {
				confinedLauncher(t)
			}
			socket := filepath.Join(t.TempDir(), "s")
			launcher := exec.Command(executable())
			launcher.Env = []string{"HOSTILE=launcher", "LISTEN=" + socket, "CONFINE=" + confine}
			out, err := launcher.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := launcher.Start(); err != nil {
				t.Fatal(err)
			}
			line, err := bufio.NewReader(out).ReadString('\n')
			if err != nil || line != "listening\n" {
				t.Fatalf("the launcher says %q, %v", line, err)
			}
			if err := launcher.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, out)
			_ = launcher.Wait() // it was killed
			mustBeGone(t, socket)
		})
	}
}

// mustBeGone waits until nobody accepts on a socket any more: the kernel ends
// processes a moment after their parent.
func mustBeGone(t *testing.T, socket string) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for time.Now().Before(deadline) {
		c, err := net.Dial("unix", socket)
		if err != nil {
			return
		}
		_ = c.Close()
	}
	t.Error("what the service started still runs")
}

// What a service leaves is removed, however deep and however closed it is.
func TestRemoveAll(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "left")
	root := func() *os.Root {
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		r, err := os.OpenRoot(folder)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}()
	outside := filepath.Join(filepath.Dir(folder), "outside")
	if err := errors.Join(os.Mkdir(outside, 0o755), root.Symlink("../outside", "link"), root.Mkdir("closed", 0o700), root.Mkdir("closed/in", 0o700), root.Chmod("closed", 0)); err != nil {
		t.Fatal(err)
	}
	for range 250 { // more than the process that removes them may open
		below, err := root.OpenRoot(".")
		if err == nil {
			err = errors.Join(below.Mkdir("d", 0o700), root.Close())
		}
		if err == nil {
			root, err = below.OpenRoot("d")
		}
		if err = errors.Join(err, below.Close()); err != nil {
			t.Fatal(err)
		}
	}
	_ = root.Close()
	cmd := exec.Command(executable())
	cmd.Env = []string{"HOSTILE=remove", "LISTEN=" + folder}
	if printed, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, printed)
	}
	if _, err := os.Lstat(folder); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
	if _, err := os.Lstat(outside); err != nil {
		t.Errorf("it followed a link: %v", err)
	}
}

func TestRunTellsFailure(t *testing.T) {
	launchers(t, func(t *testing.T, l *Launcher) {
		_, err := l.Run(t.Context(), Spec{Path: executable(), Env: []string{"HOSTILE=exit"}, Memory: 1 << 30, Output: 1 << 20})
		var exit *ExitError
		if !errors.As(err, &exit) || exit.Exit != "exit status 3" || exit.Printed != "I give up\n" {
			t.Fatalf("got %v", err)
		}
	})
}

func TestUsageIsSeen(t *testing.T) {
	launchers(t, func(t *testing.T, l *Launcher) {
		p := startHostile(t, l, "hang", nil)
		deadline := time.Now().Add(10 * time.Second)
		for p.PeakMemory() == 0 && time.Now().Before(deadline) {
			time.Sleep(watchEvery) // the event is the next look
		}
		if p.PeakMemory() < 1<<20 || p.PeakMemory() > 256<<20 {
			t.Errorf("peak memory of pid %s: %d bytes", strconv.Itoa(p.PID()), p.PeakMemory())
		}
	})
}
