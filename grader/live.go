package grader

import (
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

// live keeps both sides' last answers and draws them as ticks. It is safe for
// concurrent use: connections report, a ticker reads.
type live struct {
	mu    sync.Mutex
	began time.Time
	warm  bool
	sides [2]recent
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

func newLive() *live { return &live{began: time.Now()} }

// counted starts the part that counts.
func (l *live) counted() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.warm = false
}

func (l *live) add(which int, s load.Sample) {
	ms := latency(s)
	l.mu.Lock()
	defer l.mu.Unlock()
	side := &l.sides[which]
	side.done++
	if failed(s) {
		side.failed++
	}
	side.samples = append(side.samples, timed{side.clock + s.Done, ms})
	if !l.warm {
		if side.histogram == nil {
			side.histogram = make([]int, len(edges))
		}
		for i, n := range stats.Histogram(edges, []float64{ms}) {
			side.histogram[i] += n
		}
	}
}

// sliceDone moves a side's clock on.
func (l *live) sliceDone(which int, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sides[which].clock += took
}

// tick is the picture now. Histograms come along about once a second.
func (l *live) tick(histograms bool) verdict.Tick {
	l.mu.Lock()
	defer l.mu.Unlock()
	return verdict.Tick{
		T: time.Since(l.began).Seconds(), Warm: l.warm,
		Before: l.sides[0].window(histograms), After: l.sides[1].window(histograms),
	}
}

func (r *recent) window(histogram bool) verdict.Window {
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
	w.P50, w.P95, w.P99 = finite(stats.Quantile(ms, 0.50)), finite(stats.Quantile(ms, 0.95)), finite(stats.Quantile(ms, 0.99))
	if over := last - r.samples[0].at; over > 0 {
		w.RPS = float64(len(ms)-1) / over.Seconds()
	}
	w.Errors = float64(r.failed) / float64(r.done)
	if histogram {
		w.Histogram = slices.Clone(r.histogram)
	}
	return w
}
