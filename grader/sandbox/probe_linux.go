package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// confining is a launcher with all layers.
func confining() *Launcher {
	mounts, _ := os.ReadFile("/proc/self/mounts")     // without them there are no groups,
	membership, _ := os.ReadFile("/proc/self/cgroup") // which the probe tells
	found := findControllers(string(mounts), string(membership))
	found.sweep(youngGroup)
	return &Launcher{confines: true, controllers: found}
}

// works tells whether a layer that depends on the machine is there.
func (l *Launcher) works(layer Layer) bool {
	for controller, of := range layerOf {
		if of == layer {
			_, found := l.controllers.at[controller]
			return found
		}
	}
	return l.confines
}

// probeArgument makes this program, started in the sandbox, try to leave it.
const probeArgument = "p95lab: try to leave the sandbox"

// probeTimeout is far beyond what it takes, some 50 ms.
const probeTimeout = 10 * time.Second

// probeFile is the most that a file of the probe may hold.
const probeFile = 8 << 20

// bait is what the probe tries to reach: harmless things of the launcher's own.
type bait struct {
	File, Port, Abstract string
	PID                  int
}

// probe starts this program in the sandbox, has it try the real escapes, and
// says what became of each.
func (l *Launcher) probe(ctx context.Context) Report {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	findings, err := l.tryOut(ctx)
	if err != nil {
		missing := Finding{Layer: "sandbox", Why: err.Error(), How: remedy(err)}
		return Report{Layers: []Finding{missing}, Missing: []Finding{missing}}
	}
	r := Report{Isolated: true, Layers: findings}
	for _, f := range findings {
		if !f.Works {
			r.Isolated = false
		}
	}
	for _, f := range l.lent() {
		r.Layers = append(r.Layers, f)
		if !f.Works && needed[f.Layer] {
			r.Missing = append(r.Missing, f)
		}
	}
	if !r.Isolated {
		for _, f := range findings {
			if !f.Works {
				r.Missing = append(r.Missing, f)
			}
		}
	}
	return r
}

// needed are the layers that depend on the machine and that a host for strangers
// cannot do without. One learner on their own machine can.
var needed = map[Layer]bool{LayerUser: true, LayerMemory: true, LayerPids: true}

// tryOut runs the probe inside.
func (l *Launcher) tryOut(ctx context.Context) ([]Finding, error) {
	dir, err := os.MkdirTemp("", "p95lab-probe-")
	if err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	defer func() { _ = RemoveAll(dir) }()
	own := filepath.Join(dir, "own")
	b := bait{File: filepath.Join(dir, "bait"), Abstract: "@" + filepath.Base(dir), PID: os.Getpid()}
	if err := errors.Join(os.Mkdir(own, 0o755), os.WriteFile(b.File, []byte("bait"), 0o644), os.Chmod(dir, 0o755)); err != nil {
		return nil, fmt.Errorf("lay out the bait: %w", err)
	}
	port, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("lay out the bait: %w", err)
	}
	defer func() { _ = port.Close() }()
	abstract, err := net.Listen("unix", b.Abstract)
	if err != nil {
		return nil, fmt.Errorf("lay out the bait: %w", err)
	}
	defer func() { _ = abstract.Close() }()
	b.Port = port.Addr().String()
	text, err := json.Marshal(b)
	if err != nil {
		return nil, fmt.Errorf("describe the bait: %w", err)
	}
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	var answer []string
	printed, err := l.Run(ctx, Spec{
		Path: program, Args: []string{probeArgument, string(text)}, Dir: own, Writable: []string{own},
		Memory: 512 << 20, Output: 1 << 20, Scratch: 1 << 20, Files: probeFile,
		Line: func(line string) { answer = append(answer, line) },
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, strings.TrimSpace(printed))
	}
	var findings []Finding
	if err := json.Unmarshal([]byte(strings.Join(answer, "")), &findings); err != nil {
		return nil, fmt.Errorf("read the probe's answer: %w", err)
	}
	return findings, nil
}

