package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// startOpen starts a service with what any user may have: a session, and a PID
// namespace where this machine grants one.
func startOpen(spec Spec, output *os.File) (*openService, error) {
	o := &openService{cmd: command(spec, output), waited: make(chan struct{})}
	started := make(chan error, 1)
	// One OS thread that lives as long as the command: the parent-death signal
	// follows the thread that started the child, not the process
	// (golang/go#27505).
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		o.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
		if namespaces() {
			o.cmd.SysProcAttr.Cloneflags, o.cmd.SysProcAttr.UidMappings, o.cmd.SysProcAttr.GidMappings = openFlags()
		}
		if err := o.cmd.Start(); err != nil {
			started <- err
			return
		}
		limitData(o.cmd.Process.Pid, spec.Memory)
		if spec.Weight != "" {
			// Only root may raise it; for others the usual weight has to do.
			_ = os.WriteFile(fmt.Sprintf("/proc/%d/autogroup", o.cmd.Process.Pid), []byte(spec.Weight), 0)
		}
		started <- nil
		// Wait's error repeats the state that is kept.
		_ = o.cmd.Wait()
		o.signal(syscall.SIGKILL) // what it left in its session
		close(o.waited)
	}()
	return o, <-started
}

func (o *openService) wait() ending {
	<-o.waited
	return o.ending()
}

// openFlags asks for a PID namespace: the service is its first process,
// and when that ends the kernel ends all others in it, also those that left its
// session. An ordinary user needs a user namespace for it.
func openFlags() (flags uintptr, uid, gid []syscall.SysProcIDMap) {
	if os.Geteuid() == 0 {
		return unix.CLONE_NEWPID, nil, nil
	}
	return unix.CLONE_NEWPID | unix.CLONE_NEWUSER,
		[]syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}},
		[]syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}}
}

// namespaces tells whether this machine lets us have a PID namespace: it starts
// a program that does not exist in one, which fails differently.
var namespaces = sync.OnceValue(func() bool {
	cmd := exec.Command("/nonexistent")
	flags, uid, gid := openFlags()
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags, UidMappings: uid, GidMappings: gid}
	return errors.Is(cmd.Start(), fs.ErrNotExist)
})

// limitData bounds what each process may map for itself to twice the resident
// limit, for the time between two looks. Go reserves address space without
// write access, which does not count.
func limitData(pid int, memory int64) {
	if memory <= 0 {
		return
	}
	limit := unix.Rlimit{Cur: uint64(2 * memory), Max: uint64(2 * memory)}
	_ = unix.Prlimit(pid, unix.RLIMIT_DATA, &limit, nil) // it may have ended already
	core := unix.Rlimit{}
	_ = unix.Prlimit(pid, unix.RLIMIT_CORE, &core, nil)
}

func (o *openService) hold(still bool) { stand(o.PID(), still) }

// stand stops or resumes a service's processes one by one, where no freezer
// does it at once.
func stand(pid int, still bool) {
	signal := map[bool]syscall.Signal{true: syscall.SIGSTOP, false: syscall.SIGCONT}[still]
	for _, member := range descendants(pid) {
		_ = syscall.Kill(member, signal) // it may have ended
	}
}

// resident adds up the resident memory of a service's processes, in bytes.
func resident(pid int) int64 {
	var sum int64
	for _, member := range descendants(pid) {
		sum += residentOf(member)
	}
	return sum
}

// cpuTime is the processor time that a service and its children have used.
func cpuTime(pid int) time.Duration {
	var sum time.Duration
	for _, member := range descendants(pid) {
		sum += cpuOf(member)
	}
	return sum
}

// written is what a service and its children have caused to be written to disks,
// in bytes, as far as the kernel lets us see it.
func written(pid int) int64 {
	var sum int64
	for _, member := range descendants(pid) {
		sum += writtenBy(member)
	}
	return sum
}

// writtenBy reads write_bytes of /proc/PID/io, proc(5).
func writtenBy(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "write_bytes: "); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
			if err != nil {
				return 0
			}
			return n
		}
	}
	return 0
}

// descendants lists a process and all that it started.
func descendants(pid int) []int {
	found := []int{pid}
	for i := 0; i < len(found) && len(found) < 1024; i++ {
		tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", found[i]))
		if err != nil {
			continue
		}
		for _, t := range tasks {
			text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", found[i], t.Name()))
			if err != nil {
				continue
			}
			for _, child := range strings.Fields(string(text)) {
				if n, err := strconv.Atoi(child); err == nil {
					found = append(found, n)
				}
			}
		}
	}
	return found
}

func residentOf(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	fields := bytes.Fields(text)
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

// clockTicks is USER_HZ, which Linux fixes at 100 for all of its ABIs that Go
// supports.
const clockTicks = 100

// cpuOf reads utime+stime and those of waited-for children, proc(5).
func cpuOf(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// The name is in parentheses and may hold anything: fields start behind it.
	end := bytes.LastIndexByte(text, ')')
	if end < 0 {
		return 0
	}
	fields := bytes.Fields(text[end+1:])
	if len(fields) < 15 {
		return 0
	}
	var ticks int64
	for _, f := range fields[11:15] {
		n, err := strconv.ParseInt(string(f), 10, 64)
		if err != nil {
			return 0
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / clockTicks
}
