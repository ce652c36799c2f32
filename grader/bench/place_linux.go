package bench

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// The generator has the last processor, where fewer interrupts go as a rule,
// and a service the first.
func generatorCPU() int { return runtime.NumCPU() - 1 }

func serviceCPU() int { return 0 }

// startPlaced starts a command on its processor and in its own session. A
// process is born with the affinity of the thread that starts it.
func startPlaced(cmd *exec.Cmd, where place) error {
	cmd.SysProcAttr = session()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if where.priority > 0 {
		// Without the right to it the weight must do.
		if setClass(0, where.priority) == nil {
			defer func() { _ = setClass(0, 0) }()
		}
	}
	if where.cpu < 0 {
		return cmd.Start()
	}
	var was, only unix.CPUSet
	if err := unix.SchedGetaffinity(0, &was); err != nil {
		return fmt.Errorf("read the processors: %w", err)
	}
	only.Set(where.cpu)
	if err := unix.SchedSetaffinity(0, &only); err != nil {
		return fmt.Errorf("use processor %d: %w", where.cpu, err)
	}
	err := cmd.Start()
	if back := unix.SchedSetaffinity(0, &was); err == nil && back != nil {
		return fmt.Errorf("use all processors again: %w", back)
	}
	return err
}

// setClass puts a thread into the real-time class with a priority, or back among
// ordinary programs with 0. What it starts inherits that.
func setClass(tid, priority int) error {
	a := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_NORMAL}
	if priority > 0 {
		a.Policy, a.Priority = unix.SCHED_RR, uint32(priority)
	}
	return unix.SchedSetAttr(tid, &a, 0)
}

// prefer puts every thread of this process into the real-time class until
// ordinary is called, and says whether it may. No other process may be started
// meanwhile: it would be preferred too.
func prefer(priority int) (ordinary func(), ok bool) {
	all := func(priority int) bool {
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return false
		}
		set := 0
		for _, t := range tasks {
			tid, err := strconv.Atoi(t.Name())
			// A thread may have ended since the folder was read.
			if err == nil && setClass(tid, priority) == nil {
				set++
			}
		}
		return set > 0
	}
	if !all(priority) {
		return func() {}, false
	}
	return func() { all(0) }, true
}

// weigh sets the weight of a process's session. Only root may raise it;
// elsewhere all have the usual one.
func weigh(pid, weight int) {
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/autogroup", pid), []byte(strconv.Itoa(weight)), 0)
}

// sharp asks the kernel to wake this thread without slack.
func sharp() { _ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) }

// nap sleeps to the nanosecond, as far as the kernel can.
func nap(d time.Duration) {
	t := unix.NsecToTimespec(int64(d))
	_ = unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &t, nil) // EINTR ends it early; the caller asks again
}

// clock is the machine's monotonic clock, the same for all processes.
func clock() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

// load1 is the machine's load average over the last minute.
func load1() float64 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	var l float64
	if _, err := fmt.Sscan(string(text), &l); err != nil {
		return 0
	}
	return l
}
