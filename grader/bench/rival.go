package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// found is what a generator says of its own run.
type found struct {
	Requests int // completed, good or bad
	Errors   int
	Dropped  int // planned and never sent
	Latency  Quantiles
}

// order is one run of a generator.
type order struct {
	addr  string
	conns int
	rate  float64 // 0: as fast as the connections allow
	d     time.Duration
}

func (o order) url() string { return "http://" + o.addr + "/" }

func (o order) seconds() string {
	return strconv.FormatFloat(o.d.Seconds(), 'f', -1, 64) + "s"
}

// rival is another load generator.
type rival struct {
	name string
	open bool // it can send at a rate
	// command returns the arguments after the program's path, and its input.
	// Files may be written to dir.
	command func(o order, dir string) (args []string, stdin io.Reader, err error)
	parse   func(out []byte) (found, error)
}

// rivals are the generators that are known.
func rivals() []rival {
	return []rival{
		{"wrk", false, wrkCommand, parseWrk},
		{"vegeta", true, vegetaCommand, parseVegeta},
		{"k6", true, k6Command, parseK6},
	}
}

// Rival is a generator and where it is.
type Rival struct {
	Name string `json:"name"`
	Path string `json:"path"` // "" if it is not installed
	rival
}

// FindRivals looks for every known generator on the PATH.
func FindRivals() ([]Rival, error) {
	var out []Rival
	for _, r := range rivals() {
		path, err := exec.LookPath(r.name)
		if err != nil && !errors.Is(err, exec.ErrNotFound) {
			return nil, fmt.Errorf("look for %s: %w", r.name, err)
		}
		out = append(out, Rival{Name: r.name, Path: path, rival: r})
	}
	return out, nil
}

// run runs a rival to its end.
func (b Bench) rival(ctx context.Context, r Rival, where place, o order) (found, ran, error) {
	args, stdin, err := r.command(o, b.Dir)
	if err != nil {
		return found{}, ran{}, fmt.Errorf("prepare %s: %w", r.name, err)
	}
	// Vegeta's own clock of results would be a second process; its results go to
	// a file and are read afterwards, so that reading them costs it nothing.
	process, err := finish(ctx, where, stdin, append([]string{r.Path}, args...)...)
	if err != nil {
		return found{}, ran{}, err
	}
	out := process.out
	if r.name == "vegeta" {
		report, err := finish(ctx, place{cpu: -1}, nil, r.Path, "report", "-type=json", filepath.Join(b.Dir, "vegeta.bin"))
		if err != nil {
			return found{}, ran{}, err
		}
		out = report.out
	}
	f, err := r.parse(out)
	if err != nil {
		return found{}, ran{}, fmt.Errorf("read what %s printed: %w", r.name, err)
	}
	return f, process, nil
}

// wrkScript makes wrk print the quantiles that its own report leaves out.
const wrkScript = `done = function(s, l)
  io.write(string.format('{"requests":%d,"errors":%d,"p50_us":%d,"p95_us":%d,"p99_us":%d}\n',
    s.requests, s.errors.connect + s.errors.read + s.errors.write + s.errors.status + s.errors.timeout,
    l:percentile(50), l:percentile(95), l:percentile(99)))
end
`

func wrkCommand(o order, dir string) ([]string, io.Reader, error) {
	script := filepath.Join(dir, "wrk.lua")
	if err := os.WriteFile(script, []byte(wrkScript), 0o644); err != nil {
		return nil, nil, err
	}
	return []string{"-t1", "-c" + strconv.Itoa(o.conns), "-d" + o.seconds(), "-s", script, o.url()}, nil, nil
}

func parseWrk(out []byte) (found, error) {
	// The script's line comes after the report.
	i := bytes.LastIndex(out, []byte("\n{"))
	if i < 0 {
		return found{}, errors.New("the script's line is missing")
	}
	var v struct {
		Requests, Errors int
		P50              float64 `json:"p50_us"`
		P95              float64 `json:"p95_us"`
		P99              float64 `json:"p99_us"`
	}
	if err := json.Unmarshal(bytes.TrimSpace(out[i:]), &v); err != nil {
		return found{}, err
	}
	return found{Requests: v.Requests, Errors: v.Errors, Latency: Quantiles{v.P50 / 1e3, v.P95 / 1e3, v.P99 / 1e3}}, nil
}

func vegetaCommand(o order, dir string) ([]string, io.Reader, error) {
	args := []string{"attack", "-duration=" + o.seconds(), "-timeout=30s", "-output=" + filepath.Join(dir, "vegeta.bin")}
	if o.rate > 0 {
		args = append(args, "-rate="+strconv.FormatFloat(o.rate, 'f', -1, 64))
	} else {
		n := strconv.Itoa(o.conns)
		args = append(args, "-rate=0", "-workers="+n, "-max-workers="+n, "-connections="+n)
	}
	return args, strings.NewReader("GET " + o.url() + "\n"), nil
}

func parseVegeta(out []byte) (found, error) {
	var v struct {
		Latencies struct {
			P50 float64 `json:"50th"`
			P95 float64 `json:"95th"`
			P99 float64 `json:"99th"`
		}
		Requests int
		Success  *float64
	}
	if err := json.Unmarshal(out, &v); err != nil {
		return found{}, err
	}
	if v.Success == nil {
		return found{}, errors.New("it has no share of successes")
	}
	l := v.Latencies
	return found{
		Requests: v.Requests, Errors: int(float64(v.Requests)*(1-*v.Success) + 0.5),
		Latency: Quantiles{l.P50 / 1e6, l.P95 / 1e6, l.P99 / 1e6},
	}, nil
}

// k6Script is one request for each iteration, and the summary as JSON.
const k6Script = `import http from 'k6/http';
export const options = {
  scenarios: { s: %s },
  discardResponseBodies: true,
  summaryTrendStats: ['p(50)', 'p(95)', 'p(99)', 'count'],
};
export default function () { http.get('%s'); }
export function handleSummary(data) { return { stdout: JSON.stringify(data.metrics) }; }
`

// k6Users is how many virtual users k6 may use at a rate: more than are ever
// busy at once here.
const k6Users = 300

func k6Command(o order, dir string) ([]string, io.Reader, error) {
	scenario := map[string]any{"executor": "constant-vus", "vus": o.conns, "duration": o.seconds()}
	if o.rate > 0 {
		scenario = map[string]any{
			"executor": "constant-arrival-rate", "rate": o.rate, "timeUnit": "1s", "duration": o.seconds(),
			"preAllocatedVUs": k6Users, "maxVUs": k6Users,
		}
	}
	text, err := json.Marshal(scenario)
	if err != nil {
		return nil, nil, err
	}
	script := filepath.Join(dir, "k6.js")
	if err := os.WriteFile(script, fmt.Appendf(nil, k6Script, text, o.url()), 0o644); err != nil {
		return nil, nil, err
	}
	// Without an address k6 serves no control interface of its own.
	return []string{"run", "--quiet", "--no-usage-report", "--address=", script}, nil, nil
}

func parseK6(out []byte) (found, error) {
	var v map[string]struct{ Values map[string]float64 }
	if err := json.Unmarshal(out, &v); err != nil {
		return found{}, err
	}
	d, ok := v["http_req_duration"]
	if !ok {
		return found{}, errors.New("http_req_duration is missing")
	}
	return found{
		Requests: int(v["http_reqs"].Values["count"]), Errors: int(v["http_req_failed"].Values["passes"]),
		Dropped: int(v["dropped_iterations"].Values["count"]),
		Latency: Quantiles{d.Values["p(50)"], d.Values["p(95)"], d.Values["p(99)"]},
	}, nil
}
