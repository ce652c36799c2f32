package load

import (
	"fmt"
	"math"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Recorder keeps latencies in a histogram of high dynamic range: each to four
// figures that count, from a quarter of a microsecond to an hour, in memory that
// is allocated once. Recording allocates nothing and takes some nanoseconds. It
// is for figures of a whole run; intervals need the samples themselves.
//
// It is not safe for concurrent use; Slice's onDone is.
type Recorder struct {
	h      *hdrhistogram.Histogram
	failed int64
}

// Bounds of what is told apart, in ns, and to how many decimal figures.
const (
	recordLeast   = int64(256)
	recordMost    = int64(time.Hour)
	recordFigures = 4
)

// NewRecorder returns an empty recorder.
func NewRecorder() *Recorder {
	return &Recorder{h: hdrhistogram.New(recordLeast, recordMost, recordFigures)}
}

// Record adds a latency.
func (r *Recorder) Record(d time.Duration) {
	// Within its bounds it takes every value.
	_ = r.h.RecordValue(max(0, min(int64(d), recordMost)))
}

// Fail adds a request that failed: slower than all that were answered.
func (r *Recorder) Fail() { r.failed++ }

// Count is how many requests were added, failed ones with them.
func (r *Recorder) Count() int { return int(r.h.TotalCount() + r.failed) }

// Failed is how many of them failed.
func (r *Recorder) Failed() int { return int(r.failed) }

// Quantile is the smallest latency that a share q of all requests does not
// exceed, in ms, as stats.Quantile has it: +Inf for one that failed, NaN of none.
func (r *Recorder) Quantile(q float64) float64 {
	n := r.h.TotalCount()
	all := n + r.failed
	if all == 0 {
		return math.NaN()
	}
	rank := max(1, int64(math.Ceil(q*float64(all)-1e-9)))
	if rank > n {
		return math.Inf(1)
	}
	v := r.h.ValueAtPercentile(100 * float64(rank) / float64(n))
	return float64(min(v, r.h.Max())) / float64(time.Millisecond)
}

// Histogram counts the requests by buckets with these upper edges in ms, which
// must rise; the last bucket holds also all that is beyond, and what failed.
func (r *Recorder) Histogram(edges []float64) []int {
	counts := make([]int, len(edges))
	if len(edges) == 0 {
		return counts
	}
	i := 0
	for _, bar := range r.h.Distribution() {
		if bar.Count == 0 {
			continue
		}
		v := float64(bar.To) / float64(time.Millisecond)
		for i < len(edges)-1 && edges[i] < v {
			i++
		}
		counts[i] += int(bar.Count)
	}
	counts[len(counts)-1] += int(r.failed)
	return counts
}

// Merge adds all that another recorder holds.
func (r *Recorder) Merge(from *Recorder) error {
	if dropped := r.h.Merge(from.h); dropped > 0 {
		return fmt.Errorf("%d latencies do not fit this recorder", dropped)
	}
	r.failed += from.failed
	return nil
}

// Reset empties the recorder.
func (r *Recorder) Reset() {
	r.h.Reset()
	r.failed = 0
}
