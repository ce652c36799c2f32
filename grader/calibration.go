package grader

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/p95lab/p95lab/challenges"
	"github.com/p95lab/p95lab/grader/check"
	"github.com/p95lab/p95lab/grader/duel"
	"github.com/p95lab/p95lab/grader/load"
	"github.com/p95lab/p95lab/grader/verdict"
	"github.com/p95lab/p95lab/grader/workspace"
)

// calibration is what this machine can do with a challenge's starter, and what
// the reference solution gains on it. It is measured once for each machine,
// starter and reference, and kept.
type calibration struct {
	// Capacity is what the starter answers at most, per second.
	Capacity float64 `json:"capacity"`
	// Reference is how many times better the reference solution's P95 of the
	// challenge's first goal is: the 100 of the score.
	Reference float64 `json:"reference"`
	// Pace is how long this machine took for a fixed piece of work, in ns: a run
	// that finds another pace calibrates again.
	Pace time.Duration `json:"pace"`
	// Calm says that the machine was ours meanwhile. What others took away made
	// Capacity too low, so the next runs try again, up to Tries of maxTries.
	Calm     bool      `json:"calm"`
	Tries    int       `json:"tries"`
	Measured time.Time `json:"measured"`
}

// How long a calibration looks.
const (
	saturateWarm    = 500 * time.Millisecond
	saturateFor     = 2500 * time.Millisecond
	saturateConns   = 16
	referenceBudget = 6 * time.Second
	// A measurement of which others took more than a quarter is repeated: at once
	// the first time, and then by the next runs, one try each, as a run must not
	// be long. What the machine cannot show in so many tries is how it is.
	calmShare  = 0.25
	firstTries = 2
	maxTries   = 5
	// otherLoad is by how much the rate may change and the reference's gain still
	// count.
	otherLoad = 1.3
)

// calibrate reads the calibration or measures it.
func (r *run) calibrate(ctx context.Context, starter workspace.Binary, template string) (calibration, error) {
	r.Grader.mu.Lock()
	defer r.Grader.mu.Unlock()
	reference, err := r.reference(ctx, r.job.Challenge)
	if err != nil {
		return calibration{}, err
	}
	path, err := r.calibrationPath(starter, reference)
	if err != nil {
		return calibration{}, err
	}
	now := pace()
	kept, err := readCalibration(path)
	if err != nil {
		return calibration{}, err
	}
	if kept.holds(now) {
		return kept, nil
	}

	r.enter(verdict.Start, "calibrating for this machine: what the starter can carry")
	c := calibration{Pace: now, Tries: firstTries}
	if kept.samePace(now) { // not calm
		c = kept
		c.Tries = kept.Tries + 1
	}
	capacity, calm, err := r.capacity(ctx, starter, template, c.Tries-kept.Tries)
	if err != nil {
		return calibration{}, fmt.Errorf("calibrate the starter: %w", err)
	}
	c.Calm, c.Capacity = calm, max(capacity, c.Capacity)
	if c.Reference == 0 || c.Capacity > otherLoad*kept.Capacity {
		r.enter(verdict.Start, "calibrating for this machine: what the reference gains")
		if c.Reference, err = r.referenceRatio(ctx, starter, reference, template, c.Capacity); err != nil {
			return calibration{}, fmt.Errorf("calibrate the reference: %w", err)
		}
	}
	c.Measured = time.Now().UTC()
	return c, writeCalibration(path, c)
}

// readCalibration returns nothing where there is none, or a damaged one.
func readCalibration(path string) (calibration, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return calibration{}, nil
	}
	if err != nil {
		return calibration{}, fmt.Errorf("read the calibration: %w", err)
	}
	var c calibration
	if err := json.Unmarshal(text, &c); err != nil || !(c.Capacity > 0) || !(c.Reference > 0) {
		return calibration{}, nil //nolint:nilerr // measured anew
	}
	return c, nil
}

// holds says whether a calibration is still good on a machine of a pace.
func (c calibration) holds(now time.Duration) bool {
	return (c.Calm || c.Tries >= maxTries) && c.samePace(now)
}

// samePace allows what processors of one kind differ by, with their clocks.
func (c calibration) samePace(now time.Duration) bool {
	return c.Pace > 0 && float64(now) < otherPace*float64(c.Pace) && float64(c.Pace) < otherPace*float64(now)
}

// How pace is measured: the best of many short tries, which a busy neighbour
// does not reach.
const (
	paceWork  = 256 << 10 // bytes
	paceTries = 150
	otherPace = 1.4
)

// pace is how long this machine takes for a fixed piece of work.
func pace() time.Duration {
	work := make([]byte, paceWork)
	best := time.Duration(math.MaxInt64)
	for range paceTries {
		began := time.Now()
		sha256.Sum256(work)
		best = min(best, time.Since(began))
	}
	return best
}

