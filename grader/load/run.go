package load

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// Sample is what became of one request. Its times count from the start of the
// slice.
type Sample struct {
	Class, ID int // the request's
	Intended  time.Duration
	// Sent is when its first byte was written, or with Options.NewConnections when
	// its connection began to be opened; 0 if neither was.
	Sent   time.Duration
	Done   time.Duration // when its last byte was read, or it failed
	Status int           // 0 if it failed
	// Err is nil unless the transport failed: refused, reset, malformed,
	// ErrTimeout. An answer of 500 is no error here.
	Err   error
	Bytes int    // of the answer's body
	Hash  uint64 // of the answer's body
	Body  []byte // if Prepared.KeepBody was set
}

// Latency is how long the request took for whoever made it: from the intended
// start, whenever it was sent.
func (s Sample) Latency() time.Duration { return s.Done - s.Intended }

// run is a set of requests that end together.
type run struct {
	ctx     context.Context // ends when the run is cut off
	cancel  context.CancelCauseFunc
	start   time.Time
	reqs    []Prepared
	samples []Sample
	left    atomic.Int64
	kept    atomic.Int64  // bytes of bodies
	done    chan struct{} // closed when every request has ended

	mu     sync.Mutex // one onDone at a time
	onDone func(Sample)
}

// job is one request on its way, or an order to open a connection for none.
type job struct {
	run      *run
	index    int // of the sample
	request  *Prepared
	deadline time.Time
	opened   chan<- error // set if there is no request
}

func newRun(start time.Time, reqs []Prepared, n int, onDone func(Sample)) *run {
	r := &run{start: start, reqs: reqs, samples: make([]Sample, n), done: make(chan struct{}), onDone: onDone}
	r.ctx, r.cancel = context.WithCancelCause(context.Background())
	r.left.Store(int64(n))
	if n == 0 {
		close(r.done)
		r.cancel(nil)
	}
	return r
}

// job returns the request with its sample begun.
func (r *run) job(index, request int, intended, timeout time.Duration) job {
	p := &r.reqs[request]
	s := &r.samples[index]
	s.Class, s.ID, s.Intended = p.Class, p.ID, intended
	return job{run: r, index: index, request: p, deadline: r.start.Add(intended + timeout)}
}

func (r *run) now() time.Duration { return time.Since(r.start) }

// fail ends a request without an answer. One that timed out took as long as its
// timeout: not less, because it was given up early, and not more, because the
// generator was late to notice.
func (r *run) fail(j job, err error) {
	s := &r.samples[j.index]
	s.Err, s.Done = err, r.now()
	if errors.Is(err, ErrTimeout) {
		s.Done = j.deadline.Sub(r.start)
	}
	r.finish(j)
}

func (r *run) finish(j job) {
	if r.onDone != nil {
		r.mu.Lock()
		r.onDone(r.samples[j.index])
		r.mu.Unlock()
	}
	if r.left.Add(-1) == 0 {
		r.cancel(nil)
		close(r.done)
	}
}
