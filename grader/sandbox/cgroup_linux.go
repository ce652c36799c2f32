package sandbox

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// controllers are where this process may make cgroups, of either version. It
// writes a handful of files itself: libraries for it speak D-Bus and carry much
// else, and reading what they leave out silently is what must not happen here.
type controllers struct {
	// at is the folder to make groups in, by controller; one that is missing is
	// not ours to use.
	at     map[string]place
	serial *atomic.Int64
}

// place is a folder of the cgroup file system.
type place struct {
	Dir     string
	Unified bool // of version 2, where one folder holds all controllers
}

// The controllers in use.
var wanted = []string{"memory", "pids", "cpu", "cpuset", "freezer"}

// findControllers tries each place by making a group there.
func findControllers(mounts, membership string) controllers {
	c := controllers{at: map[string]place{}, serial: &atomic.Int64{}}
	own := memberships(membership)
	for _, m := range cgroupMounts(mounts) {
		if m.unified {
			c.findUnified(m.at, own[""], wanted)
			continue
		}
		for _, name := range wanted {
			if _, found := c.at[name]; found || !m.has[name] {
				continue
			}
			dir := filepath.Join(m.at, own[name])
			if len(tried(dir, map[string]string{name: keyFile[name]})) > 0 {
				c.at[name] = place{Dir: dir}
			}
		}
	}
	return c
}

// keyFile is the file by which a version 1 controller is known to work.
var keyFile = map[string]string{
	"memory": "memory.limit_in_bytes", "pids": "pids.max", "cpu": "cpu.shares", "cpuset": "cpuset.cpus", "freezer": "freezer.state",
}

// unifiedFile is the same for version 2.
var unifiedFile = map[string]string{
	"memory": "memory.max", "pids": "pids.max", "cpu": "cpu.weight", "cpuset": "cpuset.cpus", "freezer": "cgroup.freeze",
	"hugetlb": "hugetlb.2MB.max", // for tests alone: most machines leave it to version 2
}

// findUnified looks upwards from the own group for the one below which most of
// the controllers work: in version 2 a process is in one group, so all of them
// must be of one. A group that has processes can hand none to groups below it.
func (c *controllers) findUnified(mount, own string, names []string) {
	lacking := map[string]string{}
	for _, name := range names {
		if _, found := c.at[name]; !found {
			lacking[name] = unifiedFile[name]
		}
	}
	var best []string
	var where string
	for dir := filepath.Clean("/" + own); ; dir = filepath.Dir(dir) {
		at := filepath.Join(mount, dir)
		works := tried(at, lacking)
		if len(works) < len(lacking) && dir == filepath.Clean("/"+own) && settle(at, lacking) {
			works = tried(at, lacking)
		}
		if len(works) > len(best) {
			best, where = works, at
		}
		if len(best) == len(lacking) || dir == "/" {
			break
		}
	}
	for _, name := range best {
		c.at[name] = place{Dir: where, Unified: true}
	}
}

// settle makes the own group fit to have groups below it, as somebody who
// delegates one means it to be: this process, if it is there alone, moves into a
// group below, and the controllers are handed down.
func settle(own string, names map[string]string) bool {
	offered, err := os.ReadFile(filepath.Join(own, "cgroup.controllers"))
	if err != nil {
		return false
	}
	var hand []string
	for _, name := range strings.Fields(string(offered)) {
		if names[name] != "" {
			hand = append(hand, "+"+name)
		}
	}
	if len(hand) == 0 {
		return false
	}
	procs, err := os.ReadFile(filepath.Join(own, "cgroup.procs"))
	if err != nil {
		return false
	}
	me := strconv.Itoa(os.Getpid())
	switch members := strings.Fields(string(procs)); {
	case len(members) == 0: // the root of the hierarchy tells none of ours
	case len(members) == 1 && members[0] == me:
		below := filepath.Join(own, "p95lab-main")
		if err := os.Mkdir(below, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return false
		}
		if os.WriteFile(filepath.Join(below, "cgroup.procs"), []byte(me), 0o644) != nil {
			return false
		}
	default:
		return false // others are here, and not ours to move
	}
	return os.WriteFile(filepath.Join(own, "cgroup.subtree_control"), []byte(strings.Join(hand, " ")), 0o644) == nil
}

// tried makes a group and tells which controllers can be set in it, by their
// files.
func tried(parent string, files map[string]string) (works []string) {
	dir, err := os.MkdirTemp(parent, "p95lab-try-")
	if err != nil {
		return nil
	}
	defer func() { _ = os.Remove(dir) }()
	for name, file := range files {
		f, err := os.OpenFile(filepath.Join(dir, file), os.O_WRONLY, 0)
		if err == nil && f.Close() == nil {
			works = append(works, name)
		}
	}
	return works
}

type cgroupMount struct {
	at      string
	unified bool
	has     map[string]bool
}

// cgroupMounts reads /proc/self/mounts, proc(5).
func cgroupMounts(text string) []cgroupMount {
	var found []cgroupMount
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 4 || (f[2] != "cgroup" && f[2] != "cgroup2") {
			continue
		}
		m := cgroupMount{at: f[1], unified: f[2] == "cgroup2", has: map[string]bool{}}
		for _, option := range strings.Split(f[3], ",") {
			m.has[option] = true
		}
		found = append(found, m)
	}
	return found
}

// memberships reads /proc/self/cgroup, cgroups(7): the own group by controller,
// "" for version 2.
func memberships(text string) map[string]string {
	own := map[string]string{"": "/"}
	for line := range strings.Lines(text) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		for _, name := range strings.Split(parts[1], ",") {
			own[name] = parts[2]
		}
	}
	return own
}

