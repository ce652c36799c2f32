//go:build linux

package sandbox

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What is written for each controller, in a folder that stands for a group of
// either version: the kernels of the project's own machines hand version 2 few
// controllers.
func TestGroupSettings(t *testing.T) {
	spec := Spec{Memory: 512 << 20, Processes: 99, Weight: "-5", CPUs: "0-1"}
	tests := []struct {
		name    string
		unified bool
		want    map[string]string
	}{
		{"version 1", false, map[string]string{
			"memory/memory.limit_in_bytes": "536870912", "memory/memory.memsw.limit_in_bytes": "536870912", "pids/pids.max": "99",
			"cpu/cpu.shares": "3125", "cpuset/cpuset.cpus": "0-1", "cpuset/cpuset.mems": "0",
		}},
		{"version 2", true, map[string]string{
			"memory.max": "536870912", "memory.swap.max": "0", "memory.oom.group": "1", "pids.max": "99", "cpu.weight": "305", "cpuset.cpus": "0-1",
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			root := t.TempDir()
			c := controllers{at: map[string]place{}, serial: &atomic.Int64{}}
			for _, name := range wanted {
				dir := root
				if !test.unified {
					dir = filepath.Join(root, name)
				}
				if err := os.MkdirAll(dir, 0o755); err != nil {
					t.Fatal(err)
				}
				c.at[name] = place{Dir: dir, Unified: test.unified}
			}
			if !test.unified {
				for file, text := range map[string]string{"cpuset.cpus": "0-3\n", "cpuset.mems": "0\n"} {
					if err := os.WriteFile(filepath.Join(root, "cpuset", file), []byte(text), 0o644); err != nil {
						t.Fatal(err)
					}
				}
			}
			g, err := c.make(spec, nil)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for controller, at := range g.Dirs {
				entries, err := os.ReadDir(at.Dir)
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range entries {
					text, err := os.ReadFile(filepath.Join(at.Dir, e.Name()))
					if err != nil {
						t.Fatal(err)
					}
					name := e.Name()
					if !test.unified {
						name = controller + "/" + name
					}
					got[name] = string(text)
				}
			}
			if !maps.Equal(got, test.want) {
				t.Errorf("written are %v, want %v", got, test.want)
			}
			if test.unified && len(slices.Compact(slices.Sorted(dirs(g)))) != 1 {
				t.Errorf("a process can be in one group, and these are several: %v", g.Dirs)
			}
			if g.outOfMemory() {
				t.Error("nothing was ended")
			}
			file, text := "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n"
			if test.unified {
				file, text = "memory.events", "low 0\nhigh 0\nmax 3\noom 1\noom_kill 1\noom_group_kill 1\n"
			}
			if err := os.WriteFile(filepath.Join(g.Dirs["memory"].Dir, file), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			if !g.outOfMemory() {
				t.Error("the kernel ended one, and it is not seen")
			}
		})
	}
}

func dirs(g *group) func(func(string) bool) {
	return func(yield func(string) bool) {
		for _, at := range g.Dirs {
			if !yield(at.Dir) {
				return
			}
		}
	}
}

// unifiedGroup makes a group of version 2 of the kernel's own, with the
// controllers that this machine leaves to that version, or ends the test.
func unifiedGroup(t *testing.T) (mount, name string, offered []string) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range cgroupMounts(string(text)) {
		if m.unified {
			mount = m.at
		}
	}
	if mount == "" {
		t.Skip("no cgroups of version 2 are mounted here")
	}
	control := filepath.Join(mount, "cgroup.subtree_control")
	text, err = os.ReadFile(filepath.Join(mount, "cgroup.controllers"))
	if err != nil {
		t.Fatal(err)
	}
	if slices.Contains(strings.Fields(string(text)), "hugetlb") {
		if before, err := os.ReadFile(control); err == nil && !strings.Contains(string(before), "hugetlb") && os.WriteFile(control, []byte("+hugetlb"), 0o644) == nil {
			t.Cleanup(func() { _ = os.WriteFile(control, []byte("-hugetlb"), 0o644) })
		}
	}
	dir, err := os.MkdirTemp(mount, "p95test-")
	if err != nil {
		t.Skipf("no cgroup of version 2 can be made: %v", err)
	}
	t.Cleanup(func() {
		for _, below := range []string{"p95lab-main", ""} {
			(&group{Dirs: map[string]place{"": {Dir: filepath.Join(dir, below)}}}).remove()
		}
	})
	text, err = os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		t.Fatal(err)
	}
	return mount, filepath.Base(dir), strings.Fields(string(text))
}

