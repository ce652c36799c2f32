//go:build linux

package sandbox

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// attack is one thing that a hostile service tries. It is called inside, and a
// nil error means that it got what it wanted. target is what the test has put
// there for it: a path, a port, a process.
type attack func(target string) error

// attacks are all of them, by the name that docs/security.md tells them by.
var attacks = map[string]attack{
	"read a file of the machine":            readFile,
	"read another run's database":           readFile,
	"write a file of the machine":           func(t string) error { return writeTo(t, os.O_WRONLY) },
	"list a folder of the machine":          func(string) error { _, err := os.ReadDir("/usr/bin"); return err },
	"follow a link out of the run's folder": throughLink,
	"leave the root by chroot":              func(string) error { return unix.Chroot("/tmp") },
	"look at the cgroups":                   func(string) error { _, err := os.ReadDir("/sys/fs/cgroup"); return err },
	"look at the kernel's settings":         func(string) error { _, err := os.ReadFile("/proc/sys/kernel/osrelease"); return err },
	"share memory through /dev/shm": func(t string) error {
		return writeTo("/dev/shm/"+filepath.Base(filepath.Dir(t)), os.O_CREATE|os.O_WRONLY)
	},
	"see the processes of the machine":       seeProcesses,
	"read the grader's environment":          func(t string) error { _, err := os.ReadFile("/proc/" + t + "/environ"); return err },
	"read the grader's memory":               readMemory,
	"trace the grader":                       traceIt,
	"signal the grader":                      func(t string) error { return unix.Kill(number(t), 0) },
	"signal everything":                      func(string) error { return unix.Kill(-1, 0) },
	"hold the grader's process":              func(t string) error { _, err := unix.PidfdOpen(number(t), 0); return err },
	"connect to a port of the machine":       func(t string) error { return connectTo("tcp", t) },
	"connect to the other side":              func(t string) error { return connectTo("tcp", t) },
	"connect to an abstract socket":          func(t string) error { return connectTo("unix", t) },
	"connect to a socket in the file system": func(t string) error { return connectTo("unix", t) },
	"find a way out of the machine":          otherInterface,
	"open a raw socket":                      func(string) error { return openSocket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP) },
	"open a packet socket":                   func(string) error { return openSocket(unix.AF_PACKET, unix.SOCK_DGRAM, 0) },
	"open a netlink socket":                  func(string) error { return openSocket(unix.AF_NETLINK, unix.SOCK_RAW, 0) },
	"open a VM socket":                       func(string) error { return openSocket(unix.AF_VSOCK, unix.SOCK_STREAM, 0) },
	"open a crypto socket":                   func(string) error { return openSocket(unix.AF_ALG, unix.SOCK_SEQPACKET, 0) },
	"use io_uring":                           call(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&[128]byte{}))),
	"use the keyring":                        func(string) error { _, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_SESSION_KEYRING, true); return err },
	"switch off address randomisation":       call(unix.SYS_PERSONALITY, 0x0040000),
	"make a user namespace":                  func(string) error { return cloned(unix.CLONE_NEWUSER) },
	"unshare the mounts":                     call(unix.SYS_UNSHARE, unix.CLONE_NEWNS),
	"use clone3":                             call(unix.SYS_CLONE3, 0, 0),
	"enter another namespace":                call(unix.SYS_SETNS, ^uintptr(0), 0),
	"mount something":                        func(string) error { return unix.Mount("tmpfs", "/tmp", "tmpfs", 0, "size=4k") },
	"unmount something":                      func(string) error { return unix.Unmount("/tmp", unix.MNT_DETACH) },
	"load a BPF program":                     call(unix.SYS_BPF, 0, 0, 0),
	"count performance events":               call(unix.SYS_PERF_EVENT_OPEN, 0, 0, 0, ^uintptr(0)),
	"stop at page faults":                    call(unix.SYS_USERFAULTFD, unix.O_CLOEXEC|1),
	"open a file by its handle":              call(unix.SYS_OPEN_BY_HANDLE_AT, 0, 0),
	"set the clock":                          call(unix.SYS_CLOCK_SETTIME, 99, 0),
	"read the kernel's log":                  call(unix.SYS_SYSLOG, 10, 0, 0),
	"load a module":                          call(unix.SYS_INIT_MODULE, 0, 0, 0),
	"become root":                            func(string) error { return becomeRoot() },
	"change the host name":                   func(string) error { return unix.Sethostname([]byte("mine")) },
	"make a device":                          func(string) error { return unix.Mknod("/tmp/null", unix.S_IFCHR|0o666, 1<<8|3) },
	"run before all others":                  realTime,
	"be nicer to itself":                     func(string) error { return unix.Setpriority(unix.PRIO_PROCESS, 0, -5) },
	"use more processors":                    moreProcessors,
	"keep a System V segment":                call(unix.SYS_SHMGET, 0x9595, 4096, unix.IPC_CREAT|0o600),
	"start 400 processes":                    func(string) error { return startMany(400) },
	"start 400 threads":                      func(string) error { return startThreads(400) },
	"open 4000 files":                        openMany,
	"pin memory":                             func(string) error { return unix.Mlock(make([]byte, 1<<20)) },
	"make a file of a terabyte":              sparse,
	"fill the scratch space":                 func(string) error { return fill("/tmp/fill", 6) },
	"fill the scratch space with names":      func(string) error { return names("/tmp", scratchFiles+100, func() {}) },
	"fill the disk":                          fillDisk,
	"fill the disk with names":               func(string) error { return names(".", most+100, rest) },
	"put folders into folders":               func(string) error { defer rest(); return nest(400) },
	"write to its own memory":                ownMemory,
	"take memory in several processes":       takeMemory,
	"write to the root":                      func(string) error { return os.Mkdir("/etc/mine", 0o755) },
	"replace its own program":                func(string) error { return writeTo(executable(), os.O_WRONLY) },
	"use what it inherited":                  inherited,
	"read the grader's variables":            variables,
	"gain rights by a program":               newPrivileges,
	"use a capability":                       capabilities,
}