func writeCalibration(path string, c calibration) error {
	text, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("encode the calibration: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make the calibration folder: %w", err)
	}
	fresh := path + ".new"
	if err := os.WriteFile(fresh, text, 0o644); err != nil {
		return fmt.Errorf("write the calibration: %w", err)
	}
	if err := os.Rename(fresh, path); err != nil {
		return fmt.Errorf("keep the calibration: %w", err)
	}
	return nil
}

// calibrationPath names a calibration by the machine and all that was measured.
func (r *run) calibrationPath(starter, reference workspace.Binary) (string, error) {
	name, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("name this machine: %w", err)
	}
	asked, err := json.Marshal(struct {
		Requests []challenges.Request
		Phases   []challenges.Phase
		Targets  []challenges.Target
	}{r.job.Challenge.Requests, r.job.Challenge.Phases, r.job.Challenge.Targets})
	if err != nil {
		return "", fmt.Errorf("name the load: %w", err)
	}
	h := sha256.New()
	fmt.Fprintf(h, "3\x00%s\x00%d\x00%s\x00%s\x00%s", name, runtime.GOMAXPROCS(0), starter.Hash, reference.Hash, asked)
	return filepath.Join(r.cache, "calibration", r.job.Challenge.Slug+"-"+hex.EncodeToString(h.Sum(nil))[:16]+".json"), nil
}

// capacity is what the starter answers per second when it always has enough to
// do, and whether the machine was ours meanwhile. This one measurement is a
// closed loop: it asks how much, not how fast.
func (r *run) capacity(ctx context.Context, starter workspace.Binary, template string, tries int) (best float64, calm bool, err error) {
	s, err := start(ctx, filepath.Join(r.dir, "capacity"), service{
		name: "before", launcher: r.launcher(), binary: starter, trusted: starter, template: template, line: func(string, string) {},
	})
	if err != nil {
		return 0, false, err
	}
	defer s.stop()
	rng := r.rng(streamCalibration)
	var mu sync.Mutex // connections ask at once
	var broken error
	next := func() load.Prepared {
		mu.Lock()
		defer mu.Unlock()
		d := r.mix.Draw(rng)
		raw, err := load.Prepare(d.Method, host, d.Path, d.Header, d.Body)
		if err != nil {
			broken = err
		}
		return load.Prepared{Class: d.Class, Raw: raw}
	}
	s.client.Saturate(ctx, next, saturateConns, saturateWarm)
	for try := 0; try < tries && !calm; try++ {
		machine, stolenBefore, service := duel.Busy(), duel.Stolen(), s.process.CPU()
		got := s.client.Saturate(ctx, next, saturateConns, saturateFor)
		switch {
		case ctx.Err() != nil:
			return 0, false, ctx.Err()
		case broken != nil:
			return 0, false, fmt.Errorf("prepare a request: %w", broken)
		case s.process.Ended():
			return 0, false, s.fell("under calibration")
		case got.Completed == 0 || got.Errors*100 > got.Completed:
			return 0, false, fmt.Errorf("the starter answered %d requests, %d of them with errors", got.Completed, got.Errors)
		}
		ours := s.process.CPU() - service + got.CPU
		others := duel.Busy() - machine - ours + duel.Stolen() - stolenBefore
		calm = float64(others) < calmShare*float64(got.Took)*float64(runtime.NumCPU())
		best = max(best, float64(got.Completed)/got.Took.Seconds())
	}
	return best, calm, nil
}

// referenceRatio measures the reference solution as a learner's fix is measured.
func (r *run) referenceRatio(ctx context.Context, starter, reference workspace.Binary, template string, capacity float64) (float64, error) {
	dir := filepath.Join(r.dir, "reference")
	quiet := func(string, string) {}
	before, err := start(ctx, dir, service{name: "before", launcher: r.launcher(), binary: starter, trusted: starter, template: template, line: quiet})
	if err != nil {
		return 0, err
	}
	defer before.stop()
	after, err := start(ctx, dir, service{name: "after", launcher: r.launcher(), binary: reference, trusted: starter, template: template, line: quiet})
	if err != nil {
		return 0, err
	}
	defer after.stop()
	c := &contest{
		plan: duel.NewPlan(capacity*r.at(), referenceBudget, 0), sides: [2]*side{before, after}, mix: r.mix,
		rng: r.rng(streamCalibration), live: duel.NewLive(requestTimeout), touched: check.NewTouched(r.mix),
	}
	m, err := c.run(ctx)
	if err != nil {
		return 0, err
	}
	j := judge{run: r, plan: c.plan}
	ratio, err := j.goal(m.Pairs)
	if err != nil {
		return 0, err
	}
	if ratio.Ratio <= 1 {
		return 0, fmt.Errorf("the reference solution is no better than the starter here (%.2f×): either this machine was too busy, or the challenge cannot be shown on it", ratio.Ratio)
	}
	return ratio.Ratio, nil
}
