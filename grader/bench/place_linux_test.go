package bench

import (
	"os/exec"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// A service in the real-time class must not take its starter with it: what the
// bench starts next, a neighbour or another generator, is an ordinary program.
func TestPreferenceIsTheServicesAlone(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if setClass(0, 1) != nil {
		t.Skip("this user may not use the real-time class")
	}
	if err := setClass(0, 0); err != nil {
		t.Fatal(err)
	}
	policy := func(pid int) uint32 {
		a, err := unix.SchedGetAttr(pid, 0)
		if err != nil {
			t.Fatal(err)
		}
		return a.Policy
	}
	for _, tc := range []struct {
		priority int
		want     uint32
	}{{servicePriority, unix.SCHED_RR}, {0, unix.SCHED_NORMAL}} {
		cmd := exec.Command("cat")
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := startPlaced(cmd, place{cpu: generatorCPU(), priority: tc.priority}); err != nil {
			t.Fatal(err)
		}
		var cpus unix.CPUSet
		if err := unix.SchedGetaffinity(cmd.Process.Pid, &cpus); err != nil || cpus.Count() != 1 || !cpus.IsSet(generatorCPU()) {
			t.Errorf("it may use %d processors, %v", cpus.Count(), err)
		}
		if got := policy(cmd.Process.Pid); got != tc.want {
			t.Errorf("priority %d: the policy is %d, want %d", tc.priority, got, tc.want)
		}
		if got := policy(0); got != unix.SCHED_NORMAL {
			t.Errorf("priority %d: the starter's policy is %d", tc.priority, got)
		}
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	ordinary, ok := prefer(senderPriority)
	if !ok || policy(0) != unix.SCHED_RR {
		t.Error("the sender is not preferred")
	}
	if ordinary(); policy(0) != unix.SCHED_NORMAL {
		t.Error("the sender is still preferred")
	}
}
