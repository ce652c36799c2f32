package load

import (
	"context"
	"sync"
	"time"
)

// Saturation is the outcome of a closed loop.
type Saturation struct {
	Completed int             // answered within the time, whatever the status
	Errors    int             // failed within the time
	Sent      int             // in all, with those that were in flight at the end
	Took      time.Duration   // the time, shorter than asked for if ctx ended
	Latencies []time.Duration // of those completed, from their sending
	CPU       time.Duration   // of this whole process meanwhile; 0 if unknown
}

// errorPause keeps a loop against a dead server from spinning.
const errorPause = 5 * time.Millisecond

// Saturate keeps conns connections of its own busy for d, each with its next
// request as soon as the last was answered, and counts what was completed: how
// much the service can carry. What is in flight at the end is waited for and
// not counted. Latencies here leave out all waiting that a user would have
// done, so they calibrate and never judge. next is called by one goroutine at a
// time.
func (c *Client) Saturate(ctx context.Context, next func() Prepared, conns int, d time.Duration) Saturation {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.ctx, cancel)() //nolint:contextcheck // Close cuts it off too
	var turn sync.Mutex                      // around next
	draw := func() Prepared {
		turn.Lock()
		defer turn.Unlock()
		return next()
	}
	start, cpu := time.Now(), processCPU()
	loops := make([]loop, max(1, min(conns, c.o.MaxConns)))
	var all sync.WaitGroup
	for i := range loops {
		all.Go(func() { loops[i].run(ctx, c, draw, start.Add(d)) })
	}
	all.Wait()
	s := Saturation{Took: min(d, time.Since(start)), CPU: processCPU() - cpu}
	for _, l := range loops {
		s.Completed += len(l.latencies)
		s.Errors += l.errors
		s.Sent += l.sent
		s.Latencies = append(s.Latencies, l.latencies...)
	}
	return s
}

// loop is one connection's part of a closed loop.
type loop struct {
	latencies []time.Duration
	errors    int
	sent      int
}

func (l *loop) run(ctx context.Context, c *Client, draw func() Prepared, end time.Time) {
	for ctx.Err() == nil && time.Now().Before(end) {
		if l.connection(ctx, c, draw, end) {
			continue
		}
		select {
		case <-ctx.Done():
		case <-time.After(errorPause):
		}
	}
}

// connection sends requests on one connection for as long as it lasts, and says
// whether it did any good.
func (l *loop) connection(ctx context.Context, c *Client, draw func() Prepared, end time.Time) (useful bool) {
	dialling, cancel := context.WithTimeout(ctx, c.o.Timeout)
	nc, err := c.connect(dialling)
	cancel()
	if err != nil {
		l.errors++
		return false
	}
	defer cut(nc)
	x, err := newExchange(nc)
	if err != nil {
		l.errors++
		return false
	}
	k := newConn(c, x)
	defer context.AfterFunc(ctx, func() { cut(nc) })() // wakes the read below
	for {
		p := draw()
		sent := time.Now()
		if !sent.Before(end) {
			return true
		}
		reusable := false
		if err = nc.SetDeadline(sent.Add(c.o.Timeout)); err == nil {
			l.sent++
			x.send(c.users.raw(&p)) // with the read that waits for its answer
			reusable, err = k.read(&p)
		}
		done := time.Now()
		if err == nil {
			k.tell(&p)
		}
		switch {
		case ctx.Err() != nil || done.After(end):
			return true
		case err != nil:
			l.errors++
			return useful
		}
		useful = true
		l.latencies = append(l.latencies, done.Sub(sent))
		if !reusable {
			return true
		}
	}
}
