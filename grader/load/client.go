// Package load sends HTTP requests at planned times and records what became of
// each: an open loop, in which a slow answer never delays the next request and
// every latency counts from the intended start. It knows addresses, requests
// and times; it must not know challenges, what a right answer is, or what the
// times mean.
//
// One pacer on a thread of its own writes each request on an idle connection;
// one goroutine for each connection reads the answers. While all connections
// are busy requests wait in a queue, and none is dropped.
package load

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"
)

// Options are the limits of a Client. A zero field means its default.
type Options struct {
	MaxConns  int           // connections at once; 256
	Timeout   time.Duration // from the intended start to the last byte; 10 s
	BodyLimit int           // bytes of an answer's body; 8 MiB
	// KeepLimit bounds the bodies that are kept of the requests that are sent
	// together; 128 MiB. An answer beyond it fails with ErrTooMuch: a service must
	// not be able to fill this process's memory.
	KeepLimit int
	// Connect opens a connection to the address, for one that lies in another
	// network; TCP from here is the default.
	Connect func(ctx context.Context, addr string) (net.Conn, error)
	// TLS encrypts connections; nil does not. The server's name is the address's
	// unless it is set.
	TLS *tls.Config
	// NewConnections opens one for each request, whose latency then holds that
	// too: its requests leave when their connection begins to be opened. They
	// should be Closing, or servers keep what nobody will use.
	NewConnections bool
	Users          int  // virtual users, for Prepared.User
	Link           Link // the client's, imitated
}

// Client sends requests to one address over connections that it keeps. It is
// safe for concurrent use.
type Client struct {
	addr   string
	o      Options
	tls    *tls.Config
	users  *users
	ctx    context.Context // ends with Close; for connections being opened
	cancel context.CancelFunc
	owned  sync.WaitGroup // every goroutine of the client

	mu     sync.Mutex
	closed bool
	slots  int                // connections open, or being opened
	all    map[*conn]struct{} // open connections
	idle   []*conn            // the last used at the end, as it is warm
	queue  queue              // requests that wait for a connection
}

// Dial returns a client for addr, "host:port". Connections are opened when
// they are needed, or by Warm; that the address answers is not checked.
func Dial(addr string, o Options) *Client {
	if o.MaxConns <= 0 {
		o.MaxConns = 256
	}
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	if o.BodyLimit <= 0 {
		o.BodyLimit = 8 << 20
	}
	if o.KeepLimit <= 0 {
		o.KeepLimit = 128 << 20
	}
	if o.Connect == nil {
		o.Connect = func(ctx context.Context, addr string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", addr)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	scheme := "http"
	if o.TLS != nil {
		scheme = "https"
	}
	return &Client{
		addr: addr, o: o, tls: clientTLS(o.TLS, addr), users: newUsers(o.Users, scheme, addr),
		ctx: ctx, cancel: cancel, all: map[*conn]struct{}{},
	}
}

// Warm opens connections until n are open, so that a measurement need not. The
// error is the first connection's that could not be opened. With NewConnections
// one is opened and closed, to see whether that can be done.
func (c *Client) Warm(n int) error {
	if c.o.NewConnections {
		return c.try()
	}
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return ErrClosed
	}
	n = min(n, c.o.MaxConns) - c.slots
	opened := make(chan error, max(n, 0))
	for range n {
		c.slots++
		c.owned.Go(func() { c.serve(job{opened: opened}) })
	}
	c.mu.Unlock()
	var first error
	for range n {
		if err := <-opened; err != nil && first == nil {
			first = fmt.Errorf("warm connections to %s: %w", c.addr, err)
		}
	}
	return first
}

// try opens a connection and closes it.
func (c *Client) try() error {
	ctx, cancel := context.WithTimeout(c.ctx, c.o.Timeout)
	defer cancel()
	nc, err := c.connect(ctx)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", c.addr, err)
	}
	cut(nc)
	return nil
}

// Do sends one request now and returns its outcome. Its times count from the
// call; the end of ctx cuts it off.
func (c *Client) Do(ctx context.Context, p Prepared) Sample {
	r := newRun(time.Now(), []Prepared{p}, 1, nil)
	c.submit(r.job(0, 0, 0, c.o.Timeout)) //nolint:contextcheck // a connection outlives the call that opened it; wait heeds ctx
	c.wait(ctx, r)
	return r.samples[0]
}

