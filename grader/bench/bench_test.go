package bench

import (
	"bufio"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/p95lab/p95lab/grader/load"
	"github.com/p95lab/p95lab/grader/stats"
)

// The files are what the tools printed: wrk 4.1 and k6 1.8 on a page that is not
// there, k6 with too few users, Vegeta 12.13 on one page of two.
func TestParseWhatOthersPrint(t *testing.T) {
	for _, tc := range []struct {
		file  string
		parse func([]byte) (found, error)
		want  found
	}{
		{"wrk.txt", parseWrk, found{Requests: 1232, Errors: 1232, Latency: Quantiles{1.096, 6.302, 10.949}}},
		{"vegeta.json", parseVegeta, found{Requests: 20, Errors: 10, Latency: Quantiles{1.565911, 8.138463, 8.851891}}},
		{"k6.json", parseK6, found{Requests: 664, Errors: 664, Dropped: 837, Latency: Quantiles{1.0557925, 5.30570615, 9.995315230000003}}},
	} {
		text, err := os.ReadFile(filepath.Join("testdata", tc.file))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := tc.parse(text); err != nil || got != tc.want {
			t.Errorf("%s: %+v, %v", tc.file, got, err)
		}
		for _, bad := range []string{"", "{}", "\n{", "null", "Running 1s test", string(text[:len(text)/2])} {
			if got, err := tc.parse([]byte(bad)); err == nil {
				t.Errorf("%s: %.20q was read as %+v", tc.file, bad, got)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"wrk.txt", "vegeta.json", "k6.json"} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(_ *testing.T, out []byte) {
		for _, r := range rivals() {
			_, _ = r.parse(out) // must come back
		}
	})
}

func TestTruth(t *testing.T) {
	for _, tc := range []struct {
		shape         Shape
		p50, p95, p99 float64
		within        float64
	}{
		{Steady, 20, 20, 20, 1e-9},
		// 15 % lie evenly in 70 to 90: P95 is a third from the top of it, P99 a
		// fifteenth. P50 is 0.5/0.85 of the way from 18 to 22.
		{Bimodal, 18 + 4*0.5/0.85, 90 - 20*5/15.0, 90 - 20/15.0, 0.05},
		// A tenth waits for up to 200 ms, and then takes 5; and those that the
		// stop catches in their 5 ms wait for all of it.
		{Stalling, 5, 110, 190, 2.1},
	} {
		q := tc.shape.Truth(500, 10*time.Second)
		for name, v := range map[string][2]float64{"P50": {q.P50, tc.p50}, "P95": {q.P95, tc.p95}, "P99": {q.P99, tc.p99}} {
			if math.Abs(v[0]-v[1]) > tc.within {
				t.Errorf("%s: %s is %.3f, want %.3f", tc.shape, name, v[0], v[1])
			}
		}
	}
	// A stall ends for all at once, and nobody is answered within it.
	for at := time.Duration(0); at < 2*stallEvery; at += time.Millisecond {
		due := Stalling.due(at, 0)
		if running(due) != due || due < at+quickTime || due > at+stallFor+2*quickTime {
			t.Fatalf("who comes at %v is answered at %v", at, due)
		}
	}
}

// The timed service must keep what it promises, or it is no truth: an early
// answer is a fault whatever the machine does.
func TestTimedIsNeverEarly(t *testing.T) {
	in, ask := io.Pipe()
	answers, out := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- Part(context.Background(), partTimed, `{"shape":"bimodal"}`, in, out) }()
	s := service{in: ask}
	s.out = bufio.NewReader(answers)
	var hello struct{ Addr string }
	if err := s.read(&hello); err != nil {
		t.Fatal(err)
	}
	c := load.Dial(hello.Addr, load.Options{})
	raw, err := load.Prepare("GET", "bench", "/", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var plan []load.Arrival
	for _, at := range load.Constant(200, 300*time.Millisecond) {
		plan = append(plan, load.Arrival{At: at})
	}
	r, err := c.Slice(t.Context(), []load.Prepared{{Raw: raw}}, plan, nil)
	if err != nil {
		t.Fatal(err)
	}
	// Which draw a request got depends on the order in which they were read, so
	// the sorted ones are compared.
	var got, want []time.Duration
	for i, x := range r.Samples {
		if x.Err != nil {
			t.Fatal(x.Err)
		}
		got, want = append(got, x.Done-x.Sent), append(want, Bimodal.due(0, int64(i)))
	}
	slices.Sort(got)
	slices.Sort(want)
	for i := range got {
		if got[i] < want[i] {
			t.Errorf("the %d. answer took %v, want %v or more", i, got[i], want[i])
		}
	}
	c.Close()
	_ = ask.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestPaceOf(t *testing.T) {
	even := load.Constant(1000, time.Second)
	p := paceOf(even, 1000)
	if p.kept != 1 || p.bursts != 0 || stats.Quantile(p.late, 0.99) > 0.001 {
		t.Errorf("an even pace: %.3f kept, %.3f in bursts, P99 %.3f ms late", p.kept, p.bursts, stats.Quantile(p.late, 0.99))
	}
	// Every ten leave together at the end of their 10 ms.
	var bursts []time.Duration
	for i := range even {
		bursts = append(bursts, time.Duration(i/10+1)*10*time.Millisecond)
	}
	p = paceOf(bursts, 1000)
	if p.kept != 0 || math.Abs(p.bursts-0.9) > 0.01 || math.Abs(stats.Quantile(p.late, 0.99)-9) > 0.01 {
		t.Errorf("bursts: %.3f kept, %.3f in bursts, P99 %.3f ms late", p.kept, p.bursts, stats.Quantile(p.late, 0.99))
	}
	if p := paceOf(nil, 1000); p.kept != 0 {
		t.Errorf("no arrivals: %+v", p)
	}
}

func TestTrialsResume(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trials")
	o := AAOptions{Budget: 10 * time.Second, Out: path}
	trial := func(factor float64, seed uint64) Trial {
		return Trial{Factor: factor, Seed: seed, Budget: 10, Rate: 100, All: Reading{Ratio: 1, Typical: 1, Low: 0.9, High: 1.1, Decision: "no difference"}}
	}
	for i, f := range []float64{1, 1.1} {
		if err := appendTrial(path, trial(f, uint64(i))); err != nil {
			t.Fatal(err)
		}
	}
	// The power went while a line was written.
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = io.WriteString(file, `{"factor":1.3,"seed":`)
	}
	if err = errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
	got, err := readTrials(o)
	if err != nil || len(got) != 2 {
		t.Fatalf("%d trials, %v", len(got), err)
	}
	if err := appendTrial(path, trial(1.3, 7)); err != nil {
		t.Fatal(err)
	}
	got, err = readTrials(o)
	if err != nil || len(got) != 3 || got[2].Factor != 1.3 || got[2].Seed != 7 || count(got, 1.1) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, other := range []AAOptions{{Budget: 5 * time.Second, Out: path}, {Budget: 10 * time.Second, Busy: true, Out: path}} {
		if _, err := readTrials(other); err == nil {
			t.Errorf("%+v went on from trials of another kind", other)
		}
	}
	for _, bad := range []string{"{}\n", "no\n", "{\"factor\":1}\n"} {
		if _, err := decodeTrials(strings.NewReader(bad)); err == nil {
			t.Errorf("%q was taken for a trial", bad)
		}
	}
	if none, err := readTrials(AAOptions{Out: path + ".none"}); err != nil || none != nil {
		t.Errorf("no file: %v, %v", none, err)
	}
}

func TestSumHoldsTheBounds(t *testing.T) {
	var trials []Trial
	add := func(factor, ratio float64, decision string) {
		trials = append(trials, Trial{Factor: factor, All: Reading{Ratio: ratio, Typical: ratio, Low: ratio / 1.05, High: ratio * 1.05, Decision: decision}})
	}
	for range 10 {
		add(1, 1.01, "no difference")
		add(1, 0.99, "no difference")
		add(1.1, 0.91, "worse")
		add(1.1, 0.91, "worse")
		add(1.3, 0.77, "worse")
		add(1.3, 0.77, "worse")
	}
	for _, b := range sum(AAOptions{}, trials).Bounds {
		if !b.Held {
			t.Errorf("%+v", b)
		}
	}
	// Each fault must be seen: a false alarm in ten, and a miss.
	trials[0].All.Decision, trials[6].All.Decision = "better", "worse"
	trials[2].All.Decision, trials[8].All.Decision = "better", "no difference"
	trials[4].All.Decision = "no difference"
	missed := 0
	for _, b := range sum(AAOptions{}, trials).Bounds {
		if !b.Held {
			missed++
		}
	}
	if missed != 3 {
		t.Errorf("%d bounds are missed, want 3", missed)
	}
}

func TestPlotsAreWellFormed(t *testing.T) {
	truth := Truth{Rows: []TruthRow{{Shape: Steady, Name: "a<b", P50: Spread{Median: 21}, Truth: Quantiles{20, 20, 20}}}}
	for _, p := range []Plot{
		Pace{Rows: []PaceRow{{Name: "k6", Late: []float64{0, 0.1, math.Inf(1)}}, {Name: "none"}}}.Plot(),
		truth.Plot(), AA{Trials: []Trial{{Factor: 1, All: Reading{Ratio: 1.01}}}}.Plot(), Pace{}.Plot(), AA{}.Plot(),
	} {
		var b strings.Builder
		if err := p.SVG(&b); err != nil {
			t.Fatal(err)
		}
		for d := xml.NewDecoder(strings.NewReader(b.String())); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v\n%s", p.Name, err, b.String())
			}
		}
		if strings.Contains(b.String(), "NaN") {
			t.Errorf("%s draws what is no number\n%s", p.Name, b.String())
		}
	}
}

// The draws of work must have the distribution that they claim, as the same
// number costs the same everywhere.
func TestWeight(t *testing.T) {
	var all []float64
	for n := range uint64(20_000) {
		all = append(all, weight(n))
	}
	q := quantiles(all)
	if math.Abs(q.P50-1) > 0.03 || math.Abs(q.P95/math.Exp(0.5*1.645)-1) > 0.03 {
		t.Errorf("P50 %.3f, P95 %.3f", q.P50, q.P95)
	}
	for text, want := range map[string]uint64{"GET /17 HTTP/1.1\r\n": 17, "GET /18446744073709551615 HTTP/1.1": math.MaxUint64} {
		if n, ok := number([]byte(text)); !ok || n != want {
			t.Errorf("%q is %d, %v", text, n, ok)
		}
	}
	for _, text := range []string{"", "GET /", "GET / HTTP/1.1", "GET /x HTTP/1.1", "POST /1 HTTP/1.1", "GET /-1 HTTP/1.1"} {
		if n, ok := number([]byte(text)); ok {
			t.Errorf("%q is %d", text, n)
		}
	}
}
