package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// Link imitates a client that is far away or thinly connected, for each
// connection by itself: what is written and read arrives later by half a round
// trip, at no more than so many bytes per second each way, and a connection
// takes a round trip to open. The zero value is no limit.
//
// It imitates no more than that: nothing is lost, nothing competes on the way,
// TCP's slow start is the loopback's, and the server does not know, since its
// own writes end in a buffer of this program. Delays are by the runtime's
// timers, which add up to a millisecond.
type Link struct {
	BytesPerSecond int64
	RoundTrip      time.Duration
}

// Pieces on the way: their size, and how many may be waiting before the link
// stops taking more, as a socket's buffer would.
const (
	linkPiece = 16 << 10
	linkQueue = 64
)

// piece is some bytes on the way.
type piece struct {
	bytes []byte
	read  time.Time // when they were taken in
}

// over returns the near end of a link whose far end is nc, after the round trip
// that opening it takes. Closing the near end closes nc.
func (l Link) over(ctx context.Context, nc net.Conn) (net.Conn, error) {
	if err := sleep(ctx, l.RoundTrip); err != nil {
		_ = nc.Close() // nothing was sent on it
		return nil, fmt.Errorf("open a link: %w", err)
	}
	near, far := net.Pipe()
	linked := &linkedConn{Conn: near, far: far, nc: nc, gone: make(chan struct{})}
	linked.carry(l, nc, far)
	linked.carry(l, far, nc)
	return linked, nil
}

// linkedConn is the near end of a link.
type linkedConn struct {
	net.Conn
	far, nc net.Conn
	once    sync.Once
	gone    chan struct{}
	running sync.WaitGroup // what carries
}

// Close closes both ends and waits for what carries between them.
func (c *linkedConn) Close() error {
	var err error
	c.once.Do(func() {
		close(c.gone)
		err = errors.Join(c.Conn.Close(), c.far.Close(), c.nc.Close())
	})
	c.running.Wait()
	return err
}

// carry takes bytes from one end to the other, until either is closed.
func (c *linkedConn) carry(l Link, to io.WriteCloser, from io.Reader) {
	way := make(chan piece, linkQueue)
	c.running.Go(func() {
		defer close(way)
		for {
			b := make([]byte, linkPiece)
			n, err := from.Read(b)
			if n > 0 {
				select {
				case way <- piece{b[:n], time.Now()}:
				case <-c.gone:
					return
				}
			}
			if err != nil {
				return
			}
		}
	})
	c.running.Go(func() {
		// The other side sees the end when all that was on the way is there.
		defer func() { _ = to.Close() }()
		var free time.Time // when the wire has room again
		for p := range way {
			if free.Before(p.read) {
				free = p.read
			}
			if l.BytesPerSecond > 0 {
				free = free.Add(time.Duration(float64(len(p.bytes)) / float64(l.BytesPerSecond) * float64(time.Second)))
			}
			if !c.wait(time.Until(free.Add(l.RoundTrip / 2))) {
				return
			}
			if _, err := to.Write(p.bytes); err != nil {
				return
			}
		}
	})
}

// wait sleeps, and says whether the link is still there.
func (c *linkedConn) wait(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-c.gone:
		return false
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