// Close cuts off what is in flight, closes all connections and returns when no
// goroutine of the client is left.
func (c *Client) Close() {
	c.mu.Lock()
	c.closed = true
	c.cancel()
	for k := range c.all {
		k.abort(ErrClosed)
	}
	waiting := c.queue.takeAll()
	c.mu.Unlock()
	for _, j := range waiting {
		j.run.fail(j, ErrClosed)
	}
	c.owned.Wait()
}

// submit sends a request on an idle connection, opens another, or lets it wait,
// whichever is possible first. It returns when the request was sent, and
// whether a connection had been free for it.
func (c *Client) submit(j job) (sent time.Duration, free bool) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		j.run.fail(j, ErrClosed)
		return 0, false
	}
	if n := len(c.idle); n > 0 {
		k := c.idle[n-1]
		c.idle = c.idle[:n-1]
		k.take(j)
		c.mu.Unlock()
		return k.write(j), true
	}
	if c.slots >= c.o.MaxConns {
		c.queue.push(j)
		c.mu.Unlock()
		return 0, false
	}
	c.slots++
	c.mu.Unlock()
	if c.o.NewConnections { // nothing was busy: from here on it is the service's time
		sent, free = j.run.now(), true
	}
	c.owned.Go(func() { c.serve(j) })
	return sent, free
}

// serve owns one of the MaxConns slots: it opens a connection for j, and again
// when that is gone, for as long as requests are waiting.
func (c *Client) serve(j job) {
	for ok := true; ok; {
		k, err := c.open(j)
		switch {
		case err == nil:
			j, ok = k.serve(j)
		case j.opened != nil:
			j.opened <- err
			j, ok = c.next()
		default:
			j.run.fail(j, err)
			j, ok = c.next()
		}
	}
}

// open dials a connection and gives it j.
func (c *Client) open(j job) (*conn, error) {
	deadline := j.deadline
	if j.run == nil {
		deadline = time.Now().Add(c.o.Timeout)
	}
	ctx, cancel := context.WithDeadline(c.ctx, deadline)
	defer cancel()
	if j.run != nil {
		defer context.AfterFunc(j.run.ctx, cancel)()
	}
	if j.run != nil && c.o.NewConnections {
		j.run.samples[j.index].Sent = j.run.now()
	}
	nc, err := c.connect(ctx)
	if err != nil {
		switch {
		case c.ctx.Err() != nil:
			return nil, ErrClosed
		case j.run != nil && j.run.ctx.Err() != nil:
			return nil, context.Cause(j.run.ctx)
		case j.run != nil && !time.Now().Before(j.deadline):
			return nil, ErrTimeout
		}
		return nil, fmt.Errorf("connect: %w", err)
	}
	k := newConn(c, nc)
	c.mu.Lock()
	defer c.mu.Unlock()
	// Whoever cut the run or the client off did not find this connection.
	switch {
	case c.closed:
		err = ErrClosed
	case j.run == nil:
		c.idle = append(c.idle, k)
	case j.run.ctx.Err() != nil:
		err = context.Cause(j.run.ctx)
	default:
		k.take(j)
	}
	if err != nil {
		cut(nc) // nothing was sent on it
		return nil, err
	}
	c.all[k] = struct{}{}
	return k, nil
}

// next returns the request that a slot without a connection goes on with. If
// there is none the slot is given up.
func (c *Client) next() (job, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if j, ok := c.queue.pop(); ok {
		return j, true
	}
	c.slots--
	return job{}, false
}

// wait returns when every request of the run has ended, which the end of ctx
// hastens.
func (c *Client) wait(ctx context.Context, r *run) {
	select {
	case <-r.done:
		return
	case <-ctx.Done():
	}
	cause := context.Cause(ctx)
	r.cancel(cause) // connections being opened
	c.mu.Lock()
	mine := c.queue.take(r)
	for k := range c.all {
		if k.busy && k.job.run == r {
			k.abort(cause)
		}
	}
	c.mu.Unlock()
	for _, j := range mine {
		r.fail(j, cause)
	}
	<-r.done
}

// forget takes a connection off the lists.
func (c *Client) forget(k *conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.all, k)
	if i := slices.Index(c.idle, k); i >= 0 {
		c.idle = slices.Delete(c.idle, i, i+1)
	}
}
