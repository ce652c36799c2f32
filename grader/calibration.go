package grader

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/p95lab/p95lab/challenges"
	"github.com/p95lab/p95lab/grader/check"
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
	// Speed is the machine's when it was calibrated. Each run looks at it: a
	// machine may keep its name and change its processors or their limit.
	Speed    float64   `json:"speed"`
	Measured time.Time `json:"measured"`
}

// How long a calibration looks.
const (
	saturateWarm    = 500 * time.Millisecond
	saturateFor     = 2500 * time.Millisecond
	saturateConns   = 16
	referenceBudget = 6 * time.Second
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
	now := speed()
	if known, err := readCalibration(path, now); err != nil {
		return calibration{}, err
	} else if known != nil {
		return *known, nil
	}

	r.enter(verdict.Start, "calibrating, once for this machine: what the starter can carry")
	c := calibration{Speed: now}
	if c.Capacity, err = r.capacity(ctx, starter, template); err != nil {
		return calibration{}, fmt.Errorf("calibrate the starter: %w", err)
	}
	r.enter(verdict.Start, "calibrating, once for this machine: what the reference gains")
	if c.Reference, err = r.referenceRatio(ctx, starter, reference, template, c.Capacity); err != nil {
		return calibration{}, fmt.Errorf("calibrate the reference: %w", err)
	}
	c.Measured = time.Now().UTC()
	return c, writeCalibration(path, c)
}

// readCalibration returns what was kept, nil if that is nothing, was damaged, or
// is of a machine of another speed.
func readCalibration(path string, now float64) (*calibration, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // there is none, which is no error
	}
	if err != nil {
		return nil, fmt.Errorf("read the calibration: %w", err)
	}
	var c calibration
	if err := json.Unmarshal(text, &c); err != nil || !(c.Capacity > 0) || !(c.Reference > 0) || !sameSpeed(c.Speed, now) {
		return nil, nil //nolint:nilerr,nilnil // it is measured anew
	}
	return &c, nil
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
	fmt.Fprintf(h, "1\x00%s\x00%d\x00%s\x00%s\x00%s", name, runtime.GOMAXPROCS(0), starter.Hash, reference.Hash, asked)
	return filepath.Join(r.cache, "calibration", r.job.Challenge.Slug+"-"+hex.EncodeToString(h.Sum(nil))[:16]+".json"), nil
}

// capacity is what the starter answers per second when it always has enough to
// do. This one measurement is a closed loop: it asks how much, not how fast.
func (r *run) capacity(ctx context.Context, starter workspace.Binary, template string) (float64, error) {
	s, err := start(ctx, filepath.Join(r.dir, "capacity"), service{
		name: "before", binary: starter, trusted: starter, template: template, line: func(string, string) {},
	})
	if err != nil {
		return 0, err
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
	got := s.client.Saturate(ctx, next, saturateConns, saturateFor)
	switch {
	case ctx.Err() != nil:
		return 0, ctx.Err()
	case broken != nil:
		return 0, fmt.Errorf("prepare a request: %w", broken)
	case s.process.Ended():
		return 0, s.fell("under calibration")
	case got.Completed == 0 || got.Errors*100 > got.Completed:
		return 0, fmt.Errorf("the starter answered %d requests, %d of them with errors", got.Completed, got.Errors)
	}
	return float64(got.Completed) / got.Took.Seconds(), nil
}

// referenceRatio measures the reference solution as a learner's fix is measured.
func (r *run) referenceRatio(ctx context.Context, starter, reference workspace.Binary, template string, capacity float64) (float64, error) {
	dir := filepath.Join(r.dir, "reference")
	quiet := func(string, string) {}
	before, err := start(ctx, dir, service{name: "before", binary: starter, trusted: starter, template: template, line: quiet})
	if err != nil {
		return 0, err
	}
	defer before.stop()
	after, err := start(ctx, dir, service{name: "after", binary: reference, trusted: starter, template: template, line: quiet})
	if err != nil {
		return 0, err
	}
	defer after.stop()
	d := &duel{
		plan: newPlan(capacity*r.at(), referenceBudget), sides: [2]*side{before, after}, mix: r.mix,
		rng: r.rng(streamCalibration), live: newLive(), touched: check.NewTouched(r.mix), weather: newWeather(),
	}
	m, err := d.run(ctx)
	if err != nil {
		return 0, err
	}
	j := judge{run: r, plan: d.plan}
	ratio, err := j.goal(m.pairs)
	if err != nil {
		return 0, err
	}
	if ratio.Ratio <= 1 {
		return 0, fmt.Errorf("the reference solution is no better than the starter here (%.2f×): either this machine was too busy, or the challenge cannot be shown on it", ratio.Ratio)
	}
	return ratio.Ratio, nil
}
