package sandbox

import (
	"strings"
	"time"
)

// Spec says what to start and how much it may use.
type Spec struct {
	Path string
	Args []string
	Env  []string // the whole environment
	Dir  string
	// Memory is the most resident memory in bytes, of all its processes
	// together; Output the most bytes that it may print.
	Memory int64
	Output int64
	// CPU is the most processor time of all its processes together; 0 is no limit.
	CPU time.Duration
	// Weight is the nice value of its group on Linux, where this user may set
	// it; "" leaves it as it is.
	Weight string
	// CPUs are the processors that it may use, in the kernel's list format
	// ("0-1"); "" is all of them. It is heeded where there is a cpuset.
	CPUs string
	// ReadOnly and Writable are the folders and files of this machine that it
	// sees, at the paths that they have here. An open launcher hides nothing.
	ReadOnly, Writable []string
	// Overlays are folders that it sees and may write to, and whose changes are
	// gone with it. An open launcher does not protect them.
	Overlays []string
	// Disk bounds the bytes below Writable, Files what any one file may hold;
	// 0 takes the defaults.
	Disk, Files int64
	// Scratch is the size of its own /tmp and of what Overlays take, in bytes; 0
	// takes the default.
	Scratch int64
	// Processes bounds its processes and threads; 0 takes the default.
	Processes int
	// Line receives what is printed, line by line, until Output is reached. It
	// must not block for long.
	Line func(string)
}

// Defaults of a Spec.
const (
	defaultProcesses = 256
	defaultScratch   = 64 << 20
	defaultDisk      = 1 << 30
	scratchFiles     = 4096
	openFiles        = 1024
)

func (s Spec) withDefaults() Spec {
	if s.Processes == 0 {
		s.Processes = defaultProcesses
	}
	if s.Scratch == 0 {
		s.Scratch = defaultScratch
	}
	if s.Disk == 0 {
		s.Disk = defaultDisk
	}
	if s.Files == 0 {
		s.Files = s.Disk
	}
	return s
}

// Fault says why a process was ended from outside; the zero value says that it
// was not.
type Fault string

// The faults.
const (
	OverMemory Fault = "memory"
	OverOutput Fault = "output"
	OverDisk   Fault = "disk"
	OverTime   Fault = "processor time"
)

// ExitError tells that a command ran and did not succeed.
type ExitError struct {
	Exit    string // "exit status 1"
	Fault   Fault  // set where it was ended for what it used
	Printed string // the end of its output
}

func (e *ExitError) Error() string {
	if e.Fault != "" {
		return "ended for its use of " + string(e.Fault)
	}
	return e.Exit + ": " + strings.TrimSpace(e.Printed)
}
