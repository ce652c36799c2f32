package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// confined is the launcher's side of one confined service.
type confined struct {
	holder  *exec.Cmd
	control *os.File
	feed    *net.UnixConn
	group   *group
	release func() // gives the uid back
	pid     int
	pidfd   int
}

// startConfined starts a service in a sandbox. Its end is told by the process.
func (l *Launcher) startConfined(ctx context.Context, spec Spec, output *os.File) (_ *confined, err error) {
	c := &confined{pidfd: -1, release: func() {}}
	defer func() {
		if err != nil {
			c.abandon()
		}
	}()
	p := plan{
		Path: spec.Path, Args: spec.Args, Env: spec.Env, Dir: spec.Dir, ReadOnly: spec.ReadOnly, Writable: spec.Writable,
		Overlays: spec.Overlays, Scratch: spec.Scratch, Memory: spec.Memory, Files: spec.Files, Processes: spec.Processes, Off: l.off,
	}
	if p.Path, err = filepath.Abs(spec.Path); err != nil {
		return nil, fmt.Errorf("find the program: %w", err)
	}
	if l.off[LayerEnvironment] {
		p.Env = append(os.Environ(), spec.Env...)
	}
	if os.Geteuid() == 0 && !l.off[LayerUser] {
		if p.User, c.release, err = takeUser(); err != nil {
			return nil, err
		}
		if err := handOver(spec.Writable, p.User); err != nil {
			return nil, err
		}
	}
	if c.group, err = l.controllers.make(spec, l.off); err != nil {
		return nil, err
	}
	if err := c.startHolder(p, output, l.leak); err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.control.SetReadDeadline(time.Now()) })
	defer stop()
	if err := c.letGo(spec); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, err
	}
	return c, nil
}

// startHolder starts the first stage and hands it the plan.
func (c *confined) startHolder(p plan, output, leak *os.File) error {
	var far, feed, feedFar *os.File
	var err error
	if c.control, far, err = socketPair("control"); err != nil {
		return err
	}
	defer func() { _ = far.Close() }()
	if feed, feedFar, err = socketPair("feed"); err != nil {
		return err
	}
	defer func() { _ = feedFar.Close() }()
	conn, err := net.FileConn(feed)
	if err = errors.Join(err, feed.Close()); err != nil {
		return fmt.Errorf("open the feed of sockets: %w", err)
	}
	c.feed = conn.(*net.UnixConn)
	planOut, planIn, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make a pipe: %w", err)
	}
	c.holder = &exec.Cmd{
		Path: self, Args: []string{holderName}, Env: []string{}, Stdout: output, Stderr: output,
		ExtraFiles: []*os.File{planOut, far, feedFar}, SysProcAttr: holderAttributes(p),
	}
	if leak != nil {
		c.holder.ExtraFiles = append(c.holder.ExtraFiles, leak)
	}
	err = c.holder.Start()
	_ = planOut.Close()
	if err != nil {
		c.holder = nil
		return errors.Join(fmt.Errorf("start the holder: %w", err), planIn.Close())
	}
	text, err := json.Marshal(p)
	if err == nil {
		_, err = planIn.Write(text)
	}
	if err = errors.Join(err, planIn.Close()); err != nil {
		return fmt.Errorf("hand over the plan: %w", err)
	}
	return nil
}

// holderAttributes gives the holder a network namespace and, where this user is
// an ordinary one, a user namespace in which it has the rights to build the rest.
func holderAttributes(p plan) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setsid: true}
	if p.has(LayerNetwork) {
		attr.Cloneflags |= unix.CLONE_NEWNET
	}
	if os.Geteuid() == 0 {
		return attr
	}
	attr.Cloneflags |= unix.CLONE_NEWUSER
	attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Geteuid(), HostID: os.Geteuid(), Size: 1}}
	attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getegid(), HostID: os.Getegid(), Size: 1}}
	// The last is for the work folder of an overlay, which has no mode bits.
	attr.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_NET_ADMIN, unix.CAP_SETPCAP, unix.CAP_DAC_OVERRIDE}
	return attr
}

