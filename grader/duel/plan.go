package duel

import (
	"math"
	"time"
)

// Plan says how two sides are measured.
type Plan struct {
	Rate  float64       // arrivals per second, on each side
	Slice time.Duration // one side's turn
	// Warm is the fewest pairs that are thrown away at the start, WarmMost the
	// most: the warm-up ends between them as soon as both sides are steady.
	Warm, WarmMost int
	Pairs          int           // the most pairs that count
	Budget         time.Duration // the most time for all of them
	// Patience is how much longer it may last for pairs that the weather
	// disturbed and that are repeated.
	Patience time.Duration
}

// How a slice is chosen: short enough that both sides see the same weather,
// long enough that a queue can form in it.
const (
	shortestSlice = 100 * time.Millisecond
	longestSlice  = 500 * time.Millisecond
	// slowestSlice is for services whose answers take so long that a shorter one
	// would hold the waiting for the last answers and little else.
	slowestSlice  = 2 * time.Second
	sliceRequests = 24
	sliceAnswers  = 5 // service times that fit a slice
	fewestPairs   = 8
	// blockTime is how long neighbouring pairs are taken together in statistics:
	// noise that lasts longer than a pair makes neighbours alike.
	blockTime = 500 * time.Millisecond
)

// The warm-up: long enough for connections, caches and pools in any case.
const (
	warmTime      = time.Second
	warmTimeMost  = 3 * time.Second
	patienceShare = 0.25
)

// NewPlan fits slices to a rate and pairs to a budget. serviceTime is how long
// an answer usually takes, 0 if it is short or not known.
func NewPlan(rate float64, budget, serviceTime time.Duration) Plan {
	slice := time.Duration(sliceRequests / rate * float64(time.Second))
	slice = max(shortestSlice, min(longestSlice, slice))
	slice = max(slice, min(slowestSlice, sliceAnswers*serviceTime))
	p := Plan{Rate: rate, Slice: slice, Budget: budget, Patience: time.Duration(patienceShare * float64(budget))}
	p.Pairs = max(fewestPairs, int(budget/(2*slice)))
	p.Warm = max(1, int(warmTime/(2*slice)))
	p.WarmMost = max(p.Warm, int(warmTimeMost/(2*slice)))
	return p
}

// Usual is how long a measurement lasts that nothing disturbs and nothing ends
// early, its warm-up with it.
func (p Plan) Usual() time.Duration {
	return time.Duration(p.Warm+p.Pairs) * 2 * p.Slice
}

// Block is how many neighbouring pairs last at least half a second of one side's
// time: slow drifts of the machine then widen the interval.
func (p Plan) Block() int {
	return max(1, int(math.Ceil(float64(blockTime)/float64(p.Slice))))
}
