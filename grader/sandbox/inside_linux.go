package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// enter is the second stage's main: it builds the private root, gives up every
// right on this thread and becomes the service, whose only thread it then is. It
// returns when that failed.
func enter() {
	unix.CloseOnExec(planFile)
	unix.CloseOnExec(statusFile)
	status := os.NewFile(statusFile, "status")
	text, err := io.ReadAll(os.NewFile(planFile, "plan"))
	if err != nil || len(text) == 0 {
		return // the holder has gone
	}
	var p plan
	if err := json.Unmarshal(text, &p); err == nil {
		err = become(p)
		// The status is all that is left to tell it to.
		_, _ = status.WriteString(err.Error())
	}
}

// become returns only with an error.
func become(p plan) error {
	if p.has(LayerHostname) {
		if err := unix.Sethostname([]byte("lab")); err != nil {
			return fmt.Errorf("set the host name: %w", err)
		}
	}
	// The view of cgroups begins where the launcher has put this process.
	if p.has(LayerMounts) {
		if err := unix.Unshare(unix.CLONE_NEWCGROUP); err != nil {
			return fmt.Errorf("leave the cgroup namespace: %w", err)
		}
		if err := privateRoot(p); err != nil {
			return err
		}
	}
	dir := p.Dir
	if dir == "" {
		dir = "/"
	}
	if err := unix.Chdir(dir); err != nil {
		return fmt.Errorf("enter %s: %w", dir, err)
	}
	if p.has(LayerLimits) {
		if err := limit(p); err != nil {
			return err
		}
	}
	if p.has(LayerDescriptors) {
		if err := unix.CloseRange(3, ^uint(0), unix.CLOSE_RANGE_CLOEXEC); err != nil {
			return fmt.Errorf("close what was inherited: %w", err)
		}
	}
	if err := giveUp(p); err != nil {
		return err
	}
	err := unix.Exec(p.Path, append([]string{p.Path}, p.Args...), p.Env)
	return fmt.Errorf("start %s: %w", p.Path, err)
}

// limit sets what each process may use, behind the cgroups and in place of them
// where there are none.
func limit(p plan) error {
	limits := []struct {
		what  int
		value uint64
	}{
		{unix.RLIMIT_CORE, 0},
		{unix.RLIMIT_NOFILE, openFiles},
		{unix.RLIMIT_FSIZE, uint64(p.Files)},
		{unix.RLIMIT_NPROC, uint64(p.Processes)},
		{unix.RLIMIT_MEMLOCK, 64 << 10},
		{unix.RLIMIT_MSGQUEUE, 0},
		{unix.RLIMIT_NICE, 0},
		{unix.RLIMIT_RTPRIO, 0},
		// Go reserves address space without write access, which does not count.
		// It is per process, and twice what the group may use.
		{unix.RLIMIT_DATA, uint64(2 * p.Memory)},
	}
	for _, l := range limits {
		if l.what == unix.RLIMIT_DATA && p.Memory <= 0 {
			continue
		}
		if err := unix.Setrlimit(l.what, &unix.Rlimit{Cur: l.value, Max: l.value}); err != nil {
			return fmt.Errorf("set resource limit %d: %w", l.what, err)
		}
	}
	return nil
}

// lastCapability is beyond the highest that any kernel knows.
const lastCapability = 64

// giveUp drops capabilities and the user, and closes the ways back. The order
// matters: each step needs a right that a later one drops.
func giveUp(p plan) error {
	if p.has(LayerCapability) {
		for c := uintptr(0); c < lastCapability; c++ {
			err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0)
			if errors.Is(err, unix.EINVAL) {
				break // beyond the last of this kernel
			}
			if err != nil {
				return fmt.Errorf("drop capability %d: %w", c, err)
			}
		}
		if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
			return fmt.Errorf("drop the ambient capabilities: %w", err)
		}
	}
	if p.User != 0 && p.has(LayerUser) {
		if err := becomeUser(p.User); err != nil {
			return err
		}
	}
	if p.has(LayerCapability) {
		none := [2]unix.CapUserData{}
		if err := unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &none[0]); err != nil {
			return fmt.Errorf("drop all capabilities: %w", err)
		}
	}
	if p.has(LayerKill) {
		// A change of user has cleared it.
		if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
			return fmt.Errorf("tie the service to its holder: %w", err)
		}
	}
	if p.has(LayerPrivileges) {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return fmt.Errorf("give up new privileges: %w", err)
		}
	}
	if p.has(LayerLandlock) {
		if err := landlock(p); err != nil {
			return err
		}
	}
	if p.has(LayerSeccomp) {
		return filterCalls()
	}
	return nil
}

// becomeUser changes this thread alone, by bare system calls: the service
// inherits it, and the others are gone with the exec.
func becomeUser(id int) error {
	if _, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0); errno != 0 {
		return fmt.Errorf("leave all groups: %w", errno)
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESGID, uintptr(id), uintptr(id), uintptr(id)); errno != 0 {
		return fmt.Errorf("become group %d: %w", id, errno)
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, uintptr(id), uintptr(id), uintptr(id)); errno != 0 {
		return fmt.Errorf("become user %d: %w", id, errno)
	}
	return nil
}

// writable lists where the service may write.
func (p plan) writable() []string {
	var all []string
	for _, list := range [][]string{p.Writable, p.Overlays, {scratch}} {
		for _, path := range list {
			all = append(all, filepath.Clean(path))
		}
	}
	return all
}
