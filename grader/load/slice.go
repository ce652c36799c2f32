package load

import (
	"context"
	"fmt"
	"time"
)

// Report is what a slice showed.
type Report struct {
	Samples []Sample // in the order of the arrivals
	// Late holds, for each request that was sent while a connection was free,
	// how late that was: the generator's own lateness, which no service causes.
	Late []time.Duration
	Took time.Duration // from the start to the last answer
	CPU  time.Duration // of this whole process meanwhile; 0 if unknown
}

// Slice sends the requests at their arrivals, which must be in order, and
// returns when each was answered, has failed or has timed out. Its own error is
// ctx's, with what was recorded until then, or that arrivals make no sense; a
// failed request is a sample. onDone, if not nil, is told each sample as it
// ends; calls do not overlap, and one that is slow delays the measurement.
func (c *Client) Slice(ctx context.Context, reqs []Prepared, arrivals []Arrival, onDone func(Sample)) (Report, error) {
	if err := check(arrivals, len(reqs)); err != nil {
		return Report{}, err
	}
	late := make([]time.Duration, 0, len(arrivals))
	cpu := processCPU()
	p := newPacer()
	defer p.close()
	r := newRun(p.start, reqs, len(arrivals), onDone)
	sent := 0
	for ; sent < len(arrivals) && ctx.Err() == nil; sent++ {
		a := arrivals[sent]
		for now := p.nap(a.At); now < a.At && ctx.Err() == nil; now = p.nap(a.At) {
		}
		if ctx.Err() != nil {
			break
		}
		at, free := c.submit(r.job(sent, a.Request, a.At, c.o.Timeout)) //nolint:contextcheck // a connection outlives the slice that opened it; wait heeds ctx
		if free {
			late = append(late, at-a.At)
		}
	}
	if sent < len(arrivals) {
		for i, a := range arrivals[sent:] {
			r.fail(r.job(sent+i, a.Request, a.At, c.o.Timeout), context.Cause(ctx))
		}
	}
	c.wait(ctx, r)
	report := Report{Samples: r.samples, Late: late, Took: r.now(), CPU: processCPU() - cpu}
	if err := ctx.Err(); err != nil {
		return report, fmt.Errorf("send a slice: %w", err)
	}
	return report, nil
}
