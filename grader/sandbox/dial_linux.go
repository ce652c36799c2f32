package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// dial connects to a port of the service's own loopback with a socket that was
// made there, see feedSockets.
func (c *confined) dial(ctx context.Context, address string) (net.Conn, error) {
	to, err := net.ResolveTCPAddr("tcp4", address)
	if err != nil {
		return nil, fmt.Errorf("read the address: %w", err)
	}
	fd, err := c.nextSocket()
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), address)
	defer func() { _ = file.Close() }() // the connection has its own
	if deadline, ok := ctx.Deadline(); ok {
		if err := file.SetDeadline(deadline); err != nil {
			return nil, fmt.Errorf("set a deadline: %w", err)
		}
	}
	stop := context.AfterFunc(ctx, func() { _ = file.SetDeadline(time.Now()) })
	defer stop()
	at := &unix.SockaddrInet4{Port: to.Port}
	copy(at.Addr[:], to.IP.To4())
	if err := connect(file, at); err != nil {
		return nil, fmt.Errorf("connect to %s in the sandbox: %w", address, err)
	}
	conn, err := net.FileConn(file)
	if err != nil {
		return nil, fmt.Errorf("use the connection: %w", err)
	}
	return conn, nil
}

func connect(file *os.File, to unix.Sockaddr) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	began := false
	var failed error
	err = raw.Write(func(fd uintptr) bool {
		if !began {
			began = true
			failed = unix.Connect(int(fd), to)
			return !errors.Is(failed, unix.EINPROGRESS)
		}
		value, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
		switch {
		case err != nil:
			failed = err
		case value != 0:
			failed = syscall.Errno(value)
		default:
			failed = nil
			// Without an error it is either connected or not there yet.
			_, err := unix.Getpeername(int(fd))
			return err == nil
		}
		return true
	})
	return errors.Join(err, failed)
}

// nextSocket receives one from the holder.
func (c *confined) nextSocket() (int, error) {
	control := make([]byte, unix.CmsgSpace(4))
	n, m, _, _, err := c.feed.ReadMsgUnix(make([]byte, 1), control)
	if err != nil || n == 0 {
		return 0, errors.Join(errors.New("the sandbox has ended"), err)
	}
	messages, err := unix.ParseSocketControlMessage(control[:m])
	if err != nil || len(messages) != 1 {
		return 0, errors.Join(errors.New("the sandbox sent no socket"), err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return 0, errors.Join(errors.New("the sandbox sent no socket"), err)
	}
	unix.CloseOnExec(fds[0])
	return fds[0], nil
}
