package load

import (
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Each case makes the generator late by a cause of its own, and the report must
// say so. Each cause delays by ten milliseconds or more what may be late by one,
// so that a quiet machine and a busy one agree.
func TestLatenessIsTold(t *testing.T) {
	slow := func(d time.Duration) http.HandlerFunc {
		return func(http.ResponseWriter, *http.Request) { time.Sleep(d) } // the service under test
	}
	for _, tc := range []struct {
		name    string
		conns   int
		handler http.HandlerFunc
		onDone  func(Sample)
		begin   func() (end func())
		want    string // in what is told
	}{
		{name: "one processor, and somebody uses it", conns: 64, handler: slow(0), begin: hogOneProcessor, want: "woke late"},
		{name: "too few connections", conns: 2, handler: slow(20 * time.Millisecond), want: "no free connection"},
		{name: "whoever is told blocks", conns: 4, handler: slow(0), onDone: func(Sample) { time.Sleep(10 * time.Millisecond) }, want: "no free connection"},
		{name: "a service that stops", conns: 4, handler: stopOnce(100 * time.Millisecond), want: "no free connection"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := dial(t, serve(t, tc.handler), Options{MaxConns: tc.conns})
			if err := c.Warm(tc.conns); err != nil {
				t.Fatal(err)
			}
			plan := arrivals(Poisson(rand.New(rand.NewPCG(5, 5)), 500, 400*time.Millisecond))
			if tc.begin != nil {
				defer tc.begin()()
			}
			r, err := c.Slice(t.Context(), []Prepared{get(t, "/")}, plan, tc.onDone)
			if err != nil {
				t.Fatal(err)
			}
			l := r.Lateness()
			t.Logf("%+v: %s", l, l.Why())
			if l.P99 <= LateBy {
				t.Errorf("P99 is %v: it was not late at all, or does not know", l.P99)
			}
			if !strings.Contains(l.Why(), tc.want) && !strings.Contains(l.Why(), "woke late") { // a busy machine is a cause too
				t.Errorf("told %q, want %q", l.Why(), tc.want)
			}
		})
	}
}

// hogOneProcessor leaves the whole program one processor and uses it: the
// runtime takes it away only after 10 ms.
func hogOneProcessor() (end func()) {
	was := runtime.GOMAXPROCS(1)
	var stop atomic.Bool
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			for !stop.Load() {
			}
		})
	}
	return func() {
		stop.Store(true)
		all.Wait()
		runtime.GOMAXPROCS(was)
	}
}

// stopOnce is a service that stops for a while at its first request.
func stopOnce(d time.Duration) http.HandlerFunc {
	var mu sync.Mutex
	var once sync.Once
	return func(http.ResponseWriter, *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		once.Do(func() { time.Sleep(d) })
	}
}

func TestLateness(t *testing.T) {
	const n = 100
	r := Report{Samples: make([]Sample, n), Late: make([]time.Duration, n-3)}
	for i := range r.Samples {
		at := time.Duration(i) * time.Millisecond
		r.Samples[i] = Sample{Intended: at, Sent: at + 10*time.Microsecond}
	}
	if l := r.Lateness(); l.P99 != 10*time.Microsecond || l.Queued != 3 || l.Requests != n || l.Why() != "" {
		t.Errorf("%+v", l)
	}
	// Two of a hundred decide the P99, also if they never left.
	r.Samples[4].Sent = r.Samples[4].Intended + 2*time.Millisecond
	r.Samples[5].Sent, r.Samples[5].Done = 0, time.Second
	if l := r.Lateness(); l.P99 != 2*time.Millisecond || !strings.Contains(l.Why(), "3 of 100 found no free connection") {
		t.Errorf("%+v: %s", l, l.Why())
	}
	r.Late[0], r.Late[1] = 3*time.Millisecond, 3*time.Millisecond
	if l := r.Lateness(); l.Own != 3*time.Millisecond || !strings.Contains(l.Why(), "woke late") {
		t.Errorf("%+v: %s", l, l.Why())
	}
	if l := (Report{}).Lateness(); l != (Lateness{}) || l.Why() != "" {
		t.Errorf("nothing was sent: %+v", l)
	}
}
