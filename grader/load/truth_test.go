package load

import (
	"bytes"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

func TestPoisson(t *testing.T) {
	const rate, d = 1000.0, 20 * time.Second
	at := Poisson(rand.New(rand.NewPCG(1, 1)), rate, d)
	if !slices.IsSorted(at) || at[0] < 0 || at[len(at)-1] >= d {
		t.Fatal("arrivals are out of order or out of bounds")
	}
	// The count has a deviation of sqrt(20,000), 0.7 %.
	if n := float64(len(at)); math.Abs(n/(rate*d.Seconds())-1) > 0.03 {
		t.Errorf("%v arrivals", n)
	}
	// Of exponential gaps a share of 1-1/e is below the mean, and the deviation
	// equals the mean.
	below, sum, squares := 0, 0.0, 0.0
	for i := 1; i < len(at); i++ {
		gap := (at[i] - at[i-1]).Seconds() * rate
		if gap < 1 {
			below++
		}
		sum += gap
		squares += gap * gap
	}
	n := float64(len(at) - 1)
	if share := float64(below) / n; math.Abs(share-(1-1/math.E)) > 0.02 {
		t.Errorf("a share of %.3f of the gaps is below the mean", share)
	}
	if v := squares/n - sum*sum/n/n; math.Abs(v-1) > 0.06 {
		t.Errorf("the gaps' variance is %.3f of the mean's square", v)
	}
	if !slices.Equal(at, Poisson(rand.New(rand.NewPCG(1, 1)), rate, d)) {
		t.Error("equal seeds drew different arrivals")
	}
	for _, bad := range []float64{0, -1, math.NaN(), math.Inf(1)} {
		if Poisson(rand.New(rand.NewPCG(1, 1)), bad, d) != nil || Constant(bad, d) != nil {
			t.Errorf("rate %v made arrivals", bad)
		}
	}
}

func TestConstant(t *testing.T) {
	at := Constant(4, time.Second)
	if want := []time.Duration{0, 250 * time.Millisecond, 500 * time.Millisecond, 750 * time.Millisecond}; !slices.Equal(at, want) {
		t.Errorf("got %v", at)
	}
}

// The model of the stall: the server stops for 200 ms in every second, and
// whoever arrives meanwhile waits for its end. A generator that counts from the
// sending on a busy connection, or sends less while it waits, reads a fraction
// of this. A busy machine adds to the truth, so the best of three attempts is
// held to the upper bound; nothing takes away from it.
func TestStallIsChargedFromIntendedStart(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 4 s or more")
	}
	const period, stall = time.Second, 200 * time.Millisecond
	into := func(since time.Duration) time.Duration { return (since + period/2) % period }
	var began atomic.Pointer[time.Time]
	addr := serve(t, func(http.ResponseWriter, *http.Request) {
		if phase := into(time.Since(*began.Load())); phase < stall {
			time.Sleep(stall - phase) // it is the service under test that stalls
		}
	})
	for _, conns := range []int{4, 256} { // with a queue, and without
		best := math.Inf(1)
		for range 3 {
			now := time.Now()
			began.Store(&now)
			c := dial(t, addr, Options{MaxConns: conns})
			at := Constant(250, 2*period)
			offset := time.Since(now)
			r, err := c.Slice(t.Context(), []Prepared{get(t, "/")}, arrivals(at), nil)
			if err != nil {
				t.Fatal(err)
			}
			var got, truth []time.Duration
			for i, s := range r.Samples {
				if s.Err != nil {
					t.Fatal(s.Err)
				}
				got = append(got, s.Latency())
				truth = append(truth, max(0, stall-into(at[i]+offset)))
			}
			worst := 0.0
			for _, q := range []float64{0.95, 0.99} { // three quarters of the stall, and nearly all
				ratio := float64(quantile(got, q)) / float64(quantile(truth, q))
				worst = max(worst, ratio)
				t.Logf("%d connections: P%.0f %v, ratio to the truth %.3f", conns, q*100, quantile(got, q), ratio)
				if ratio < 0.97 {
					t.Errorf("%d connections: P%.0f is %.3f of the truth", conns, q*100, ratio)
				}
			}
			if best = min(best, worst); best < 1.05 {
				break
			}
		}
		if best > 1.05 {
			t.Errorf("%d connections: at best %.3f of the truth", conns, best)
		}
	}
}