// In a group of version 2 that was handed to it alone, a process finds what the
// group offers: it moves aside and hands the controllers down. This is the
// kernel's own rule that a group has processes or controllers below it, not both.
func TestSettlesInADelegatedGroup(t *testing.T) {
	mount, name, offered := unifiedGroup(t)
	names := []string{"freezer"}
	if slices.Contains(offered, "hugetlb") {
		names = append(names, "hugetlb")
	}
	delegate := exec.Command(executable())
	delegate.Env = []string{"HOSTILE=delegate", "MOUNT=" + mount, "GROUP=/" + name, "NAMES=" + strings.Join(names, " ")}
	printed, err := delegate.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, printed)
	}
	t.Logf("offered are %v; found: %s", offered, printed)
	for _, n := range names {
		if want := n + " at " + filepath.Join(mount, name) + "\n"; !strings.Contains(string(printed), want) {
			t.Errorf("it found %q, want %q", printed, want)
		}
	}
}

// delegate is a process to which a group was handed: it joins the group, as who
// starts it would have it do, and says what it finds there.
func delegate() {
	at := filepath.Join(os.Getenv("MOUNT"), os.Getenv("GROUP"))
	if err := os.WriteFile(filepath.Join(at, "cgroup.procs"), []byte(strconv.Itoa(os.Getpid())), 0o644); err != nil {
		fmt.Println("join the group:", err)
		os.Exit(1)
	}
	c := controllers{at: map[string]place{}, serial: &atomic.Int64{}}
	c.findUnified(os.Getenv("MOUNT"), os.Getenv("GROUP"), strings.Fields(os.Getenv("NAMES")))
	for _, name := range slices.Sorted(maps.Keys(c.at)) {
		fmt.Println(name, "at", c.at[name].Dir)
	}
}

