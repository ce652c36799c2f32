package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// The two stages of a confined start. Both are this same program, started again
// under another name and ended before main: the holder, which owns the network
// namespace and waits, and the inside, which builds the private root, gives up
// every right and becomes the service. A name and a pipe select them, never the
// environment, which is empty.
const (
	holderName = "p95lab: sandbox holder"
	insideName = "p95lab: sandbox"
)

// self is the running program, also where its file was replaced or removed.
const self = "/proc/self/exe"

// Descriptors of the holder and of the inside.
const (
	planFile    = 3 // both read the plan from it
	controlFile = 4 // the holder's talk with the launcher
	feedFile    = 5 // the holder's sockets for the launcher
	statusFile  = 4 // the inside's error; its end without one is success
)

// init turns this process into a stage where it was started as one. It is an
// init and no function to call so that a program cannot forget it: without it
// the second start would run the program itself, without end.
func init() {
	if len(os.Args) == 3 && os.Args[1] == probeArgument {
		os.Exit(tryEscapes(os.Args[2]))
	}
	if len(os.Args) != 1 || (os.Args[0] != holderName && os.Args[0] != insideName) || !isPipe(planFile) {
		return
	}
	if os.Args[0] == holderName {
		os.Exit(hold())
	}
	enter()
	os.Exit(1)
}

func isPipe(fd int) bool {
	var st unix.Stat_t
	return unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFIFO
}

// plan is what the stages are told.
type plan struct {
	Path, Dir          string
	Args, Env          []string
	ReadOnly, Writable []string
	Overlays           []string
	Scratch            int64
	Memory, Files      int64
	Processes          int
	// User is the host's uid and gid to become; 0 keeps the launcher's own, which
	// a user namespace has taken every right from.
	User int
	Off  map[Layer]bool // for tests alone
}

func (p plan) has(l Layer) bool { return !p.Off[l] }

// note is what the holder tells the launcher, one note a message.
type note struct {
	PID    int    `json:",omitempty"` // the service's, waiting to be let go
	Error  string `json:",omitempty"`
	Ready  bool   `json:",omitempty"` // it has become the service
	Ended  bool   `json:",omitempty"`
	OOM    bool   `json:",omitempty"` // the kernel ended one for the group's memory
	Status uint32 `json:",omitempty"` // wait status
	CPU    int64  `json:",omitempty"` // microseconds of processor time
	Peak   int64  `json:",omitempty"` // the largest resident memory of one process, bytes
}

// largestNote bounds a message between holder and launcher, in bytes.
const largestNote = 16 << 10

// hold is the holder's main. It runs on the process's first thread, where init
// functions run, so that the parent-death signal of the inside follows it.
func hold() int {
	for fd := planFile; fd <= feedFile; fd++ {
		unix.CloseOnExec(fd)
	}
	control := os.NewFile(controlFile, "control")
	if err := holdService(control); err != nil {
		tell(control, note{Error: err.Error()})
		return 1
	}
	return 0
}

func tell(control io.Writer, n note) {
	text, err := json.Marshal(n)
	if err != nil {
		text = []byte(`{"Error":"a note cannot be told"}`)
	}
	_, _ = control.Write(text) // it fails when nobody is left to tell
}

