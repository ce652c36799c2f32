package sandbox

import (
	"fmt"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/sys/unix"
)

// refused is what a call outside the list returns. An error and not the end of
// the process: programs probe for calls and go on without them.
const refused = seccomp.ActionErrno

// missing is what clone3 returns: callers then fall back to clone, whose flags a
// filter can see.
const missing = seccomp.ActionErrno | seccomp.Action(unix.ENOSYS)

// filterCalls restricts this thread, and what it becomes, to the calls that a
// service has use for.
func filterCalls() error {
	policy, err := callPolicy()
	if err != nil {
		return err
	}
	if err := seccomp.LoadFilter(seccomp.Filter{Policy: policy}); err != nil {
		return fmt.Errorf("load the filter of system calls: %w", err)
	}
	return nil
}

func callPolicy() (seccomp.Policy, error) {
	here, err := arch.GetInfo("")
	if err != nil {
		return seccomp.Policy{}, fmt.Errorf("find the system calls of this processor: %w", err)
	}
	allow := seccomp.SyscallGroup{Action: seccomp.ActionAllow}
	for _, name := range allowed {
		// Not every processor has every call.
		if _, ok := here.SyscallNames[name]; ok {
			allow.Names = append(allow.Names, name)
		}
	}
	for _, family := range []uint64{unix.AF_UNIX, unix.AF_INET, unix.AF_INET6} {
		for _, name := range []string{"socket", "socketpair"} {
			allow.NamesWithCondtions = append(allow.NamesWithCondtions, seccomp.NameWithConditions{
				Name: name, Conditions: seccomp.ArgumentConditions{{Argument: 0, Operation: seccomp.Equal, Value: family}},
			})
		}
	}
	allow.NamesWithCondtions = append(allow.NamesWithCondtions,
		seccomp.NameWithConditions{Name: "clone", Conditions: seccomp.ArgumentConditions{
			{Argument: 0, Operation: seccomp.BitsNotSet, Value: namespaceFlags},
		}},
		// The answer 0 of an earlier call may be asked for, nothing be set.
		seccomp.NameWithConditions{Name: "personality", Conditions: seccomp.ArgumentConditions{
			{Argument: 0, Operation: seccomp.Equal, Value: 0xffffffff},
		}},
		// Typing into a terminal that others read.
		seccomp.NameWithConditions{Name: "ioctl", Conditions: seccomp.ArgumentConditions{
			{Argument: 1, Operation: seccomp.NotEqual, Value: unix.TIOCSTI},
			{Argument: 1, Operation: seccomp.NotEqual, Value: unix.TIOCLINUX},
		}},
	)
	return seccomp.Policy{DefaultAction: refused, Syscalls: []seccomp.SyscallGroup{
		allow,
		{Action: missing, Names: []string{"clone3"}},
	}}, nil
}

// namespaceFlags are the flags of clone that make a namespace.
const namespaceFlags = unix.CLONE_NEWNS | unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET |
	unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP

// allowed follows the allowlist of Docker's default profile (moby,
// profiles/seccomp), less what a service has no use for and what attacks have
// come through: io_uring, ptrace and reading another's memory, keyrings, mounts
// and namespaces, bpf and perf, handles and notifications across files, message
// queues and shared memory of System V, clocks, modules, and sockets other than
// UNIX and Internet ones (above).
var allowed = []string{
	"accept", "accept4", "access", "alarm", "arch_prctl", "bind", "brk", "cachestat", "capget", "chdir", "chmod", "clock_getres",
	"clock_gettime", "clock_nanosleep", "close", "close_range", "connect", "copy_file_range", "creat", "dup", "dup2", "dup3",
	"epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait", "eventfd", "eventfd2", "execve",
	"execveat", "exit", "exit_group", "faccessat", "faccessat2", "fadvise64", "fallocate", "fchdir", "fchmod", "fchmodat",
	"fchmodat2", "fcntl", "fdatasync", "fgetxattr", "flistxattr", "flock", "fork", "fstat", "fstatfs", "fsync", "ftruncate", "futex",
	"futex_requeue", "futex_wait", "futex_waitv", "futex_wake", "futimesat", "get_robust_list", "get_thread_area", "getcpu",
	"getcwd", "getdents", "getdents64", "getegid", "geteuid", "getgid", "getgroups", "getitimer", "getpeername", "getpgid",
	"getpgrp", "getpid", "getppid", "getpriority", "getrandom", "getresgid", "getresuid", "getrlimit", "getrusage", "getsid",
	"getsockname", "getsockopt", "gettid", "gettimeofday", "getuid", "getxattr", "inotify_add_watch", "inotify_init",
	"inotify_init1", "inotify_rm_watch", "kill", "lgetxattr", "link", "linkat", "listen", "listxattr", "llistxattr", "lseek",
	"lstat", "madvise", "membarrier", "memfd_create", "mincore", "mkdir", "mkdirat", "mlock", "mlock2", "mlockall", "mmap",
	"mprotect", "mremap", "msync", "munlock", "munlockall", "munmap", "nanosleep", "newfstatat", "open", "openat", "openat2",
	"pause", "pidfd_open", "pidfd_send_signal", "pipe", "pipe2", "poll", "ppoll", "prctl", "pread64", "preadv", "preadv2",
	"prlimit64", "pselect6", "pwrite64", "pwritev", "pwritev2", "read", "readahead", "readlink", "readlinkat", "readv", "recvfrom",
	"recvmmsg", "recvmsg", "rename", "renameat", "renameat2", "restart_syscall", "rmdir", "rseq", "rt_sigaction", "rt_sigpending",
	"rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait", "rt_tgsigqueueinfo",
	"sched_get_priority_max", "sched_get_priority_min", "sched_getaffinity", "sched_getattr", "sched_getparam",
	"sched_getscheduler", "sched_rr_get_interval", "sched_setaffinity", "sched_yield", "select", "sendfile", "sendmmsg",
	"sendmsg", "sendto", "set_robust_list", "set_thread_area", "set_tid_address", "setitimer", "setpgid", "setpriority",
	"setrlimit", "setsid", "setsockopt", "shutdown", "sigaltstack", "splice", "stat", "statfs", "statx", "symlink", "symlinkat",
	"sync_file_range", "sysinfo", "tee", "tgkill", "time", "timer_create", "timer_delete", "timer_getoverrun", "timer_gettime",
	"timer_settime", "timerfd_create", "timerfd_gettime", "timerfd_settime", "times", "tkill", "truncate", "umask", "uname",
	"unlink", "unlinkat", "utime", "utimensat", "utimes", "vfork", "wait4", "waitid", "waitpid", "write", "writev",
}