// letGo puts the waiting service into its groups and sees it start.
func (c *confined) letGo(spec Spec) error {
	first, err := c.hear()
	if err != nil {
		return err
	}
	c.pid = first.PID
	if c.pidfd, err = unix.PidfdOpen(c.pid, 0); err != nil {
		return fmt.Errorf("hold the service's process: %w", err)
	}
	if err := c.group.add(c.pid); err != nil {
		return err
	}
	if _, ok := c.group.Dirs["cpu"]; !ok && spec.Weight != "" {
		// Only root may raise it; for others the usual weight has to do.
		_ = os.WriteFile(fmt.Sprintf("/proc/%d/autogroup", c.pid), []byte(spec.Weight), 0)
	}
	text, err := json.Marshal(c.group)
	if err == nil {
		_, err = c.control.Write(text)
	}
	if err != nil {
		return fmt.Errorf("let the service go: %w", err)
	}
	_, err = c.hear()
	return err
}

// hear reads one note of the holder.
func (c *confined) hear() (note, error) {
	buffer := make([]byte, largestNote)
	n, err := c.control.Read(buffer)
	if err != nil {
		return note{}, fmt.Errorf("hear from the sandbox's holder: %w", err)
	}
	var got note
	if err := json.Unmarshal(buffer[:n], &got); err != nil {
		return note{}, fmt.Errorf("read the holder's note: %w", err)
	}
	if got.Error != "" {
		return note{}, &setUpError{got.Error}
	}
	return got, nil
}

// start starts a service as this launcher does.
func (l *Launcher) start(ctx context.Context, spec Spec, output *os.File) (engine, error) {
	if !l.confines {
		return startOpen(spec, output)
	}
	return l.startConfined(ctx, spec, output)
}

// setUpError tells that this machine did not let us build the sandbox.
type setUpError struct{ text string }

func (e *setUpError) Error() string { return "build the sandbox: " + e.text }

// abandon undoes a start that failed half way.
func (c *confined) abandon() {
	if c.holder != nil {
		if c.pidfd >= 0 {
			_ = unix.PidfdSendSignal(c.pidfd, unix.SIGKILL, nil, 0)
		}
		_ = c.holder.Process.Kill()
		_ = c.holder.Wait()
	}
	c.close()
}

// wait returns once nothing of the service is left, as the holder tells.
func (c *confined) wait() ending {
	end, err := c.hear()
	if err != nil {
		// The holder was killed, and the service with it.
		end = note{Ended: true, Status: uint32(unix.SIGKILL)}
		c.kill()
	}
	_ = c.holder.Wait() // its note says more
	text, ok := describe(end.Status)
	return ending{exit: text, succeeded: ok, oom: end.OOM, cpu: time.Duration(end.CPU) * time.Microsecond}
}

// PID is the service's process, as the launcher sees it.
func (c *confined) PID() int { return c.pid }

func (c *confined) hold(still bool) {
	if !c.group.freeze(still) {
		stand(c.pid, still)
	}
}

// kill ends the first process of the service's namespace, and with it all.
func (c *confined) kill() {
	_ = unix.PidfdSendSignal(c.pidfd, unix.SIGKILL, nil, 0) // it may have ended
	c.group.freeze(false)                                   // the frozen do not even die
}

func (c *confined) terminate() { _ = unix.PidfdSendSignal(c.pidfd, unix.SIGTERM, nil, 0) }

// close lets go of what a service that has ended leaves behind.
func (c *confined) close() {
	if c.control != nil {
		_ = c.control.Close()
	}
	if c.feed != nil {
		_ = c.feed.Close()
	}
	if c.pidfd >= 0 {
		_ = unix.Close(c.pidfd)
	}
	if c.group != nil {
		c.group.remove() // does nothing where the holder could
	}
	c.release()
}

// socketPair returns two ends of a connection that keeps messages whole; the
// first is ours.
func socketPair(name string) (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make a pair of sockets: %w", err)
	}
	if err := unix.SetNonblock(fds[0], true); err != nil {
		_, _ = unix.Close(fds[0]), unix.Close(fds[1])
		return nil, nil, fmt.Errorf("make a socket wait well: %w", err)
	}
	return os.NewFile(uintptr(fds[0]), name), os.NewFile(uintptr(fds[1]), name), nil
}

// describe says how a service ended, as os.ProcessState does.
func describe(status uint32) (text string, ok bool) {
	ws := syscall.WaitStatus(status)
	switch {
	case ws.Exited():
		return fmt.Sprintf("exit status %d", ws.ExitStatus()), ws.ExitStatus() == 0
	case ws.Signaled(): //nolint:misspell // the standard library's name
		return "signal: " + ws.Signal().String(), false
	default:
		return fmt.Sprintf("wait status %d", status), false
	}
}
