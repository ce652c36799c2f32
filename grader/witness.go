package grader

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
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
func (r *run) witness(ctx context.Context, c *contest, m *measurement) (*verdict.Evidence, error) {
	e := &verdict.Evidence{
		Counters: counters(m), Endpoints: endpoints(m, r.mix.Names()), Statements: []verdict.Statement{}, Profiles: []verdict.Profile{},
	}
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
		told := r.busy(ctx, t)
		asking.Go(func() {
			told()
			t.explain(ctx)
		})
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
	e.Statements = joined(sides)
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
	// answered is how many while it was kept busy, the last ones after that.
	answered int

	statements []evidence.Statement
	plans      []evidence.Plan // of the statements; nil where there are none

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
	if err != nil {
		t.note("There is no "+name+" profile", err)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
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

// note tells what could not be had of a side.
func (t *testimony) note(what string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.notes = append(t.notes, fmt.Sprintf("%s of the side %s: %v.", what, t.side.name, err))
}

// busy keeps a side busy while it profiles itself and records its statements. It
// returns when the side is idle again. told waits for what the side then writes,
// while the other is busy.
func (r *run) busy(ctx context.Context, t *testimony) (told func()) {
	var asking sync.WaitGroup
	_, recording := t.side.administer(ctx, "POST", "/debug/statements")
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
	t.answered = t.side.client.Saturate(ctx, next, runtime.NumCPU(), witnessSlice).Sent
	asking.Go(func() {
		text, err := t.side.administer(ctx, "GET", "/debug/statements")
		if err = errors.Join(recording, err); err == nil {
			t.statements, err = evidence.Statements(text)
		}
		if err != nil {
			t.note("The statements are not known", err)
		}
	})
	return asking.Wait
}

// explain ends the side, which has said all, and asks how its statements are run
// on its data.
func (t *testimony) explain(ctx context.Context) {
	t.side.stop()
	if len(t.statements) == 0 {
		return
	}
	texts := make([]string, len(t.statements))
	for i, s := range t.statements {
		texts[i] = s.SQL
	}
	var err error
	if t.plans, err = t.side.explain(ctx, texts); err != nil {
		t.note("There are no plans", err)
	}
}

// joined is what both sides sent, by its text, the dearest first: dearest on
// the side where it costs more.
func joined(sides [2]*testimony) []verdict.Statement {
	list := []verdict.Statement{}
	at := map[string]int{}
	for which, t := range sides {
		for i, s := range t.statements {
			sql := evidence.SQL(s.SQL)
			n, known := at[sql]
			if !known {
				n = len(list)
				at[sql] = n
				list = append(list, verdict.Statement{SQL: sql})
			}
			to := []**verdict.Executed{&list[n].Before, &list[n].After}[which]
			if *to == nil { // of texts that are told alike the dearer
				*to = t.executed(i)
			}
		}
	}
	total := func(s verdict.Statement) (most float64) {
		for _, e := range []*verdict.Executed{s.Before, s.After} {
			if e != nil {
				most = max(most, e.TotalMS)
			}
		}
		return most
	}
	slices.SortStableFunc(list, func(a, b verdict.Statement) int { return cmp.Compare(total(b), total(a)) })
	return list[:min(len(list), evidence.MaxStatements)]
}

// executed is one statement of a side.
func (t *testimony) executed(i int) *verdict.Executed {
	s := t.statements[i]
	requests := float64(max(1, t.answered))
	e := &verdict.Executed{
		Calls: float64(s.Calls) / requests, Rows: float64(s.Rows) / float64(max(1, s.Calls)),
		TotalMS: 1000 * s.Seconds / requests, P95MS: 1000 * s.P95, Failed: s.Failed,
	}
	if i < len(t.plans) {
		e.Unplanned = t.plans[i].Error
		for _, step := range t.plans[i].Steps {
			e.Plan = append(e.Plan, verdict.PlanStep(step))
		}
	}
	return e
}
