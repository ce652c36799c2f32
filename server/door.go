package main

import (
	"io"
	"math"
	"net"
	"sync"
	"syscall"
	"time"
)

// door is a listener that lets in so many connections at once, so that files stay
// free for the work of those who are in. The others are told to come again.
type door struct {
	net.Listener
	most, each int // in all, and from one address

	mu      sync.Mutex
	open    int
	by      map[string]int
	telling int // connections that are being told
}

// mostConnections bounds connections where the system's limit does not.
const mostConnections = 4096

// newDoor leaves half of the files that this process may open to everything else.
func newDoor(l net.Listener) *door {
	most := mostConnections
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err == nil && limit.Cur < math.MaxInt32 {
		most = max(8, min(most, (int(limit.Cur)-64)/2))
	}
	return &door{Listener: l, most: most, each: most * 3 / 4, by: map[string]int{}}
}

const comeAgain = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Type: application/problem+json\r\nContent-Length: 123\r\n\r\n" +
	`{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"Too many connections are open.","code":"busy"}` + "\r\n"

// Accept returns the next connection that is let in.
func (d *door) Accept() (net.Conn, error) {
	for {
		conn, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from, _, err := net.SplitHostPort(conn.RemoteAddr().String())
		if err != nil {
			from = ""
		}
		d.mu.Lock()
		in := d.open < d.most && d.by[from] < d.each
		tell := !in && d.telling < 16
		switch {
		case in:
			d.open++
			d.by[from]++
		case tell:
			d.telling++
		}
		d.mu.Unlock()
		switch {
		case in:
			return &guest{Conn: conn, leave: func() { d.left(from) }}, nil
		case tell:
			go d.refuse(conn)
		default:
			_ = conn.Close()
		}
	}
}

// refuse ends within half a second, whatever the other side does.
func (d *door) refuse(conn net.Conn) {
	defer func() {
		_ = conn.Close()
		d.mu.Lock()
		d.telling--
		d.mu.Unlock()
	}()
	if conn.SetDeadline(time.Now().Add(500*time.Millisecond)) != nil {
		return
	}
	if _, err := io.WriteString(conn, comeAgain); err != nil {
		return
	}
	// What the other side sent must be read, or the system takes the answer back.
	if half, ok := conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		_, _ = io.CopyN(io.Discard, conn, 64<<10)
	}
}

func (d *door) left(from string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open--
	if d.by[from]--; d.by[from] == 0 {
		delete(d.by, from)
	}
}

// guest is a connection that was let in.
type guest struct {
	net.Conn
	once  sync.Once
	leave func()
}

// Close makes room for another.
func (g *guest) Close() error {
	defer g.once.Do(g.leave)
	return g.Conn.Close()
}
