package check

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/p95lab/p95lab/challenges"
	"github.com/p95lab/p95lab/grader/verdict"
)

// Asker sends one request and returns the answer.
type Asker func(ctx context.Context, d challenges.Drawn) Answer

// Oracle compares two services that hold the same data. Every request goes to
// both, so that they still hold the same data afterwards.
type Oracle struct {
	Mix           *challenges.Mix
	Before, After Asker
	// Budget is how long a check may go on asking: a slow starter answers fewer
	// questions, never fewer than a minimum.
	Budget time.Duration
}

// minimum is how many rounds a check asks for whatever they take.
const minimum = 12

// maximum is where a fast service has been asked enough before the load, which
// goes on comparing.
const maximum = 120

// OracleError tells that the check itself proves nothing, which is the
// challenge's fault or the starter's.
type OracleError struct{ Reason string }

func (e *OracleError) Error() string { return "the check proves nothing: " + e.Reason }

// SameAnswers asks both sides the challenge's own mix of requests, one by one,
// reads and writes. It returns the first difference, nil if there is none.
func (o *Oracle) SameAnswers(ctx context.Context, rng *rand.Rand, c challenges.SameAnswers) (*Mismatch, error) {
	began := time.Now()
	rules := Rules{Ignore: c.Ignore}
	classes := len(o.Mix.Names())
	for i := 0; i < maximum && (i < minimum || time.Since(began) < o.Budget); i++ {
		d := o.Mix.Draw(rng)
		if i < classes { // each kind at least once
			d = o.Mix.DrawClass(rng, i, nil)
		}
		want, got, err := o.ask(ctx, d)
		if err != nil {
			return nil, err
		}
		if diff := Compare(want, got, rules); diff != nil {
			return NewMismatch(Alone, "same-answers", d, *diff), nil
		}
	}
	return nil, nil
}

// Audit asks both sides for things that the load has written to, once it is
// over, and compares without regard to order and to the fields that races
// decide. It returns the first difference.
func (o *Oracle) Audit(ctx context.Context, reads []challenges.Drawn, c challenges.SameAnswers) (*Mismatch, error) {
	began := time.Now()
	rules := Rules{Ignore: append(append([]string{}, c.Ignore...), c.Unstable...), Unordered: true}
	for i, d := range reads {
		if i >= minimum && time.Since(began) > o.Budget {
			break
		}
		want, got, err := o.ask(ctx, d)
		if err != nil {
			return nil, err
		}
		if diff := Compare(want, got, rules); diff != nil {
			return NewMismatch(AfterLoad, "same-answers", d, *diff), nil
		}
	}
	return nil, nil
}

// ReadYourWrites reads a thing, writes to it, waits, and reads again, on both
// sides. The first read lets a cache fill; the second must show what the
// starter shows.
func (o *Oracle) ReadYourWrites(ctx context.Context, rng *rand.Rand, c challenges.ReadYourWrites, ignore []string) (*Mismatch, error) {
	write, read, err := o.pair(c)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	rules := Rules{Ignore: ignore}
	var shown int
	rounds := 0
	for ; rounds < maximum/4 && (rounds < minimum/2 || time.Since(began) < o.Budget); rounds++ {
		w := o.Mix.DrawClass(rng, write, nil)
		r := o.Mix.DrawClass(rng, read, w.Vars)
		var first Answer
		for i, d := range []challenges.Drawn{r, w, r} {
			if i == 2 && c.Within > 0 {
				select {
				case <-time.After(c.Within):
				case <-ctx.Done():
					return nil, ctx.Err()
				}
			}
			want, got, err := o.ask(ctx, d)
			if err != nil {
				return nil, err
			}
			if diff := Compare(want, got, rules); diff != nil {
				return NewMismatch(AfterWrite, "read-your-writes", d, *diff), nil
			}
			switch i {
			case 0:
				first = want
			case 2:
				if Compare(first, want, rules) != nil {
					shown++
				}
			}
		}
	}
	// A write may set what was there before, but not most of the time.
	if shown*2 < rounds {
		return nil, &OracleError{fmt.Sprintf("in the starter only %d of %d writes (%s) show in the read (%s)", shown, rounds, c.Write, c.Read)}
	}
	return nil, nil
}

func (o *Oracle) pair(c challenges.ReadYourWrites) (write, read int, err error) {
	write, read = -1, -1
	for i, name := range o.Mix.Names() {
		if name == c.Write {
			write = i
		}
		if name == c.Read {
			read = i
		}
	}
	if write < 0 || read < 0 {
		return 0, 0, &OracleError{fmt.Sprintf("read-your-writes names %q and %q, which are not both requests", c.Write, c.Read)}
	}
	return write, read, nil
}

// ask sends one request to both sides at once and waits for both.
func (o *Oracle) ask(ctx context.Context, d challenges.Drawn) (want, got Answer, err error) {
	var both sync.WaitGroup
	both.Go(func() { want = o.Before(ctx, d) })
	both.Go(func() { got = o.After(ctx, d) })
	both.Wait()
	if err := ctx.Err(); err != nil {
		return Answer{}, Answer{}, err
	}
	if want.Err != nil {
		return Answer{}, Answer{}, &OracleError{fmt.Sprintf("the starter did not answer %s %s: %v", d.Method, d.Path, want.Err)}
	}
	if want.Status >= 500 {
		return Answer{}, Answer{}, &OracleError{fmt.Sprintf("the starter answered %s %s with %s", d.Method, d.Path, status(want))}
	}
	return want, got, nil
}

// When says in which part of a run an answer was wrong.
type When int

// The parts of a run.
const (
	Alone      When = iota // one request at a time
	AfterWrite             // one at a time, behind a write
	UnderLoad
	AfterLoad
)

// Mismatch is a wrong answer, as a verdict tells it.
type Mismatch struct {
	verdict.Mismatch
	When   When
	Silent bool // no answer came at all
}

// NewMismatch tells a difference in the answers to a request.
func NewMismatch(when When, word string, d challenges.Drawn, diff Difference) *Mismatch {
	return &Mismatch{When: when, Silent: diff.Silent, Mismatch: verdict.Mismatch{
		Check: word, Request: d.Method + " " + d.Path, Want: diff.Want, Got: diff.Got, Where: diff.Where,
	}}
}
