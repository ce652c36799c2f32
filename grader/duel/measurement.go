package duel

import (
	"math"
	"slices"
	"time"

	"github.com/p95lab/p95lab/grader/load"
	"github.com/p95lab/p95lab/grader/stats"
)

// Pair is what one pair of slices showed. The same requests arrived at the same
// times on both sides: samples of equal index are answers to the same question.
type Pair struct {
	Samples [2][]load.Sample
	// Late is the generator's own lateness, as in load.Report.
	Late     [2][]time.Duration
	Lateness [2]load.Lateness
	Began    [2]time.Time
	Took     [2]time.Duration // at least the plan's slice
	CPU      [2]time.Duration // of the generator
	Dropped  string           // why it does not count, "" if it does
}

// letGo forgets the answers' bodies: the figures are all that is kept.
func (p Pair) letGo() {
	for which := range p.Samples {
		for i := range p.Samples[which] {
			p.Samples[which][i].Body = nil
		}
	}
}

// Measurement is all that a duel found.
type Measurement struct {
	Plan   Plan
	Pairs  []Pair         // those that count
	Drops  map[string]int // how many pairs did not count, and why
	Warmed int            // pairs before the first that counts
	Steady bool           // both sides were, at the end of the warm-up
	// Whole holds the latencies of the pairs that count, Requests how many were
	// sent to each side, dropped pairs with them.
	Whole    [2]*load.Recorder
	Requests int
	// OwnLate is how late requests left that a free connection was ready for, in
	// ms, unsorted; Queued how many found none, on each side.
	OwnLate []float64
	Queued  [2]int
	Unsent  [2]int // requests that never left
	// Loaded is how long each side was asked, CPU what the generator used
	// meanwhile.
	Loaded  [2]time.Duration
	CPU     time.Duration
	Took    time.Duration
	Weather Weather
}

func newMeasurement(p Plan) *Measurement {
	return &Measurement{Plan: p, Drops: map[string]int{}, Whole: [2]*load.Recorder{load.NewRecorder(), load.NewRecorder()}}
}

func (m *Measurement) add(p Pair) {
	m.Requests += len(p.Samples[0])
	for which := range p.Samples {
		m.Loaded[which] += p.Took[which]
		m.CPU += p.CPU[which]
		m.Queued[which] += p.Lateness[which].Queued
		for _, l := range p.Late[which] {
			m.OwnLate = append(m.OwnLate, ms(l))
		}
		for _, s := range p.Samples[which] {
			if s.Sent == 0 {
				m.Unsent[which]++
			}
			if p.Dropped == "" {
				if Failed(s) {
					m.Whole[which].Fail()
				} else {
					m.Whole[which].Record(s.Latency())
				}
			}
		}
	}
	if p.Dropped != "" {
		m.Drops[p.Dropped]++
	} else {
		m.Pairs = append(m.Pairs, p)
	}
}

// Dropped is how many pairs do not count.
func (m *Measurement) Dropped() (n int) {
	for _, k := range m.Drops {
		n += k
	}
	return n
}

// MainDrop is why most of the dropped pairs do not count, "" if none was.
func (m *Measurement) MainDrop() (why string) {
	most := 0
	for w, n := range m.Drops {
		if n > most || n == most && w < why {
			why, most = w, n
		}
	}
	return why
}

// What must be left of a measurement, before the machine is called too noisy:
// pairs, and their share of all.
const (
	tooFew  = 6
	tooMany = 0.4
)

// TooNoisy says that so many pairs were dropped that the rest tells little.
func (m *Measurement) TooNoisy() bool {
	dropped := m.Dropped()
	return len(m.Pairs) < tooFew || float64(dropped) > tooMany*float64(dropped+len(m.Pairs))
}

// OwnLateP99 is the generator's own lateness at P99, in ms.
func (m *Measurement) OwnLateP99() float64 {
	if len(m.OwnLate) == 0 {
		return 0
	}
	return stats.Quantile(slices.Sorted(slices.Values(m.OwnLate)), 0.99)
}

// CPUShare is how many processors the generator kept busy.
func (m *Measurement) CPUShare() float64 {
	loaded := m.Loaded[0] + m.Loaded[1]
	if loaded <= 0 {
		return 0
	}
	return float64(m.CPU) / float64(loaded)
}

// Every takes requests of all classes.
const Every = -1

// Latencies picks one class of requests, or Every, in ms, as the statistics want
// them. A request that failed is +Inf.
func Latencies(pairs []Pair, class int) []stats.Pair {
	out := make([]stats.Pair, 0, len(pairs))
	for _, p := range pairs {
		var sp stats.Pair
		for which, to := range []*[]float64{&sp.Before, &sp.After} {
			for _, s := range p.Samples[which] {
				if class == Every || s.Class == class {
					*to = append(*to, Latency(s))
				}
			}
		}
		out = append(out, sp)
	}
	return out
}

// Errors is how many requests of a class failed on a side, and how many there
// were.
func Errors(pairs []Pair, class, which int) (bad, n int) {
	for _, p := range pairs {
		for _, s := range p.Samples[which] {
			if class != Every && s.Class != class {
				continue
			}
			n++
			if Failed(s) {
				bad++
			}
		}
	}
	return bad, n
}

// Failed says whether an answer counts as an error: none came, or the service
// said that it could not (5xx) or would not for load (429).
func Failed(s load.Sample) bool {
	return s.Err != nil || s.Status >= 500 || s.Status == 429
}

// Latency is from the intended start, in ms; a failure is the worst latency
// there is.
func Latency(s load.Sample) float64 {
	if Failed(s) {
		return math.Inf(1)
	}
	return ms(s.Latency())
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
