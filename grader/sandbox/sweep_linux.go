package sandbox

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// groupPrefix begins the name of every group of ours; its launcher's process
// number, that process's start and a count follow.
const groupPrefix = "p95lab-"

// youngGroup is the age below which a group is left alone in any case: that of a
// launcher in another process namespace, which looks dead from here, may be empty
// for the moment before its service is put into it.
const youngGroup = 10 * time.Second

// sweep removes what launchers have left that were killed together with their
// holders, who would have done it. A group of a launcher that lives is not
// touched.
func (c controllers) sweep(young time.Duration) {
	left := map[string]*group{} // by name: one service's groups
	for controller, at := range c.at {
		entries, err := os.ReadDir(at.Dir)
		if err != nil {
			continue // gone, or not ours to read
		}
		for _, e := range entries {
			pid, start, ok := parseGroup(e.Name())
			info, err := e.Info()
			if !ok || err != nil || startOf(pid) == start || time.Since(info.ModTime()) < young {
				continue
			}
			g := left[e.Name()]
			if g == nil {
				g = &group{Dirs: map[string]place{}}
				left[e.Name()] = g
			}
			g.Dirs[controller] = place{Dir: filepath.Join(at.Dir, e.Name()), Unified: at.Unified}
		}
	}
	for _, g := range left {
		g.freeze(false) // the frozen do not even die
		for _, pid := range g.members() {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
		}
		g.remove()
	}
}

// members lists the processes of a group that this process can see.
func (g *group) members() (pids []int) {
	for _, at := range g.Dirs {
		text, err := os.ReadFile(filepath.Join(at.Dir, "cgroup.procs"))
		if err != nil {
			continue
		}
		for _, field := range strings.Fields(string(text)) {
			// One of another process namespace is told as 0.
			if pid, err := strconv.Atoi(field); err == nil && pid > 1 && pid != os.Getpid() {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// parseGroup reads a group's name.
func parseGroup(name string) (pid int, start uint64, ok bool) {
	rest, ok := strings.CutPrefix(name, groupPrefix)
	if !ok {
		return 0, 0, false
	}
	parts := strings.Split(rest, "-")
	if len(parts) != 3 {
		return 0, 0, false
	}
	pid, errPID := strconv.Atoi(parts[0])
	start, errStart := strconv.ParseUint(parts[1], 10, 64)
	_, errCount := strconv.ParseUint(parts[2], 10, 64)
	return pid, start, errPID == nil && errStart == nil && errCount == nil && pid > 0
}

// startOf is when a process began, in the kernel's ticks since its own start, and
// 0 when there is no such process: with it a number that was given again is not
// taken for the one before.
func startOf(pid int) uint64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// The name is in parentheses and may hold anything: fields start behind it,
	// proc(5).
	end := bytes.LastIndexByte(text, ')')
	if end < 0 {
		return 0
	}
	fields := bytes.Fields(text[end+1:])
	const starttime = 19 // the 22nd of all, the 20th behind the name
	if len(fields) <= starttime {
		return 0
	}
	start, err := strconv.ParseUint(string(fields[starttime]), 10, 64)
	if err != nil {
		return 0
	}
	return start
}
