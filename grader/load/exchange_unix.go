//go:build unix

package load

import (
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
)

// exchange writes requests and reads their answers for one goroutine.
//
// A connection's Read asks the kernel first and waits when there is nothing,
// which after a request is nearly always: one call in four for nothing. Here the
// request is written after the runtime was told that a read begins, so an answer
// that is faster than the wait is still noticed, and the first call is the one
// that finds it.
type exchange struct {
	net.Conn
	raw     syscall.RawConn
	request []byte // to be written by the next Read
	into    []byte
	n       int
	err     error
	step    func(fd uintptr) (done bool)
}

func newExchange(nc net.Conn) (*exchange, error) {
	sc, ok := nc.(syscall.Conn)
	if !ok { // encrypted, or over an imitated link: it has no descriptor of its own
		return &exchange{Conn: nc}, nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("use the descriptor: %w", err)
	}
	x := &exchange{Conn: nc, raw: raw}
	x.step = x.try // once, as a method value is allocated
	return x, nil
}

// send has a request written. What does not fit the send buffer at once is
// written by way of the runtime.
func (x *exchange) send(request []byte) { x.request = request }

// Read reads what has come, or waits.
func (x *exchange) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if x.raw == nil {
		return x.plain(p)
	}
	x.into, x.n, x.err = p, 0, nil
	err := x.raw.Read(x.step)
	if rest := x.request; err == nil && len(rest) > 0 {
		x.request = nil
		if _, err := x.Write(rest); err != nil {
			return 0, err
		}
		err = x.raw.Read(x.step)
	}
	if err == nil {
		err = x.err
	}
	return x.n, err
}

// plain writes and reads by way of the connection.
func (x *exchange) plain(p []byte) (int, error) {
	if request := x.request; len(request) > 0 {
		x.request = nil
		if _, err := x.Write(request); err != nil {
			return 0, err
		}
	}
	return x.Conn.Read(p)
}

func (x *exchange) try(fd uintptr) (done bool) {
	if len(x.request) > 0 {
		n, err := retried(int(fd), x.request, syscall.Write)
		x.request = x.request[max(n, 0):]
		// With a rest, or an error, Write goes on and says what is wrong.
		return err != nil || len(x.request) > 0
	}
	n, err := retried(int(fd), x.into, syscall.Read)
	switch {
	case errors.Is(err, syscall.EAGAIN):
		return false
	case err != nil:
		x.err = fmt.Errorf("read: %w", err)
	case n == 0:
		x.err = io.EOF
	default:
		x.n = n
	}
	return true
}

// retried calls again when a signal came between.
func retried(fd int, p []byte, call func(int, []byte) (int, error)) (int, error) {
	for {
		n, err := call(fd, p)
		if err != syscall.EINTR { //nolint:errorlint // a bare errno, on the hot path
			return n, err
		}
	}
}