func call(number uintptr, args ...uintptr) attack {
	var a [5]uintptr
	copy(a[:], args)
	return func(string) error {
		_, _, errno := unix.Syscall6(number, a[0], a[1], a[2], a[3], a[4], 0)
		switch errno {
		case 0, unix.EINVAL, unix.EFAULT, unix.EBADF, unix.ENOENT, unix.E2BIG:
			return nil // the kernel has looked at what was asked: the way is open
		}
		return errno
	}
}

func readFile(t string) error { _, err := os.ReadFile(t); return err }

func writeTo(path string, flags int) error {
	f, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

func throughLink(t string) error {
	if err := os.Symlink(t, "link"); err != nil {
		return err
	}
	return readFile("link")
}

func number(t string) int { n, _ := strconv.Atoi(t); return n }

func seeProcesses(string) error {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return err
	}
	seen := 0
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err == nil {
			seen++
		}
	}
	if seen > 1 {
		return nil
	}
	return errors.New("it sees itself alone")
}

func readMemory(t string) error {
	// No address is needed to be let in or not.
	buffer := make([]byte, 1)
	local := []unix.Iovec{{Base: &buffer[0], Len: 1}}
	_, err := unix.ProcessVMReadv(number(t), local, []unix.RemoteIovec{{Base: 1, Len: 1}}, 0)
	if errors.Is(err, unix.EFAULT) {
		return nil
	}
	return err
}

func traceIt(t string) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := unix.PtraceSeize(number(t))
	if err == nil {
		_ = unix.PtraceDetach(number(t))
	}
	return err
}

func connectTo(network, address string) error {
	c, err := net.Dial(network, address)
	if err != nil {
		return err
	}
	return c.Close()
}

func otherInterface(string) error {
	text, err := os.ReadFile("/proc/self/net/dev")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		name, _, found := strings.Cut(strings.TrimSpace(line), ":")
		if found && name != "lo" {
			return nil
		}
	}
	return errors.New("there is nothing but the loopback")
}

func openSocket(family, kind, protocol int) error {
	fd, err := unix.Socket(family, kind, protocol)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// cloned starts itself with the flags of clone.
func cloned(flags uintptr) error {
	child := exec.Command("/proc/self/exe")
	child.Env = []string{"HOSTILE=exit"}
	child.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags}
	err := child.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil // it ran
	}
	return err
}