func holdService(control *os.File) error {
	var p plan
	text, err := io.ReadAll(os.NewFile(planFile, "plan"))
	if err != nil {
		return fmt.Errorf("read the plan: %w", err)
	}
	if err := json.Unmarshal(text, &p); err != nil {
		return fmt.Errorf("read the plan: %w", err)
	}
	if p.has(LayerNetwork) {
		if err := raiseLoopback(); err != nil {
			return err
		}
	}
	service, planIn, status, err := startInside(p)
	if err != nil {
		return err
	}
	tell(control, note{PID: service.Pid})
	// The launcher has put it into its groups, and lets it go.
	answer := make([]byte, largestNote)
	n, err := control.Read(answer)
	if err != nil {
		_ = service.Kill()
		return fmt.Errorf("wait for the launcher: %w", err)
	}
	var groups group
	if err := json.Unmarshal(answer[:n], &groups); err != nil {
		return fmt.Errorf("read the launcher's answer: %w", err)
	}
	_, err = planIn.Write(text)
	if err = errors.Join(err, planIn.Close()); err != nil {
		return fmt.Errorf("hand on the plan: %w", err)
	}
	failure, err := io.ReadAll(status)
	if err != nil || len(failure) > 0 {
		_, _ = service.Wait() // it ends by itself
		groups.remove()
		return errors.Join(errors.New(string(failure)), err)
	}
	tell(control, note{Ready: true})
	go feedSockets()
	go func() {
		// Nothing more is said: this ends when the launcher does, however it does,
		// or lets go. It is the kill switch.
		_, _ = control.Read(answer)
		_ = service.Kill()
		groups.freeze(false) // the frozen do not even die
	}()
	state, err := service.Wait()
	if err != nil {
		return fmt.Errorf("wait for the service: %w", err)
	}
	end := note{Ended: true, OOM: groups.outOfMemory(), CPU: (state.UserTime() + state.SystemTime()).Microseconds()}
	if ws, ok := state.Sys().(syscall.WaitStatus); ok {
		end.Status = uint32(ws)
	}
	if usage, ok := state.SysUsage().(*syscall.Rusage); ok {
		end.Peak = usage.Maxrss << 10 // the kernel counts KiB
	}
	groups.remove()
	tell(control, end)
	return nil
}

// startInside starts the second stage in namespaces of its own; it waits for
// its plan.
func startInside(p plan) (_ *os.Process, planIn, status *os.File, err error) {
	planOut, planIn, err := os.Pipe()
	if err != nil {
		return nil, nil, nil, fmt.Errorf("make a pipe: %w", err)
	}
	status, statusIn, err := os.Pipe()
	if err != nil {
		return nil, nil, nil, fmt.Errorf("make a pipe: %w", err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("open %s: %w", os.DevNull, err)
	}
	attr := &syscall.SysProcAttr{Setsid: true}
	if p.has(LayerKill) {
		attr.Pdeathsig = syscall.SIGKILL
	}
	for layer, flag := range map[Layer]uintptr{
		LayerProcesses: unix.CLONE_NEWPID, LayerMounts: unix.CLONE_NEWNS, LayerIPC: unix.CLONE_NEWIPC, LayerHostname: unix.CLONE_NEWUTS,
	} {
		if p.has(layer) {
			attr.Cloneflags |= flag
		}
	}
	attrs := &os.ProcAttr{Env: []string{}, Files: []*os.File{null, os.Stdout, os.Stderr, planOut, statusIn}, Sys: attr}
	service, err := os.StartProcess(self, []string{insideName}, attrs)
	err = errors.Join(err, planOut.Close(), statusIn.Close(), null.Close())
	if err != nil {
		return nil, nil, nil, fmt.Errorf("start the second stage: %w", err)
	}
	return service, planIn, status, nil
}

// raiseLoopback makes 127.0.0.1 reachable in this network namespace, which has
// nothing else.
func raiseLoopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open a socket: %w", err)
	}
	defer func() { _ = unix.Close(fd) }()
	flags, err := unix.NewIfreq("lo")
	if err != nil {
		return fmt.Errorf("name the loopback: %w", err)
	}
	flags.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, flags); err != nil {
		return fmt.Errorf("raise the loopback: %w", err)
	}
	return nil
}

// feedSockets hands out unconnected sockets of this network namespace. A socket
// belongs to the namespace that it was made in, so the launcher connects it from
// outside and then talks to the service without anything in between. Sending
// blocks while enough of them wait.
func feedSockets() {
	for {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return
		}
		err = unix.Sendmsg(feedFile, []byte{0}, unix.UnixRights(fd), nil, 0)
		_ = unix.Close(fd)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return
		}
	}
}
