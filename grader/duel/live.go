package duel

import (
	"math"
	"slices"
	"sync"
	"time"

	"github.com/p95lab/p95lab/grader/load"
	"github.com/p95lab/p95lab/grader/stats"
	"github.com/p95lab/p95lab/grader/verdict"
)

// Live pictures: how often, and over which time.
const (
	tickEvery = 100 * time.Millisecond
	// window is how much of a side's own load a tick looks back on, and fewest
	// how many requests at the least: a percentile of five says nothing.
	window = time.Second
	fewest = 40
)

// edges are the buckets of every histogram that is shown, in ms.
var edges = stats.LogEdges(0.1, 10_000, 60)

// Edges are the upper edges of the buckets of every histogram that is shown, in
// ms.
func Edges() []float64 { return slices.Clone(edges) }

// Live keeps both sides' last answers and draws them as ticks. It is safe for
// concurrent use: connections report, a ticker reads.
type Live struct {
	timeout float64 // ms
	mu      sync.Mutex
	began   time.Time
	warm    bool
	sides   [2]recent
}

// recent is one side's answers, by the time of its own load: the clock of a
// side stands still while the other one is loaded.
type recent struct {
	clock     time.Duration // at the start of the slice in progress
	samples   []timed
	done      int
	failed    int
	histogram []int
}

type timed struct {
	at time.Duration
	ms float64
}

// NewLive returns an empty picture. A request that failed is shown as one that
// took the timeout.
func NewLive(timeout time.Duration) *Live {
	l := &Live{timeout: ms(timeout), began: time.Now()}
	for i := range l.sides {
		l.sides[i].histogram = make([]int, len(edges))
	}
	return l
}

func (l *Live) warmUp(warm bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.warm = warm
}

func (l *Live) add(which int, s load.Sample) {
	ms := Latency(s)
	l.mu.Lock()
	defer l.mu.Unlock()
	side := &l.sides[which]
	side.done++
	if Failed(s) {
		side.failed++
	}
	side.samples = append(side.samples, timed{side.clock + s.Done, ms})
	if !l.warm {
		side.histogram[stats.Bucket(edges, ms)]++
	}
}

// sliceDone moves a side's clock on.
func (l *Live) sliceDone(which int, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sides[which].clock += took
}

// Watch measures, and sends a tick about ten times a second meanwhile and one
// at the end. send is called from one goroutine at a time.
func (l *Live) Watch(send func(verdict.Tick), measure func()) {
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		every := time.NewTicker(tickEvery)
		defer every.Stop()
		for n := 1; ; n++ {
			select {
			case <-stop:
				return
			case <-every.C:
				send(l.tick(n%10 == 0))
			}
		}
	}()
	measure()
	close(stop)
	<-stopped
	send(l.tick(true))
}

// tick is the picture now. Histograms come along about once a second.
func (l *Live) tick(histograms bool) verdict.Tick {
	l.mu.Lock()
	defer l.mu.Unlock()
	return verdict.Tick{
		T: time.Since(l.began).Seconds(), Warm: l.warm,
		Before: l.sides[0].window(l.timeout, histograms), After: l.sides[1].window(l.timeout, histograms),
	}
}

func (r *recent) window(timeout float64, histogram bool) verdict.Window {
	w := verdict.Window{N: r.done}
	if r.done == 0 {
		return w
	}
	last := r.samples[len(r.samples)-1].at
	from := len(r.samples) - 1
	for from > 0 && (last-r.samples[from-1].at < window || len(r.samples)-from < fewest) {
		from--
	}
	// What is older will not be looked at again.
	r.samples = slices.Delete(r.samples, 0, from)
	ms := make([]float64, len(r.samples))
	for i, s := range r.samples {
		ms[i] = s.ms
	}
	slices.Sort(ms)
	q := func(q float64) float64 { return Finite(stats.Quantile(ms, q), timeout) }
	w.P50, w.P95, w.P99 = q(0.50), q(0.95), q(0.99)
	if over := last - r.samples[0].at; over > 0 {
		w.RPS = float64(len(ms)-1) / over.Seconds()
	}
	w.Errors = float64(r.failed) / float64(r.done)
	if histogram && slices.ContainsFunc(r.histogram, func(n int) bool { return n > 0 }) {
		w.Histogram = slices.Clone(r.histogram)
	}
	return w
}

// Finite shows a failed request's latency as the time after which it failed at
// the latest.
func Finite(v, timeout float64) float64 {
	if math.IsInf(v, 0) || math.IsNaN(v) {
		return timeout
	}
	return v
}
