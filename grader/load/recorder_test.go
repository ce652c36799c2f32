package load

import (
	"context"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"slices"
	"testing"
	"time"
)

// What the recorder says must be what the sorted latencies say, to four figures.
func TestRecorderQuantiles(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	r := NewRecorder()
	var all []float64
	for range 5000 {
		d := time.Duration(math.Exp(rng.NormFloat64()*2) * float64(time.Millisecond))
		r.Record(d)
		all = append(all, float64(d)/1e6)
	}
	for range 50 {
		r.Fail()
		all = append(all, math.Inf(1))
	}
	slices.Sort(all)
	for _, q := range []float64{0, 0.5, 0.95, 0.99, 0.995, 1} {
		want, got := all[max(0, int(math.Ceil(q*float64(len(all))))-1)], r.Quantile(q)
		// A quarter of a microsecond is what is told apart at the least.
		if got != want && math.Abs(got-want) > 1e-4*want+0.0003 {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	edges := []float64{0.1, 1, 10, 100}
	want := make([]int, len(edges))
	for _, v := range all {
		i, _ := slices.BinarySearch(edges, v)
		want[min(i, len(edges)-1)]++
	}
	got := r.Histogram(edges)
	sum := 0
	for i := range got {
		sum += got[i]
		if math.Abs(float64(got[i]-want[i])) > 3 { // on an edge a value may fall to either side
			t.Errorf("histogram %v, want %v", got, want)
		}
	}
	if sum != len(all) || r.Count() != len(all) || r.Failed() != 50 {
		t.Errorf("%d in the histogram, %d counted, %d failed", sum, r.Count(), r.Failed())
	}

	twice := NewRecorder()
	for range 2 {
		if err := twice.Merge(r); err != nil {
			t.Fatal(err)
		}
	}
	if twice.Count() != 2*r.Count() || twice.Quantile(0.95) != r.Quantile(0.95) {
		t.Errorf("merged twice: %d with P95 %v", twice.Count(), twice.Quantile(0.95))
	}
	r.Reset()
	if r.Count() != 0 || !math.IsNaN(r.Quantile(0.5)) || len(r.Histogram(nil)) != 0 {
		t.Error("it is not empty after Reset")
	}
}

func TestRecorderTakesEveryLatency(t *testing.T) {
	r := NewRecorder()
	for _, d := range []time.Duration{-1, 0, 1, time.Hour, math.MaxInt64} {
		r.Record(d)
	}
	if r.Count() != 5 || r.Quantile(1) < 0.999*float64(time.Hour.Milliseconds()) {
		t.Errorf("%d recorded, the largest is %v ms", r.Count(), r.Quantile(1))
	}
}

func BenchmarkRecorder(b *testing.B) {
	r := NewRecorder()
	b.ReportAllocs()
	for i := range b.N {
		r.Record(time.Duration(i%5000) * time.Microsecond)
	}
}

// recordedSlice sends n requests at once to a server that allocates nothing
// itself, and records them.
func recordedSlice(tb testing.TB, n int) func() {
	raw, err := Prepare("GET", "test", "/", nil, nil)
	if err != nil {
		tb.Fatal(err)
	}
	addr := serveRaw(tb, func(nc net.Conn) {
		request, reply := make([]byte, len(raw)), []byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		for {
			if _, err := io.ReadFull(nc, request); err != nil {
				return
			}
			if _, err := nc.Write(reply); err != nil {
				return
			}
		}
	})
	c := dial(tb, addr, Options{MaxConns: 8})
	if err := c.Warm(8); err != nil {
		tb.Fatal(err)
	}
	r := NewRecorder()
	reqs, plan := []Prepared{{Raw: raw}}, arrivals(make([]time.Duration, n))
	return func() {
		report, err := c.Slice(context.Background(), reqs, plan, func(s Sample) { r.Record(s.Latency()) })
		if err != nil || report.Samples[0].Err != nil {
			tb.Fatal(err, report.Samples[0].Err)
		}
	}
}

// Sending, reading and recording a request allocates nothing: what a slice
// allocates is for all of its requests together.
func TestRequestsDoNotAllocate(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector's own allocations would count")
	}
	const n = 2000
	run := recordedSlice(t, n)
	run() // buffers grow to their size
	if each := testing.AllocsPerRun(5, run) / n; each > 0.1 {
		t.Errorf("%.2f allocations for each request", each)
	}
}

// What a request costs, recorded, client and server together: each iteration is
// one request of a slice of 1000.
func BenchmarkSlice(b *testing.B) {
	run := recordedSlice(b, 1000)
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n += 1000 {
		run()
	}
}
