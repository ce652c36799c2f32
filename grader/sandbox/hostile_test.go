//go:build linux

package sandbox

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// hostileCase is one attack, what stops it, and how that is shown.
type hostileCase struct {
	name string
	// layers stop it, each alone; the first is the one meant to. beside are those
	// that have to go, too, before it succeeds, and would not stop it alone.
	layers, beside []Layer
	// shown says where the attack succeeds without them, "" where that would harm
	// the machine or another rule of the kernel's stops it, too: on that machine
	// nothing can be shown.
	shown string
	// needs is the layer that must work on this machine, where the rest does not
	// do.
	needs Layer
}

const (
	everywhere = "everywhere"
	asRoot     = "root"
)

var hostileCases = []hostileCase{
	{"read a file of the machine", []Layer{LayerMounts}, nil, everywhere, ""},
	{"read another run's database", []Layer{LayerMounts}, nil, everywhere, ""},
	{"write a file of the machine", []Layer{LayerMounts}, []Layer{LayerLandlock}, everywhere, ""},
	{"list a folder of the machine", []Layer{LayerMounts}, nil, everywhere, ""},
	{"follow a link out of the run's folder", []Layer{LayerMounts}, nil, everywhere, ""},
	{"leave the root by chroot", []Layer{LayerCapability, LayerSeccomp, LayerUser}, nil, asRoot, ""},
	{"look at the cgroups", []Layer{LayerMounts}, nil, everywhere, ""},
	{"look at the kernel's settings", []Layer{LayerMounts}, nil, everywhere, ""},
	{"share memory through /dev/shm", []Layer{LayerMounts, LayerLandlock}, nil, everywhere, ""},
	{"see the processes of the machine", []Layer{LayerMounts}, []Layer{LayerProcesses}, everywhere, ""},
	{"read the grader's environment", []Layer{LayerMounts, LayerUser, LayerCapability}, []Layer{LayerProcesses, LayerSeccomp, LayerLandlock}, asRoot, ""},
	{"read the grader's memory", []Layer{LayerSeccomp, LayerProcesses, LayerUser, LayerCapability, LayerLandlock}, []Layer{LayerMounts}, asRoot, ""},
	{"trace the grader", []Layer{LayerSeccomp, LayerProcesses, LayerUser, LayerCapability, LayerLandlock}, []Layer{LayerMounts}, asRoot, ""},
	{"signal the grader", []Layer{LayerProcesses, LayerUser, LayerLandlock}, []Layer{LayerMounts, LayerCapability, LayerSeccomp}, everywhere, ""},
	{"signal everything", []Layer{LayerProcesses}, []Layer{LayerMounts, LayerUser, LayerCapability, LayerSeccomp, LayerLandlock}, everywhere, ""},
	{"hold the grader's process", []Layer{LayerProcesses}, nil, everywhere, ""},
	{"connect to a port of the machine", []Layer{LayerNetwork}, nil, everywhere, ""},
	{"connect to the other side", []Layer{LayerNetwork}, nil, "", ""},
	{"connect to an abstract socket", []Layer{LayerNetwork, LayerLandlock}, nil, everywhere, ""},
	{"connect to a socket in the file system", []Layer{LayerMounts}, nil, everywhere, ""},
	{"find a way out of the machine", []Layer{LayerNetwork}, nil, "", ""},
	{"open a raw socket", []Layer{LayerCapability, LayerUser}, nil, asRoot, ""},
	{"open a packet socket", []Layer{LayerSeccomp, LayerCapability, LayerUser}, nil, asRoot, ""},
	{"open a netlink socket", []Layer{LayerSeccomp}, nil, everywhere, ""},
	{"open a VM socket", []Layer{LayerSeccomp}, nil, everywhere, ""},
	{"open a crypto socket", []Layer{LayerSeccomp}, nil, everywhere, ""},
	{"use io_uring", []Layer{LayerSeccomp}, nil, everywhere, ""},
	{"use the keyring", []Layer{LayerSeccomp}, nil, everywhere, ""},
	{"switch off address randomisation", []Layer{LayerSeccomp}, nil, everywhere, ""},
	{"make a user namespace", []Layer{LayerSeccomp}, nil, everywhere, ""},
	{"unshare the mounts", []Layer{LayerSeccomp, LayerCapability, LayerUser}, nil, asRoot, ""},
	{"use clone3", []Layer{LayerSeccomp}, nil, everywhere, ""},
	{"enter another namespace", []Layer{LayerSeccomp}, nil, everywhere, ""},
	{"mount something", []Layer{LayerSeccomp, LayerCapability, LayerUser, LayerLandlock}, nil, asRoot, ""},
	{"unmount something", []Layer{LayerSeccomp, LayerCapability, LayerUser, LayerLandlock}, nil, asRoot, ""},
	{"load a BPF program", []Layer{LayerSeccomp, LayerCapability, LayerUser}, nil, "", ""},
	{"count performance events", []Layer{LayerSeccomp}, []Layer{LayerCapability, LayerUser}, asRoot, ""},
	{"stop at page faults", []Layer{LayerSeccomp}, nil, everywhere, ""},
	{"open a file by its handle", []Layer{LayerSeccomp}, []Layer{LayerCapability, LayerUser}, asRoot, ""},
	{"set the clock", []Layer{LayerSeccomp}, []Layer{LayerCapability, LayerUser}, asRoot, ""},
	{"read the kernel's log", []Layer{LayerSeccomp, LayerCapability, LayerUser}, nil, "", ""},
	{"load a module", []Layer{LayerSeccomp, LayerCapability, LayerUser}, nil, "", ""},
	{"become root", []Layer{LayerUser}, []Layer{LayerCapability, LayerSeccomp}, asRoot, ""},
	{"change the host name", []Layer{LayerSeccomp, LayerCapability, LayerUser}, nil, asRoot, ""},
	{"make a device", []Layer{LayerSeccomp, LayerCapability, LayerUser, LayerLandlock}, nil, asRoot, ""},
	{"run before all others", []Layer{LayerSeccomp, LayerCapability, LayerUser, LayerLimits}, nil, "", ""},
	{"be nicer to itself", []Layer{LayerCapability, LayerUser}, []Layer{LayerLimits}, asRoot, ""},
	{"use more processors", []Layer{LayerCPUSet}, nil, everywhere, LayerCPUSet},
	{"keep a System V segment", []Layer{LayerSeccomp}, nil, everywhere, ""},
	{"start 400 processes", []Layer{LayerPids, LayerLimits}, nil, everywhere, ""},
	{"start 400 threads", []Layer{LayerPids, LayerLimits}, nil, everywhere, ""},
	{"open 4000 files", []Layer{LayerLimits}, nil, everywhere, ""},
	{"pin memory", []Layer{LayerLimits}, nil, everywhere, ""},
	{"make a file of a terabyte", []Layer{LayerLimits}, nil, everywhere, ""},
	{"fill the scratch space", []Layer{LayerTmpfs}, nil, everywhere, ""},
	{"fill the scratch space with names", []Layer{LayerTmpfs}, nil, everywhere, ""},
	{"fill the disk", []Layer{LayerDisk}, nil, everywhere, ""},
	{"fill the disk with names", []Layer{LayerDisk}, nil, everywhere, ""},
	{"put folders into folders", []Layer{LayerDisk}, nil, everywhere, ""},
	{"write to its own memory", []Layer{LayerMounts, LayerLandlock}, nil, everywhere, ""},
	{"take memory in several processes", []Layer{LayerMemory}, nil, "", ""},
	{"write to the root", []Layer{LayerMounts, LayerUser, LayerLandlock}, nil, "", ""},
	{"replace its own program", []Layer{LayerMounts, LayerUser, LayerLandlock}, nil, "", ""},
	{"use what it inherited", []Layer{LayerDescriptors}, nil, everywhere, ""},
	{"read the grader's variables", []Layer{LayerEnvironment}, nil, everywhere, ""},
	{"gain rights by a program", []Layer{LayerPrivileges, LayerSeccomp}, nil, "", ""},
	{"use a capability", []Layer{LayerCapability}, []Layer{LayerUser}, asRoot, ""},
}

