package duel

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/p95lab/p95lab/grader/load"
	"github.com/p95lab/p95lab/grader/verdict"
)

// side starts a real service and a client for it.
func side(t *testing.T, h http.HandlerFunc) Side {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	c := load.Dial(s.Listener.Addr().String(), load.Options{Timeout: 2 * time.Second})
	t.Cleanup(c.Close)
	return Side{Client: c}
}

func draw(t *testing.T) func(n int) ([2][]load.Prepared, error) {
	raw, err := load.Prepare("GET", "test", "/", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return func(n int) (r [2][]load.Prepared, err error) {
		one := make([]load.Prepared, n)
		for i := range one {
			one[i] = load.Prepared{Raw: raw, ID: i}
		}
		return [2][]load.Prepared{one, one}, nil
	}
}

func fine(http.ResponseWriter, *http.Request) {}

// small is a plan that is over soon.
func small(pairs int) Plan {
	return Plan{Rate: 400, Slice: 20 * time.Millisecond, Warm: 2, WarmMost: 3, Pairs: pairs, Budget: 30 * time.Second}
}

func newDuel(t *testing.T, p Plan, before, after http.HandlerFunc) *Duel {
	return &Duel{
		Plan: p, Sides: [2]Side{side(t, before), side(t, after)}, Draw: draw(t),
		Rng: rand.New(rand.NewPCG(1, 2)), Live: NewLive(2 * time.Second),
	}
}

func TestBothSidesGetTheSameRequestsAtTheSameTimes(t *testing.T) {
	d := newDuel(t, small(10), fine, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	counting := 0
	d.Counting = func() { counting++ }
	warm := 0
	d.Seen = func(Pair) (bool, error) {
		if counting == 0 {
			warm++
		}
		return false, nil
	}
	m, err := d.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if counting != 1 || warm != m.Warmed || warm < 2 || warm > 3 {
		t.Errorf("counting was told %d times, after %d pairs of %d", counting, warm, m.Warmed)
	}
	if len(m.Pairs)+m.Dropped() < 10 {
		t.Errorf("%d pairs, %d dropped", len(m.Pairs), m.Dropped())
	}
	n := 0
	for _, p := range m.Pairs {
		n += len(p.Samples[0])
		same := slices.EqualFunc(p.Samples[0], p.Samples[1], func(a, b load.Sample) bool { return a.ID == b.ID && a.Intended == b.Intended })
		if !same {
			t.Fatal("the sides differ in what they were asked, or when")
		}
		if p.Took[0] < d.Plan.Slice || p.Took[1] < d.Plan.Slice {
			t.Errorf("slices took %v", p.Took)
		}
	}
	if n == 0 || m.Whole[0].Count() != n || m.Whole[0].Failed() != 0 || m.Whole[1].Failed() != n {
		t.Errorf("of %d requests %d counted, %d and %d failed", n, m.Whole[0].Count(), m.Whole[0].Failed(), m.Whole[1].Failed())
	}
	s := m.Summary(2 * time.Second)
	if s.After.P50 != 2000 || s.After.Errors != 1 || s.Before.P50 <= 0 || s.Before.P50 >= 2000 || s.Requests != n {
		t.Errorf("the summary says %+v", s)
	}
}

// A pair that the weather disturbed is measured once more, and its time is not
// taken from the others', but not without end.
func TestDisturbedPairsAreRepeated(t *testing.T) {
	stolen := time.Duration(0)
	n := 0
	storm := func(until int) func() vitals {
		stolen, n = 0, 0
		return func() vitals {
			if n++; n%2 == 0 && n/2 <= until {
				stolen += time.Hour
			}
			v := clocks()
			v.stolen = stolen
			return v
		}
	}
	p := small(6)
	p.Warm, p.WarmMost = 1, 1
	d := newDuel(t, p, fine, fine)
	d.weather = &weather{read: storm(4)} // the warm-up and three more
	m, err := d.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Pairs) != 6 || m.Drops[droppedSteal] != 3 || m.TooNoisy() || m.MainDrop() != droppedSteal {
		t.Errorf("%d pairs, dropped %v", len(m.Pairs), m.Drops)
	}
	if notes := m.Notes(); !slices.ContainsFunc(notes, func(s string) bool { return strings.Contains(s, droppedSteal) }) {
		t.Errorf("the notes do not tell of the pairs: %q", notes)
	}

	p.Budget, p.Patience = 200*time.Millisecond, 100*time.Millisecond
	d = newDuel(t, p, fine, fine)
	d.weather = &weather{read: storm(1 << 30)}
	if m, err = d.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(m.Pairs) != 0 || !m.TooNoisy() || m.Took < p.Budget+p.Patience {
		t.Errorf("%d pairs in %v", len(m.Pairs), m.Took)
	}
}

func TestDuelEnds(t *testing.T) {
	broken := errors.New("broken")
	for _, tc := range []struct {
		name  string
		with  func(*Duel)
		pairs int
		err   error
	}{
		{"when it is enough", func(d *Duel) { d.Enough = func(p []Pair) bool { return len(p) == 3 } }, 3, nil},
		{"when Seen says so", func(d *Duel) {
			n := 0
			d.Seen = func(Pair) (bool, error) { n++; return n == 5, nil }
		}, -1, nil},
		{"when Seen fails", func(d *Duel) { d.Seen = func(Pair) (bool, error) { return false, broken } }, -1, broken},
		{"when there is nothing to send", func(d *Duel) {
			d.Draw = func(int) ([2][]load.Prepared, error) { return [2][]load.Prepared{}, broken }
		}, -1, broken},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := newDuel(t, small(1000), fine, fine)
			tc.with(d)
			m, err := d.Run(t.Context())
			if !errors.Is(err, tc.err) {
				t.Fatalf("error %v, want %v", err, tc.err)
			}
			if tc.pairs >= 0 && len(m.Pairs) != tc.pairs {
				t.Errorf("%d pairs, want %d", len(m.Pairs), tc.pairs)
			}
		})
	}
	t.Run("when its context does", func(t *testing.T) {
		d := newDuel(t, small(1_000_000), fine, fine)
		ctx, cancel := context.WithCancel(t.Context())
		n := 0
		d.Seen = func(Pair) (bool, error) {
			if n++; n == 4 {
				cancel()
			}
			return false, nil
		}
		if _, err := d.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("when a side takes no connections", func(t *testing.T) {
		d := newDuel(t, small(1), fine, fine)
		gone := load.Dial("127.0.0.1:1", load.Options{})
		t.Cleanup(gone.Close)
		d.Sides[1].Client = gone
		var refused *ConnectError
		if _, err := d.Run(t.Context()); !errors.As(err, &refused) || refused.Side != 1 {
			t.Errorf("error %v", err)
		}
	})
}

// The side that is not asked stands still, and both go on afterwards.
func TestTheOtherSideStandsStill(t *testing.T) {
	var mu sync.Mutex
	still := [2]bool{}
	wrong := 0
	d := &Duel{Plan: small(4), Draw: draw(t), Rng: rand.New(rand.NewPCG(1, 2)), Live: NewLive(time.Second)}
	for i := range d.Sides {
		d.Sides[i] = side(t, func(http.ResponseWriter, *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			if still[i] || !still[1-i] {
				wrong++
			}
		})
		set := func(v bool) func() {
			return func() { mu.Lock(); defer mu.Unlock(); still[i] = v }
		}
		d.Sides[i].Pause, d.Sides[i].Resume = set(true), set(false)
	}
	if _, err := d.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if wrong > 0 || still[0] || still[1] {
		t.Errorf("%d requests came while the other side ran; at the end %v", wrong, still)
	}
}

func TestWatchSendsTicks(t *testing.T) {
	d := newDuel(t, small(20), fine, fine)
	var ticks []verdict.Tick
	var m *Measurement
	var err error
	d.Live.Watch(func(t verdict.Tick) { ticks = append(ticks, t) }, func() { m, err = d.Run(t.Context()) })
	if err != nil {
		t.Fatal(err)
	}
	last := ticks[len(ticks)-1]
	counted := 0
	for _, n := range last.After.Histogram {
		counted += n
	}
	if last.Warm || counted != m.Requests || last.After.N <= counted {
		t.Errorf("%d counted and %d in all, of %d: %+v", counted, last.After.N, m.Requests, last)
	}
}

func TestOrderIsBalanced(t *testing.T) {
	b := balanced{rng: rand.New(rand.NewPCG(3, 4))}
	firsts := map[bool]int{}
	for range 500 {
		one, two := b.flipped(), b.flipped()
		if one == two {
			t.Fatal("two neighbouring pairs in the same order")
		}
		firsts[one]++
	}
	if firsts[true] < 150 || firsts[false] < 150 {
		t.Errorf("the first of two pairs is not drawn: %v", firsts)
	}
}

func TestPlan(t *testing.T) {
	for _, tc := range []struct {
		rate          float64
		service, want time.Duration
	}{
		{1000, 0, 100 * time.Millisecond},
		{100, 0, 240 * time.Millisecond},
		{1, 0, 500 * time.Millisecond},
		{1000, 10 * time.Millisecond, 100 * time.Millisecond},
		{1000, 100 * time.Millisecond, 500 * time.Millisecond},
		{1000, time.Minute, 2 * time.Second},
	} {
		p := NewPlan(tc.rate, 10*time.Second, tc.service)
		if p.Slice != tc.want {
			t.Errorf("at %v/s and %v: slices of %v, want %v", tc.rate, tc.service, p.Slice, tc.want)
		}
		if p.Pairs < fewestPairs || p.Warm < 1 || p.WarmMost < p.Warm || time.Duration(p.Block())*p.Slice < blockTime {
			t.Errorf("at %v/s: %+v", tc.rate, p)
		}
	}
}

func TestSteadiness(t *testing.T) {
	pair := func(before, after time.Duration) (p Pair) {
		p.Samples[0] = []load.Sample{{Done: before, Status: 200}}
		p.Samples[1] = []load.Sample{{Done: after, Status: 200}}
		return p
	}
	var falling, flat steadiness
	for i := range 12 {
		wobble := time.Duration(i%3) * time.Microsecond
		falling.add(pair(time.Millisecond+wobble, time.Duration(20-i)*time.Millisecond))
		flat.add(pair(time.Millisecond+wobble, 5*time.Millisecond+wobble))
	}
	if falling.steady() || !flat.steady() {
		t.Errorf("falling is steady: %v; flat is: %v", falling.steady(), flat.steady())
	}
}