// group is one service's cgroups. The launcher makes them and the holder removes
// them, so that they are gone also when the launcher was killed.
type group struct {
	Dirs map[string]place // by controller
}

// make makes the groups of a service and sets their limits. What cannot be set
// is an error: a limit that is not there must not look as if it were.
func (c controllers) make(spec Spec, off map[Layer]bool) (_ *group, err error) {
	g := &group{Dirs: map[string]place{}}
	defer func() {
		if err != nil {
			g.remove()
		}
	}()
	name := fmt.Sprintf("%s%d-%d-%d", groupPrefix, os.Getpid(), startOf(os.Getpid()), c.serial.Add(1))
	for _, controller := range wanted {
		parent, ok := c.at[controller]
		if !ok || off[layerOf[controller]] {
			continue
		}
		dir := filepath.Join(parent.Dir, name)
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("make a cgroup: %w", err)
		}
		g.Dirs[controller] = place{Dir: dir, Unified: parent.Unified}
		for _, set := range settings(controller, parent, spec) {
			err := os.WriteFile(filepath.Join(dir, set.file), []byte(set.value), 0o644)
			if err != nil && (!set.optional || !errors.Is(err, fs.ErrNotExist)) {
				return nil, fmt.Errorf("limit %s: %w", controller, err)
			}
		}
	}
	return g, nil
}

var layerOf = map[string]Layer{
	"memory": LayerMemory, "pids": LayerPids, "cpu": LayerCPU, "cpuset": LayerCPUSet, "freezer": LayerKill,
}

type setting struct {
	file, value string
	optional    bool // not every kernel has it
}

// settings are the files to write for a controller, in order.
func settings(controller string, parent place, spec Spec) []setting {
	unified := parent.Unified
	switch controller {
	case "memory":
		limit := strconv.FormatInt(spec.Memory, 10)
		if spec.Memory <= 0 {
			return nil
		}
		if unified {
			return []setting{{"memory.max", limit, false}, {"memory.swap.max", "0", true}, {"memory.oom.group", "1", true}}
		}
		return []setting{{"memory.limit_in_bytes", limit, false}, {"memory.memsw.limit_in_bytes", limit, true}}
	case "pids":
		return []setting{{"pids.max", strconv.Itoa(spec.Processes), false}}
	case "cpu":
		weight := niceWeight(spec.Weight)
		if unified {
			// 100 is the weight of nice 0, which the scheduler itself counts as 1024.
			return []setting{{"cpu.weight", strconv.Itoa(max(1, weight*100/1024)), false}}
		}
		return []setting{{"cpu.shares", strconv.Itoa(weight), false}}
	case "cpuset":
		var all []setting
		if !unified {
			// A group of version 1 begins with none, and takes nobody in.
			for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
				if text, err := os.ReadFile(filepath.Join(parent.Dir, file)); err == nil {
					all = append(all, setting{file, strings.TrimSpace(string(text)), false})
				}
			}
		}
		if spec.CPUs != "" {
			all = append(all, setting{"cpuset.cpus", spec.CPUs, false})
		}
		return all
	}
	return nil
}

// niceWeight is the scheduler's weight of a nice value, sched(7): a step is a
// factor of 1.25, and nice 0 is 1024.
func niceWeight(nice string) int {
	n, err := strconv.Atoi(nice)
	if err != nil {
		return 1024
	}
	weight := 1024.0
	for ; n < 0; n++ {
		weight *= 1.25
	}
	for ; n > 0; n-- {
		weight /= 1.25
	}
	return max(2, int(weight))
}

// add puts a process into the groups; what it starts from then on is in them.
func (g *group) add(pid int) error {
	for controller, at := range g.Dirs {
		if err := os.WriteFile(filepath.Join(at.Dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0o644); err != nil {
			return fmt.Errorf("put the service into its %s cgroup: %w", controller, err)
		}
	}
	return nil
}

// outOfMemory tells whether the kernel has ended a process of the group for its
// memory.
func (g *group) outOfMemory() bool {
	at, ok := g.Dirs["memory"]
	if !ok {
		return false
	}
	file := "memory.oom_control"
	if at.Unified {
		file = "memory.events"
	}
	text, err := os.ReadFile(filepath.Join(at.Dir, file))
	if err != nil {
		return false
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) == 2 && f[0] == "oom_kill" {
			return f[1] != "0"
		}
	}
	return false
}

// freeze stops and resumes all of the group at once, where there is a freezer.
func (g *group) freeze(still bool) (ok bool) {
	at, ok := g.Dirs["freezer"]
	if !ok {
		return false
	}
	file, value := "freezer.state", map[bool]string{true: "FROZEN", false: "THAWED"}[still]
	if at.Unified {
		file, value = "cgroup.freeze", map[bool]string{true: "1", false: "0"}[still]
	}
	return os.WriteFile(filepath.Join(at.Dir, file), []byte(value), 0o644) == nil
}

// remove removes the groups. A group whose last process has just ended is busy
// for a moment, and there is no event for that moment's end in version 1.
func (g *group) remove() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	for _, at := range g.Dirs {
		for {
			err := syscall.Rmdir(at.Dir)
			if !errors.Is(err, syscall.EBUSY) || ctx.Err() != nil {
				break
			}
			select {
			case <-ctx.Done():
			case <-time.After(2 * time.Millisecond):
			}
		}
	}
}