// attacked runs one attack and tells whether it reached what it wanted, and
// what it said.
func attacked(t *testing.T, l *Launcher, program, name, target string) (reached bool, said string) {
	t.Helper()
	dir := t.TempDir()
	if shm, err := os.MkdirTemp("/dev/shm", "p95lab-test-"); err == nil && name == "fill the disk with names" {
		t.Cleanup(func() { _ = os.RemoveAll(shm) })
		dir = shm // thousands of names take seconds on a busy disk
	}
	// Open to the users of the sandbox: a layer, and no mode of a folder, must stop it.
	if err := errors.Join(os.Chmod(dir, 0o755), os.Chmod(filepath.Dir(t.TempDir()), 0o755)); err != nil {
		t.Fatal(err)
	}
	secret, err := os.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = secret.Close() }()
	memory := int64(256 << 20)
	if strings.HasPrefix(name, "start 400") {
		memory = 4 << 30 // it is not what is to stop this
	}
	without := *l
	without.leak = secret
	p, err := without.Start(t.Context(), Spec{
		Path: program, Env: []string{"HOSTILE=attack", "ATTACK=" + name, "TARGET=" + target},
		Dir: dir, Writable: []string{dir}, Memory: memory, Output: 1 << 20, Disk: 32 << 20, CPUs: "0",
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	wait(t, p)
	said = p.Tail() + p.Exit() + " " + string(p.Fault())
	return strings.Contains(p.Tail(), "REACHED") && p.Fault() == "", said
}

// TestHostile runs every attack in the whole sandbox, where it must fail, and
// then without the layers that stop it, where it must succeed: otherwise the
// first would prove nothing.
func TestHostile(t *testing.T) {
	if testing.Short() {
		t.Skip("starts some hundred hostile processes")
	}
	t.Setenv("P95LAB_SECRET", "1")
	l := confinedLauncher(t)
	targets := newTargets(t, l)
	for _, c := range hostileCases {
		t.Run(c.name, func(t *testing.T) {
			if c.needs != "" && !l.works(c.needs) {
				t.Skipf("this machine lends no %s", c.needs)
			}
			target := targets.of(t, c.name)
			reached, said := attacked(t, l, targets.program, c.name, target)
			if reached {
				t.Errorf("it got what it wanted: %s", said)
			}
			t.Logf("with all layers: %s", said)
			switch {
			case c.shown == "", c.shown == asRoot && os.Geteuid() != 0:
				return
			}
			reached, said = attacked(t, l.without(c.layers, c.beside), targets.program, c.name, targets.of(t, c.name))
			t.Logf("without %v: %s", c.layers, said)
			if lacking(said) {
				t.Skipf("this kernel has no such thing: %s", said)
			}
			if !reached {
				t.Errorf("without %v it still fails, so they were not shown to stop it: %s", c.layers, said)
			}
			if len(c.layers)+len(c.beside) == 1 {
				return
			}
			for _, layer := range c.layers {
				if !l.works(layer) || (layer == LayerUser && os.Geteuid() != 0) {
					continue
				}
				others := l.without(c.layers, c.beside)
				delete(others.off, layer)
				if reached, said := attacked(t, others, targets.program, c.name, targets.of(t, c.name)); reached {
					t.Errorf("%s alone does not stop it: %s", layer, said)
				}
			}
		})
	}
}

// without is the launcher less some layers.
func (l *Launcher) without(lists ...[]Layer) *Launcher {
	bare := *l
	bare.off = map[Layer]bool{}
	for _, layer := range slices.Concat(lists...) {
		bare.off[layer] = true
	}
	return &bare
}

// lacking tells that a kernel was built without what an attack uses.
func lacking(said string) bool {
	return strings.Contains(said, unix.EAFNOSUPPORT.Error()) || strings.Contains(said, unix.ENOSYS.Error()) ||
		strings.Contains(said, unix.EPROTONOSUPPORT.Error())
}

// Each attack has its case, and each case its attack.
func TestEveryAttackIsACase(t *testing.T) {
	for _, c := range hostileCases {
		if attacks[c.name] == nil {
			t.Errorf("there is no attack %q", c.name)
		}
	}
	for name := range attacks {
		if !slices.ContainsFunc(hostileCases, func(c hostileCase) bool { return c.name == name }) {
			t.Errorf("%q is never tried", name)
		}
	}
}

// targets are what attacks are aimed at: harmless, and of this test alone.
type targets struct {
	program              string // the hostile one, where every user may start it
	file, socket         string
	port, side, abstract string
	victim               int
}

func newTargets(t *testing.T, l *Launcher) *targets {
	t.Helper()
	// Not below the folder that the attacks are given.
	dir := t.TempDir()
	g := &targets{program: filepath.Join(dir, "hostile"), file: filepath.Join(dir, "file"), socket: filepath.Join(dir, "socket"), abstract: "@p95lab-test-" + strconv.Itoa(os.Getpid())}
	if err := os.WriteFile(g.file, []byte("secret"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(executable())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(g.program, text, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(g.file, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, l := range []struct{ network, address string }{{"unix", g.socket}, {"unix", g.abstract}, {"tcp", "127.0.0.1:0"}} {
		listener, err := net.Listen(l.network, l.address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = listener.Close() })
		if l.network == "tcp" {
			g.port = listener.Addr().String()
		}
	}
	if err := os.Chmod(g.socket, 0o777); err != nil {
		t.Fatal(err)
	}
	victim := exec.Command(executable())
	victim.Env = []string{"HOSTILE=stand"}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = victim.Process.Kill()
		_ = victim.Wait()
	})
	g.victim = victim.Process.Pid
	g.side = listeningSide(t, l)
	return g
}

// listeningSide starts a confined service that listens, for another to find.
func listeningSide(t *testing.T, l *Launcher) string {
	t.Helper()
	said := make(chan string, 1)
	startHostile(t, l, "listen", func(s *Spec) { s.Line = func(line string) { said <- line } })
	select {
	case address := <-said:
		return strings.TrimSpace(address)
	case <-time.After(30 * time.Second):
		t.Fatal("the other side does not listen")
		return ""
	}
}

func (g *targets) of(t *testing.T, name string) string {
	t.Helper()
	switch {
	case strings.Contains(name, "abstract"):
		return g.abstract
	case strings.Contains(name, "socket in the file system"):
		return g.socket
	case strings.Contains(name, "port of the machine"):
		return g.port
	case strings.Contains(name, "other side"):
		return g.side
	case strings.Contains(name, "grader"):
		return strconv.Itoa(g.victim)
	case strings.Contains(name, "/dev/shm"):
		t.Cleanup(func() { _ = os.Remove("/dev/shm/" + filepath.Base(filepath.Dir(g.file))) })
	}
	return g.file
}

// The service that others look for answers the launcher all the same.
func TestDialReachesTheService(t *testing.T) {
	launchers(t, func(t *testing.T, l *Launcher) {
		said := make(chan string, 1)
		p := startHostile(t, l, "listen", func(s *Spec) { s.Line = func(line string) { said <- line } })
		address := strings.TrimSpace(<-said)
		for range 40 { // more than wait in the feed
			c, err := p.Dial(t.Context(), address)
			if err != nil {
				t.Fatal(err)
			}
			hello, err := io.ReadAll(c)
			if err != nil || string(hello) != "hello" {
				t.Fatalf("it says %q, %v", hello, err)
			}
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := p.Dial(t.Context(), "127.0.0.1:1"); !errors.Is(err, unix.ECONNREFUSED) {
			t.Errorf("a port where nobody listens: %v", err)
		}
		p.Kill()
		if _, err := p.Dial(t.Context(), address); err == nil {
			t.Error("an ended service answers")
		}
	})
}

// While a service stands still it does nothing, and afterwards it goes on.
func TestPause(t *testing.T) {
	launchers(t, func(t *testing.T, l *Launcher) {
		lines := make(chan string, 1<<16)
		p := startHostile(t, l, "tick", func(s *Spec) { s.Line = func(line string) { lines <- line } })
		<-lines
		p.Pause()
		before := p.CPU()
		spin(200 * time.Millisecond)
		if after := p.CPU(); after-before > 50*time.Millisecond {
			t.Errorf("it used %s of processor time while it stood still", after-before)
		}
		for len(lines) > 0 {
			<-lines
		}
		p.Resume()
		select {
		case <-lines:
		case <-time.After(30 * time.Second):
			t.Error("it does not go on")
		}
		p.Pause()
		p.Kill() // also what stands still
	})
}

func spin(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
	}
}

// A launcher that is killed leaves neither processes nor groups behind.
func TestKilledLauncherLeavesNoGroups(t *testing.T) {
	l := confinedLauncher(t)
	if len(l.controllers.at) == 0 {
		t.Skip("this machine lends no cgroups")
	}
	launcher := exec.Command(executable())
	launcher.Env = []string{"HOSTILE=launcher", "LISTEN=" + filepath.Join(t.TempDir(), "s"), "CONFINE=yes"}
	out, err := launcher.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := launcher.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	left := func() (found []string) {
		for _, dir := range l.controllers.at {
			groups, err := filepath.Glob(filepath.Join(dir.Dir, "p95lab-"+strconv.Itoa(launcher.Process.Pid)+"-*"))
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, groups...)
		}
		return found
	}
	if len(left()) == 0 {
		t.Fatal("there are no groups to look for")
	}
	if err := launcher.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = launcher.Wait() // it was killed
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for len(left()) > 0 && ctx.Err() == nil {
		time.Sleep(10 * time.Millisecond) // a group that is gone makes no event
	}
	if found := left(); len(found) > 0 {
		t.Errorf("left behind: %v", found)
	}
}

// docs/security.md shows the table above: who reads it reads what is tested.
func TestSecurityPageShowsTheCases(t *testing.T) {
	var table strings.Builder
	table.WriteString("| a service tries to | stopped, each alone, by | seen to succeed without |\n|---|---|---|\n")
	for _, c := range hostileCases {
		names := make([]string, len(c.layers))
		for i, layer := range c.layers {
			names[i] = string(layer)
		}
		shown := map[string]string{everywhere: "yes", asRoot: "yes, as root", "": "no"}[c.shown]
		fmt.Fprintf(&table, "| %s | %s | %s |\n", c.name, strings.Join(names, ", "), shown)
	}
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), table.String()) {
		t.Errorf("docs/security.md does not show this table:\n%s", table.String())
	}
}

