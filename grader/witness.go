package grader

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/p95lab/p95lab/grader/evidence"
	"github.com/p95lab/p95lab/grader/load"
	"github.com/p95lab/p95lab/grader/verdict"
)

// witnessSlice is how long each side is kept busy while its CPU profile is
// taken: a hundred samples for each processor and second.
const witnessSlice = 600 * time.Millisecond

// witness asks both sides why they are as fast as they are, after all that is
// scored. What cannot be had is a note, never a failed run; its error is ctx's.
//
// Waiting is read first: so far both have answered the same requests at the same
// moments. Then each is kept busy in a closed loop, as many at once as there are
// processors: at the rate of the comparison a fast candidate would show a handful
// of samples.
func (r *run) witness(ctx context.Context, c *contest) (*verdict.Evidence, error) {
	e := &verdict.Evidence{Profiles: []verdict.Profile{}}
	if r.job.Keep == nil {
		return e, nil
	}
	r.enter(verdict.Compare, "taking profiles of both sides, not scored")
	var sides [2]*testimony
	var asking sync.WaitGroup
	for which, s := range c.sides {
		t := &testimony{side: s, asked: c.asked}
		sides[which] = t
		asking.Go(func() { t.sinceStart(ctx) })
	}
	asking.Wait()
	for _, t := range sides {
		r.busy(ctx, t, &asking)
	}
	asking.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var kept []evidence.Artefact
	for _, name := range evidence.Taken {
		p := verdict.Profile{Name: name}
		for which, to := range []*verdict.Taken{&p.Before, &p.After} {
			t := sides[which]
			if body := t.profiles[name]; len(body) > 0 {
				*to = verdict.Taken{Bytes: len(body), Requests: t.requests(name)}
				kept = append(kept, evidence.Artefact{Name: evidence.Name(t.side.name, name), Body: body})
			}
		}
		e.Profiles = append(e.Profiles, p)
	}
	for _, t := range sides {
		e.Notes = append(e.Notes, t.notes...)
	}
	if err := r.job.Keep(kept); err != nil {
		e.Profiles = []verdict.Profile{}
		e.Notes = append(e.Notes, "The profiles could not be kept: "+err.Error())
	}
	return e, nil
}

// testimony is what one side says about itself.
type testimony struct {
	side  *side
	asked int // requests since its start
	// answered is how many while it was kept busy.
	answered int

	mu       sync.Mutex
	profiles map[string][]byte
	notes    []string
}

// requests is how many a profile is about.
func (t *testimony) requests(profile string) int {
	switch profile {
	case evidence.CPU:
		return t.answered
	case evidence.Heap:
		return t.asked + t.answered
	case evidence.Goroutines:
		return 0
	default:
		return t.asked
	}
}

// ask asks for a profile.
func (t *testimony) ask(ctx context.Context, name, path string) {
	body, err := t.side.administer(ctx, "GET", path)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		t.notes = append(t.notes, fmt.Sprintf("There is no %s profile of the side %s: %v.", name, t.side.name, err))
		return
	}
	if t.profiles == nil {
		t.profiles = map[string][]byte{}
	}
	t.profiles[name] = body
}

// sinceStart asks for what was waited for since the service was started.
func (t *testimony) sinceStart(ctx context.Context) {
	t.ask(ctx, evidence.Mutex, "/debug/pprof/mutex")
	t.ask(ctx, evidence.Block, "/debug/pprof/block")
}

// busy keeps a side busy while it profiles itself. It returns when the side is
// idle again; the profile is written while the other is busy.
func (r *run) busy(ctx context.Context, t *testimony, asking *sync.WaitGroup) {
	asking.Go(func() {
		t.ask(ctx, evidence.CPU, fmt.Sprintf("/debug/pprof/profile?seconds=%g", witnessSlice.Seconds()))
		t.ask(ctx, evidence.Heap, "/debug/pprof/allocs") // of more requests, where it is fast
	})
	asking.Go(func() {
		middle := time.NewTimer(witnessSlice / 2) // of a loop there is no other event
		defer middle.Stop()
		select {
		case <-ctx.Done():
		case <-middle.C:
			t.ask(ctx, evidence.Goroutines, "/debug/pprof/goroutine")
		}
	})
	rng := r.rng(streamWitness) // the same requests to both
	next := func() load.Prepared {
		q := r.mix.Draw(rng)
		raw, err := load.Prepare(q.Method, host, q.Path, q.Header, q.Body)
		if err != nil { // it was prepared a thousand times before
			return load.Prepared{Class: q.Class}
		}
		return load.Prepared{Class: q.Class, Raw: raw}
	}
	t.answered = t.side.client.Saturate(ctx, next, runtime.NumCPU(), witnessSlice).Completed
}