// escapes are what the probe tries; what one returns is why it failed, and nil
// that it got out.
var escapes = []struct {
	layer Layer
	try   func(bait) error
}{
	{LayerMounts, func(b bait) error { _, err := os.ReadFile(b.File); return err }},
	{LayerMounts, func(bait) error { return os.WriteFile("/escaped", nil, 0o600) }},
	{LayerProcesses, func(b bait) error {
		if os.Getpid() != 1 {
			return nil
		}
		return unix.Kill(b.PID, 0)
	}},
	{LayerNetwork, func(b bait) error { return knock("tcp4", b.Port) }},
	{LayerNetwork, func(b bait) error { return knock("unix", b.Abstract) }},
	{LayerSeccomp, func(bait) error {
		_, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 1, 0, 0)
		return onlyIf(errno == unix.EPERM, errno)
	}},
	{LayerSeccomp, func(bait) error {
		_, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW, 0)
		return err
	}},
	{LayerCapability, func(bait) error {
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var data [2]unix.CapUserData
		err := unix.Capget(&header, &data[0])
		none := err == nil && data == [2]unix.CapUserData{}
		return onlyIf(none, errors.New("it has none"))
	}},
	{LayerPrivileges, func(bait) error {
		set, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
		return onlyIf(err == nil && set == 1, errors.New("it gets none"))
	}},
	{LayerDescriptors, func(bait) error {
		var st unix.Stat_t
		for fd := 3; fd < openFiles; fd++ {
			if unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFREG {
				return nil
			}
		}
		return errors.New("there is none")
	}},
	{LayerEnvironment, func(bait) error { return onlyIf(len(os.Environ()) == 0, errors.New("it is empty")) }},
	{LayerTmpfs, func(bait) error { return os.WriteFile(filepath.Join(scratch, "fill"), make([]byte, 4<<20), 0o600) }},
	{LayerLimits, func(bait) error {
		return errors.Join(os.WriteFile("hole", nil, 0o600), os.Truncate("hole", 2*probeFile))
	}},
	{LayerHostname, func(bait) error {
		name, err := os.Hostname()
		return onlyIf(err == nil && name == "lab", errors.New("it is its own"))
	}},
}

// onlyIf is the failure of an escape, if that is how it failed.
func onlyIf(failed bool, why error) error {
	if failed {
		return why
	}
	return nil
}

func knock(network, address string) error {
	c, err := net.Dial(network, address)
	if err != nil {
		return err
	}
	return c.Close()
}

// tryEscapes is the probe's main: it prints what it found.
func tryEscapes(text string) int {
	var b bait
	if err := json.Unmarshal([]byte(text), &b); err != nil {
		return 2
	}
	var findings []Finding
	for _, e := range escapes {
		f := Finding{Layer: e.layer, Works: true}
		if err := e.try(b); err == nil {
			f.Works, f.Why, f.How = false, "it could be left", "tell us: docs/security.md says how"
		}
		if last := len(findings) - 1; last >= 0 && findings[last].Layer == f.Layer {
			findings[last].Works = findings[last].Works && f.Works
			continue
		}
		findings = append(findings, f)
	}
	out, err := json.Marshal(findings)
	if err != nil {
		return 2
	}
	if _, err := os.Stdout.Write(append(out, '\n')); err != nil {
		return 2
	}
	return 0
}

// lent are the layers that a machine may or may not lend.
func (l *Launcher) lent() []Finding {
	abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	found := []Finding{
		{Layer: LayerLandlock, Works: errno == 0, Why: "version " + strconv.Itoa(int(abi)), How: "a kernel from 5.13 on with landlock switched on; it stands behind others"},
		{Layer: LayerUser, Works: os.Geteuid() == 0, Why: "services run as the user of the launcher", How: "start it as root, or in a container of its own"},
	}
	if errno != 0 {
		found[0].Why = "this kernel has none"
	}
	const how = "start it as root, or in a systemd unit with Delegate=yes"
	for _, c := range []struct {
		layer Layer
		why   string
	}{
		{LayerMemory, "memory is looked at every 50 ms and bounded for each process"},
		{LayerPids, "processes are bounded by a resource limit"},
		{LayerCPU, "a service may start sessions of its own to get more of the processors"},
		{LayerCPUSet, "a service may use every processor"},
		{LayerKill, "a service is stopped process by process"},
	} {
		name := c.layer
		if name == LayerKill {
			name = "freezer cgroup"
		}
		f := Finding{Layer: name, Works: l.works(c.layer), Why: "no cgroup could be made: " + c.why, How: how}
		found = append(found, f)
	}
	for i := range found {
		if found[i].Works {
			found[i].Why, found[i].How = "", ""
		}
	}
	return found
}

// remedy says how a machine that refused might not.
func remedy(err error) string {
	text := err.Error()
	switch {
	case strings.Contains(text, "proc"):
		return "a container hides parts of /proc: start it with --security-opt systempaths=unconfined"
	case errors.Is(err, os.ErrPermission) || strings.Contains(text, "not permitted") || strings.Contains(text, "permission denied"):
		return "namespaces are refused. In Docker: --security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined. " +
			"On Ubuntu from 23.10 on: an AppArmor profile for this program that allows userns, or start it as root"
	case strings.Contains(text, "no space") || errors.Is(err, unix.ENOSPC):
		return "raise user.max_user_namespaces"
	default:
		return "a kernel from 5.12 on is needed; this says what it refused"
	}
}
