package compare

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/p95lab/p95lab/grader/duel"
	"github.com/p95lab/p95lab/grader/load"
	"github.com/p95lab/p95lab/grader/verdict"
)

// How long, and how many requests, the check before the load may take.
const (
	checkBudget   = 3 * time.Second
	checkRequests = 500
	// tolerated is the share of answers that may differ under load: two requests
	// at once may race for the last item of something, on either side.
	tolerated = 0.01
	// shown is how much of a body a mismatch shows, in bytes.
	shown = 200
)

// check asks both sides the same, one request at a time: do they answer, do they
// agree, and how long does it take? A verdict says that after does not answer.
func (c *comparison) check(ctx context.Context) (serviceTime time.Duration, failed *verdict.Verdict, err error) {
	rng := c.rng(streamCheck)
	began := time.Now()
	var took []time.Duration
	var bad [2]int
	var first [2]string // failure
	refused, redirected := 0, 0
	asked := 0
	for ; asked < min(c.o.Source.Examples(), checkRequests) && time.Since(began) < checkBudget; asked++ {
		r := c.o.Source.Request(rng, asked)
		var got [2]load.Sample
		for i := range c.sides {
			which := (i + asked) % 2 // neither always comes first
			if got[which], err = c.ask(ctx, which, r, asked); err != nil {
				return 0, nil, err
			}
			took = append(took, got[which].Done)
			if duel.Failed(got[which]) {
				if bad[which]++; first[which] == "" {
					first[which] = fmt.Sprintf("%s: %s", r.Name, failure(got[which]))
				}
			}
		}
		if got[0].Status >= 400 && got[1].Status >= 400 {
			refused++
		}
		if got[0].Status/100 == 3 {
			redirected++
		}
		c.compare(r, got[0], got[1])
	}
	switch {
	case 2*bad[0] > asked:
		return 0, nil, usage("before fails %d of %d requests when they are sent alone; the first was %s", bad[0], asked, first[0])
	case 2*bad[1] > asked:
		v := c.verdict(verdict.Failed, fmt.Sprintf("After fails %d of %d requests when they are sent alone; the first was %s.", bad[1], asked, first[1]),
			"Before answers them. Send one by hand and look at what after logs.")
		return 0, v, nil
	case refused == asked && c.o.Check != CheckNone:
		return 0, nil, usage("both sides refuse every request; is the path right? (--check none measures it all the same)")
	case 2*c.mismatches > c.compared:
		return 0, c.differently(), nil
	}
	if 2*redirected > asked {
		c.note("Most answers are redirects, which are not followed.")
	}
	if asked < c.o.Source.Examples() && len(c.o.Take) > 0 {
		c.note("Only %d of %d first requests were sent before the load, so some users had been told nothing when it began.", asked, c.o.Source.Examples())
	}
	slices.Sort(took)
	c.compared, c.mismatches = 0, 0 // those under load are counted
	return took[len(took)/2], nil, nil
}

// ask sends a request to a side now.
func (c *comparison) ask(ctx context.Context, which int, r Request, n int) (load.Sample, error) {
	p, err := c.prepare(c.sides[which], r, n)
	if err != nil {
		return load.Sample{}, err
	}
	p.KeepBody = c.wantsBody()
	got := c.sides[which].client.Do(ctx, p)
	return got, ctx.Err()
}

func failure(s load.Sample) string {
	if s.Err != nil {
		return s.Err.Error()
	}
	return status(s.Status)
}

func status(code int) string {
	if text := http.StatusText(code); text != "" {
		return fmt.Sprintf("status %d %s", code, text)
	}
	return fmt.Sprintf("status %d", code)
}

// wantsBody says that bodies are to be kept, for an example of where two differ.
func (c *comparison) wantsBody() bool {
	return c.o.Check == CheckBody && (c.example == nil || c.example.Where == "")
}

// compare counts answers to one request that differ, and keeps an example. What
// failed is an error and no difference.
func (c *comparison) compare(r Request, before, after load.Sample) {
	if c.o.Check == CheckNone || duel.Failed(before) || duel.Failed(after) {
		return
	}
	c.compared++
	other := before.Status != after.Status
	if c.o.Check == CheckBody {
		other = other || before.Hash != after.Hash
	}
	if !other {
		return
	}
	c.mismatches++
	if c.example != nil && c.example.Where != "" {
		return
	}
	m := verdict.Mismatch{Check: "same-" + string(c.o.Check), Request: r.Name, Want: status(before.Status), Got: status(after.Status)}
	if before.Status == after.Status {
		m.Want, m.Got = fmt.Sprintf("%d bytes", before.Bytes), fmt.Sprintf("%d bytes", after.Bytes)
		if at := differ(before.Body, after.Body); before.Body != nil && after.Body != nil {
			m.Where = fmt.Sprintf("byte %d", at)
			m.Want, m.Got = excerpt(before.Body, at), excerpt(after.Body, at)
		}
	}
	if c.example == nil || m.Where != "" {
		c.example = &m
	}
}

// differ is where two texts begin to.
func differ(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// excerpt is a body around a place.
func excerpt(body []byte, at int) string {
	from, to := max(0, at-shown/4), min(len(body), at+shown)
	text := body[from:to]
	if !utf8.Valid(text) {
		return fmt.Sprintf("%q", text[:min(len(text), shown/4)])
	}
	out := string(text)
	if from > 0 {
		out = "…" + out
	}
	if to < len(body) {
		out += "…"
	}
	return out
}
