package bench

import (
	"container/heap"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// timedOptions of the service with known latencies.
type timedOptions struct {
	Shape Shape `json:"shape"`
}

// nearest bounds a sleep of the answering thread: a request that comes while it
// sleeps is due later than this, whatever the shape.
const nearest = 200 * time.Microsecond

// timed answers each request when its shape says, counted from when the request
// was read. One thread sleeps for all, to the nanosecond: the runtime's timers
// would be late by up to a millisecond.
func timed(ctx context.Context, options []byte, t *talk) error {
	var o timedOptions
	if err := json.Unmarshal(options, &o); err != nil {
		return fmt.Errorf("read the options: %w", err)
	}
	start := time.Now()
	var answered atomic.Int64
	d := &dispatcher{start: start}
	stop := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() { d.run(stop) })
	err := listen(ctx, t, func(nc net.Conn, _ []byte) error {
		n := answered.Add(1) - 1
		d.add(reply{at: o.Shape.due(time.Since(start), n), n: n, to: nc})
		return nil
	}, func() served { return served{Answered: answered.Load()} })
	close(stop)
	all.Wait()
	return err
}

// reply is an answer and when it is due.
type reply struct {
	at time.Duration
	n  int64 // of the request, in the order of arrival
	to net.Conn
}

// replies is a heap by time. After a stall many are due at once, and those that
// waited longest go first.
type replies []reply

func (r replies) Len() int { return len(r) }
func (r replies) Less(i, j int) bool {
	return r[i].at < r[j].at || r[i].at == r[j].at && r[i].n < r[j].n
}
func (r replies) Swap(i, j int) { r[i], r[j] = r[j], r[i] }
func (r *replies) Push(v any)   { *r = append(*r, v.(reply)) }
func (r *replies) Pop() any {
	old := *r
	last := old[len(old)-1]
	*r = old[:len(old)-1]
	return last
}

// dispatcher sends replies when they are due.
type dispatcher struct {
	start time.Time
	mu    sync.Mutex
	due   replies
}

func (d *dispatcher) add(r reply) {
	d.mu.Lock()
	heap.Push(&d.due, r)
	d.mu.Unlock()
}

// next takes a reply that is due, or says how long the next may take.
func (d *dispatcher) next() (net.Conn, time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.due) == 0 {
		return nil, nearest
	}
	if wait := d.due[0].at - time.Since(d.start); wait > 0 {
		return nil, min(wait, nearest)
	}
	return heap.Pop(&d.due).(reply).to, 0
}

func (d *dispatcher) run(stop <-chan struct{}) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	sharp()
	for {
		select {
		case <-stop:
			return
		default:
		}
		nc, wait := d.next()
		if nc == nil {
			nap(wait)
			continue
		}
		// A reply of some bytes fits any send buffer. A connection that is gone
		// is noticed by its reader.
		_, _ = nc.Write(okAnswer)
	}
}