// A launcher that lacks a layer is found out by its own probe, and is refused
// where strangers' code is to run.
func TestProbeMissesEachLayer(t *testing.T) {
	if testing.Short() {
		t.Skip("starts some hundred hostile processes")
	}
	t.Setenv("P95LAB_SECRET", "1")
	whole := confinedLauncher(t)
	if os.Geteuid() == 0 && whole.works(LayerMemory) && whole.works(LayerPids) {
		if err := whole.Require(); err != nil {
			t.Errorf("the whole sandbox is refused: %v", err)
		}
	}
	leak, err := os.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = leak.Close() }()
	tried := map[Layer]bool{}
	for _, e := range escapes {
		if tried[e.layer] {
			continue
		}
		tried[e.layer] = true
		t.Run(string(e.layer), func(t *testing.T) {
			off := []Layer{e.layer}
			if e.layer == LayerCapability {
				off = append(off, LayerUser) // which takes them, too
			}
			l := whole.without(off)
			l.leak = leak
			l.report = l.probe(t.Context())
			l.confines = l.report.Isolated
			if l.confines {
				t.Errorf("it is not missed: %+v", l.report)
			}
			if err := l.Require(); !errors.Is(err, ErrNotIsolated) {
				t.Errorf("strangers' code would run: %v", err)
			}
		})
	}
	// What a machine lends must all be lent.
	for controller, layer := range map[string]Layer{"memory": LayerMemory, "pids": LayerPids} {
		poorer := *whole
		poorer.controllers.at = maps.Clone(whole.controllers.at)
		delete(poorer.controllers.at, controller)
		poorer.report = poorer.probe(t.Context())
		if err := poorer.Require(); !errors.Is(err, ErrNotIsolated) || !strings.Contains(err.Error(), string(layer)) {
			t.Errorf("without a %s strangers' code would run: %v", layer, err)
		}
	}
	if err := Open().Require(); !errors.Is(err, ErrNotIsolated) {
		t.Errorf("an open launcher would run strangers' code: %v", err)
	}
}