func becomeRoot() error {
	if os.Getuid() == 0 {
		return nil
	}
	_, _, errno := unix.RawSyscall(unix.SYS_SETUID, 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

func realTime(string) error {
	_, _, errno := unix.RawSyscall(unix.SYS_SCHED_SETSCHEDULER, 0, 1, uintptr(unsafe.Pointer(&[1]int32{1})))
	if errno != 0 {
		return errno
	}
	return nil
}

func moreProcessors(string) error {
	var all unix.CPUSet
	for i := range runtime.NumCPU() + 64 {
		all.Set(i)
	}
	if err := unix.SchedSetaffinity(0, &all); err != nil {
		return err
	}
	var got unix.CPUSet
	if err := unix.SchedGetaffinity(0, &got); err != nil {
		return err
	}
	if got.Count() > 1 {
		return nil
	}
	return errors.New("it stays on one processor")
}

func startMany(n int) error {
	var children []*exec.Cmd
	defer func() {
		for _, c := range children {
			_ = c.Process.Kill()
			_ = c.Wait()
		}
	}()
	for range n {
		child := exec.Command("/proc/self/exe")
		child.Env = []string{"HOSTILE=stand", "GOMAXPROCS=1"}
		if err := child.Start(); err != nil {
			return fmt.Errorf("after %d: %w", len(children), err)
		}
		children = append(children, child)
	}
	return nil
}

// startThreads ends the whole program where the kernel refuses a thread.
func startThreads(n int) error {
	running := make(chan struct{})
	hold := make(chan struct{})
	for range n {
		go func() {
			runtime.LockOSThread()
			running <- struct{}{}
			<-hold
		}()
	}
	for range n {
		<-running
	}
	close(hold)
	return nil
}

func openMany(string) error {
	var files []io.Closer
	defer func() {
		for _, f := range files {
			_ = f.Close()
		}
	}()
	for range 4000 {
		f, err := os.Open("/dev/null")
		if err != nil {
			return err
		}
		files = append(files, f)
	}
	return nil
}

func sparse(string) error {
	f, err := os.Create("sparse")
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(1<<40), f.Close(), os.Remove("sparse"))
}

// fill writes so many files of 16 MB.
func fill(path string, files int) error {
	for i := range files {
		name := path + strconv.Itoa(i)
		defer func() { _ = os.Remove(name) }()
		if err := os.WriteFile(name, make([]byte, 16<<20), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// names makes so many empty files, stays a while, and removes them.
func names(dir string, n int, stay func()) error {
	defer func() {
		for i := range n {
			_ = os.Remove(filepath.Join(dir, "n"+strconv.Itoa(i)))
		}
	}()
	for i := range n {
		if err := os.WriteFile(filepath.Join(dir, "n"+strconv.Itoa(i)), nil, 0o600); err != nil {
			return err
		}
	}
	stay()
	return nil
}

// fillDisk writes more than its test allows, in small files, and waits for what
// that leads to.
func fillDisk(string) error {
	for i := range 24 {
		if err := os.WriteFile("part"+strconv.Itoa(i), make([]byte, 2<<20), 0o600); err != nil {
			return err
		}
	}
	unix.Sync()
	rest()
	return nil
}

// rest gives the watch time for many looks.
func rest() {
	wait := unix.Timespec{Sec: 1}
	for unix.Nanosleep(&wait, &wait) == unix.EINTR { //nolint:errorlint // a bare errno
	}
}

// nest makes folders in one another.
func nest(depth int) error {
	for range depth {
		if err := os.Mkdir("d", 0o700); err != nil {
			return err
		}
		if err := os.Chdir("d"); err != nil {
			return err
		}
	}
	return nil
}

// ownMemory writes where the language does not let it.
func ownMemory(string) error {
	victim := new(int)
	f, err := os.OpenFile("/proc/self/mem", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	_, err = f.WriteAt(make([]byte, 8), int64(uintptr(unsafe.Pointer(victim))))
	return err
}

// takeMemory has children who take 150 MB each and hold them.
func takeMemory(string) error {
	const children = 4
	var outs []io.Reader
	for range children {
		child := exec.Command("/proc/self/exe")
		child.Env = []string{"HOSTILE=hold-memory"}
		out, err := child.StdoutPipe()
		if err != nil {
			return err
		}
		if err := child.Start(); err != nil {
			return err
		}
		outs = append(outs, out)
	}
	for _, out := range outs {
		if _, err := io.ReadFull(out, make([]byte, 4)); err != nil {
			return err
		}
	}
	return nil
}

func inherited(string) error {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, e := range entries {
		fd := number(e.Name())
		where, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err != nil {
			continue // it was this listing
		}
		// Go's own poller and this listing are the service's.
		if fd > 2 && !strings.HasPrefix(where, "anon_inode:") && !strings.HasPrefix(where, "/proc/") {
			return nil
		}
	}
	return errors.New("it holds its own alone")
}

func variables(string) error {
	text, err := os.ReadFile("/proc/1/environ")
	if err != nil {
		text = []byte(strings.Join(os.Environ(), "\x00"))
	}
	if strings.Contains(string(text), "P95LAB_SECRET=") {
		return nil
	}
	return errors.New("they are not there")
}

// status reads one field of the service's own status.
func status(field string) string {
	text, err := os.ReadFile("/proc/thread-self/status")
	if err != nil {
		return err.Error()
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func newPrivileges(string) error {
	if n, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0); err != nil || n == 0 {
		return err
	}
	return errors.New("no program gives it new rights")
}

func capabilities(string) error {
	for _, set := range []string{"CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb"} {
		if strings.Trim(status(set), "0") != "" {
			return nil
		}
	}
	return errors.New("it has none")
}

// try is the hostile service's main.
func try(name, target string) {
	do := attacks[name]
	if do == nil {
		fmt.Println("unknown attack")
		os.Exit(2)
	}
	if err := do(target); err != nil {
		fmt.Println("stopped:", err)
		return
	}
	fmt.Println("REACHED")
}