// Requests must leave when they should: with the truth of the gaps, not in
// bursts. The bound is a ratio of two lateness figures of this machine, as a
// busy one delays both.
func TestPacerIsNoLaterThanTheRuntimesTimers(t *testing.T) {
	addr := serveRaw(t, answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
	c := dial(t, addr, Options{})
	if err := c.Warm(16); err != nil {
		t.Fatal(err)
	}
	at := Poisson(rand.New(rand.NewPCG(3, 3)), 1000, 500*time.Millisecond)
	best := math.Inf(1)
	for range 5 { // one quiet attempt is enough
		r, err := c.Slice(t.Context(), []Prepared{get(t, "/")}, arrivals(at), nil)
		if err != nil {
			t.Fatal(err)
		}
		var naive []time.Duration
		start := time.Now()
		for _, a := range at {
			time.Sleep(a - time.Since(start))
			naive = append(naive, time.Since(start)-a)
		}
		best = min(best, float64(quantile(r.Late, 0.5))/float64(quantile(naive, 0.5)))
		if best < 1 {
			return
		}
	}
	t.Errorf("the pacer's median lateness is %.2f of that of time.Sleep", best)
}

func TestSaturateCountsWhatIsCompleted(t *testing.T) {
	// The server answers one request at a time, so a second connection adds
	// nothing, and P50 doubles.
	turn := make(chan struct{}, 1)
	addr := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		turn <- struct{}{}
		time.Sleep(2 * time.Millisecond) // the service under test
		<-turn
		_, _ = io.WriteString(w, "ok")
	})
	c := dial(t, addr, Options{})
	next := func() Prepared { return get(t, "/") }
	one := c.Saturate(t.Context(), next, 1, 400*time.Millisecond)
	four := c.Saturate(t.Context(), next, 4, 400*time.Millisecond)
	if one.Errors+four.Errors != 0 || one.Completed != len(one.Latencies) || one.Took != 400*time.Millisecond {
		t.Fatalf("%+v, %+v", one, four)
	}
	if ratio := float64(four.Completed) / float64(one.Completed); ratio < 0.6 || ratio > 1.7 {
		t.Errorf("four connections completed %.2f times what one did", ratio)
	}
	if ratio := float64(quantile(four.Latencies, 0.5)) / float64(quantile(one.Latencies, 0.5)); ratio < 2 || ratio > 8 {
		t.Errorf("four connections waited %.2f times as long as one", ratio)
	}
}

// A server can send anything. The client must come back with a sample, and a
// body within the limit.
func FuzzAnswer(f *testing.F) {
	for _, s := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: y\r\n\r\n",
		"HTTP/1.0 200 OK\r\n\r\nuntil the end",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 None\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Add([]byte("HTTP/1.1 004 \r\nContent-Length: 0\r\n\r\n")) // was taken for an answer of status 4
	const limit = 4 << 10
	f.Fuzz(func(t *testing.T, raw []byte) {
		client, server := net.Pipe()
		c := Dial("unused", Options{BodyLimit: limit})
		defer c.Close()
		k := newConn(c, client)
		p := Prepared{Raw: []byte("GET / HTTP/1.1\r\n\r\n"), KeepBody: true}
		r := newRun(time.Now(), []Prepared{p}, 1, nil)
		c.mu.Lock()
		c.slots++
		c.all[k] = struct{}{}
		k.take(r.job(0, 0, 0, time.Minute))
		c.mu.Unlock()
		c.owned.Go(func() { k.serve(k.job) })
		if _, err := io.ReadFull(server, make([]byte, len(p.Raw))); err != nil {
			t.Fatal(err)
		}
		// A write that the client does not take ends when it hangs up.
		_, _ = server.Write(raw)
		_ = server.Close()
		<-r.done
		s := r.samples[0]
		if s.Err == nil && (s.Status < 100 || s.Status > 599 || s.Bytes > limit || len(s.Body) != s.Bytes) {
			t.Errorf("%q became %+v", raw, s)
		}
	})
}

// BenchmarkSaturated is the cost of one request at saturation, the responder's
// included; compare it with and without a change, never across machines.
func BenchmarkSaturated(b *testing.B) {
	addr := serveRaw(b, answerFast)
	c := dial(b, addr, Options{})
	p := get(b, "/")
	p.KeepBody = false
	for b.Loop() {
		s := c.Saturate(b.Context(), func() Prepared { return p }, 32, 500*time.Millisecond)
		b.ReportMetric(float64(s.Completed)/s.Took.Seconds(), "requests/s")
	}
}

// BenchmarkOpenLoop sends far more than can be answered, so that all waits in
// the queue: the cost of a slice's own path.
func BenchmarkOpenLoop(b *testing.B) {
	addr := serveRaw(b, answerFast)
	c := dial(b, addr, Options{MaxConns: 32, Timeout: time.Minute})
	p := get(b, "/")
	p.KeepBody = false
	const n = 50_000
	plan := make([]Arrival, n)
	b.ReportAllocs()
	for b.Loop() {
		r, err := c.Slice(b.Context(), []Prepared{p}, plan, nil)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(n/r.Took.Seconds(), "requests/s")
		b.ReportMetric(float64(r.CPU.Nanoseconds())/n, "cpu-ns/request")
	}
}

// BenchmarkLateness is how late requests leave at a rate at which connections
// are free.
func BenchmarkLateness(b *testing.B) {
	addr := serveRaw(b, answerFast)
	for _, rate := range []float64{500, 2000} {
		b.Run(time.Duration(float64(time.Second)/rate).String(), func(b *testing.B) {
			c := dial(b, addr, Options{})
			if err := c.Warm(32); err != nil {
				b.Fatal(err)
			}
			p := get(b, "/")
			plan := arrivals(Poisson(rand.New(rand.NewPCG(1, 1)), rate, 2*time.Second))
			for b.Loop() {
				r, err := c.Slice(b.Context(), []Prepared{p}, plan, nil)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(quantile(r.Late, 0.5).Microseconds()), "late-p50-µs")
				b.ReportMetric(float64(quantile(r.Late, 0.99).Microseconds()), "late-p99-µs")
			}
		})
	}
}

// answerFast is a bare responder.
func answerFast(nc net.Conn) {
	buf := make([]byte, 4096)
	out := []byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	for {
		n, err := nc.Read(buf)
		if err != nil || !bytes.HasSuffix(buf[:n], []byte("\r\n\r\n")) {
			return
		}
		if _, err := nc.Write(out); err != nil {
			return
		}
	}
}