// A service in a real group of version 2 stands still, goes on and leaves no
// group behind.
func TestUnifiedGroupHoldsAService(t *testing.T) {
	whole := confinedLauncher(t)
	mount, name, _ := unifiedGroup(t)
	l := *whole
	l.controllers = controllers{at: map[string]place{"freezer": {Dir: filepath.Join(mount, name), Unified: true}}, serial: &atomic.Int64{}}
	lines := make(chan string, 1<<16)
	p := startHostile(t, &l, "tick", func(s *Spec) { s.Line = func(line string) { lines <- line } })
	<-lines
	own, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", p.PID()))
	if err != nil || !strings.Contains(string(own), "0::/"+name+"/"+groupPrefix) {
		t.Errorf("it is in %q, %v", own, err)
	}
	p.Pause()
	before := p.CPU()
	spin(100 * time.Millisecond)
	if after := p.CPU(); after-before > 30*time.Millisecond {
		t.Errorf("it used %s of processor time while it stood still", after-before)
	}
	p.Resume()
	for len(lines) > 0 {
		<-lines
	}
	select {
	case <-lines:
	case <-time.After(30 * time.Second):
		t.Error("it does not go on")
	}
	p.Pause()
	p.Kill()
	if left, err := filepath.Glob(filepath.Join(mount, name, "*", "cgroup.procs")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// When launcher and holder are killed at once, in the middle of a pause, nobody is
// left to tidy up. The next launcher does, and lets a living neighbour's be.
func TestNextLauncherSweeps(t *testing.T) {
	l := confinedLauncher(t)
	if len(l.controllers.at) == 0 {
		t.Skip("this machine lends no cgroups")
	}
	neighbour := startHostile(t, l, "stand", nil)
	launcher := exec.Command(executable())
	launcher.Env = []string{"HOSTILE=launcher", "LISTEN=" + filepath.Join(t.TempDir(), "s"), "CONFINE=yes", "PAUSE=yes"}
	out, err := launcher.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := launcher.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	for _, want := range []string{"listening\n", "paused\n"} {
		if line, err := lines.ReadString('\n'); err != nil || line != want {
			t.Fatalf("the launcher says %q, %v", line, err)
		}
	}
	children := descendants(launcher.Process.Pid)
	if len(children) < 3 {
		t.Fatalf("the launcher has %v: no holder and no service", children)
	}
	starts := map[int]uint64{}
	for _, pid := range children {
		starts[pid] = startOf(pid)
	}
	// It must not see its holder go.
	for _, kill := range []struct {
		pid    int
		signal unix.Signal
	}{{children[0], unix.SIGSTOP}, {children[1], unix.SIGKILL}, {children[0], unix.SIGKILL}} {
		if err := unix.Kill(kill.pid, kill.signal); err != nil {
			t.Fatal(err)
		}
	}
	_, _ = io.Copy(io.Discard, lines)
	_ = launcher.Wait() // it was killed
	left := func() (found []string) {
		for _, at := range l.controllers.at {
			groups, err := filepath.Glob(filepath.Join(at.Dir, groupPrefix+strconv.Itoa(launcher.Process.Pid)+"-*"))
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, groups...)
		}
		return found
	}
	if len(left()) == 0 {
		t.Fatal("nothing was left, so nothing would be shown")
	}
	confining().controllers.sweep(0)
	if found := left(); len(found) > 0 {
		t.Errorf("left behind: %v", found)
	}
	deadline := time.Now().Add(time.Second)
	for pid, start := range starts {
		for startOf(pid) == start && !ended(pid) {
			if time.Now().After(deadline) {
				t.Fatalf("process %d of %v still runs", pid, children)
			}
			time.Sleep(5 * time.Millisecond) // no event tells of another's child
		}
	}
	if neighbour.Ended() || startOf(neighbour.PID()) == 0 {
		t.Error("the neighbour was swept, too")
	}
	for _, controller := range slices.Sorted(maps.Keys(l.controllers.at)) {
		groups, err := filepath.Glob(filepath.Join(l.controllers.at[controller].Dir, groupPrefix+strconv.Itoa(os.Getpid())+"-*"))
		if err != nil || len(groups) == 0 {
			t.Errorf("the neighbour's %s group is gone: %v", controller, err)
		}
	}
}

// ended tells of a process that only waits to be asked how it ended.
func ended(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(text[strings.LastIndexByte(string(text), ')'):]), ") Z ")
}

func FuzzGroupName(f *testing.F) {
	f.Add("p95lab-12-345-6")
	f.Add("p95lab-try-1234")
	f.Add("p95lab--1-2-3")
	f.Fuzz(func(t *testing.T, name string) {
		pid, _, ok := parseGroup(name)
		if ok && (pid <= 0 || !strings.HasPrefix(name, groupPrefix)) {
			t.Errorf("%q is taken for a group of process %d", name, pid)
		}
	})
}

func FuzzMounts(f *testing.F) {
	f.Add("cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n", "0::/user.slice\n4:memory:/x\n")
	f.Add("cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n", "1:cpu,cpuacct:/a:b\n::\n")
	f.Fuzz(func(t *testing.T, mounts, membership string) {
		for _, m := range cgroupMounts(mounts) {
			if m.at == "" {
				t.Errorf("%q holds a mount without a place", mounts)
			}
		}
		if memberships(membership)[""] == "" && !strings.Contains(membership, ":") {
			t.Errorf("%q leaves no group of version 2", membership)
		}
	})
}

// The launcher looks into a program that a learner's build has made.
func FuzzProgram(f *testing.F) {
	f.Add([]byte("\x7fELF\x02\x01\x01"))
	if text, err := os.ReadFile("/bin/true"); err == nil {
		f.Add(text[:min(len(text), 4096)])
	}
	path := filepath.Join(f.TempDir(), "program")
	f.Fuzz(func(t *testing.T, program []byte) {
		if err := os.WriteFile(path, program, 0o755); err != nil {
			t.Fatal(err)
		}
		folders, err := interpreter(path)
		for _, dir := range folders {
			if !filepath.IsAbs(dir) || strings.Count(dir, "/") > 2 {
				t.Errorf("the program is shown %s, %v", dir, err)
			}
		}
	})
}
