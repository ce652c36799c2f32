package load

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

func TestTimeout(t *testing.T) {
	release := make(chan struct{})
	addr := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	defer close(release)
	const limit = 100 * time.Millisecond
	c := dial(t, addr, Options{MaxConns: 2, Timeout: limit})
	at := Constant(200, 50*time.Millisecond) // 10 requests on 2 connections
	r, err := c.Slice(t.Context(), []Prepared{get(t, "/")}, arrivals(at), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range r.Samples {
		if !errors.Is(s.Err, ErrTimeout) || s.Latency() != limit || s.Intended != at[i] {
			t.Errorf("request %d: %v after %v", i, s.Err, s.Latency())
		}
	}
}

// A drip of bytes keeps a connection alive, not a request.
func TestTimeoutHoldsAgainstDrip(t *testing.T) {
	c := dial(t, serveRaw(t, func(nc net.Conn) {
		if !readRequest(bufio.NewReader(nc)) {
			return
		}
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for s := "HTTP/1.1 200 OK\r\nX: "; ; s = "x" {
			if _, err := io.WriteString(nc, s); err != nil {
				return
			}
			<-tick.C
		}
	}), Options{Timeout: 60 * time.Millisecond})
	if s := c.Do(t.Context(), get(t, "/")); !errors.Is(s.Err, ErrTimeout) {
		t.Errorf("got %v", s.Err)
	}
}

// The deadline of one request must not strike the next on its connection.
func TestConnectionOutlivesOldDeadline(t *testing.T) {
	const limit = 80 * time.Millisecond
	var conns atomic.Int64
	addr := serveRaw(t, func(nc net.Conn) {
		conns.Add(1)
		answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")(nc)
	})
	c := dial(t, addr, Options{MaxConns: 1, Timeout: limit})
	at := Constant(50, 4*limit)
	at = append(at, 7*limit) // idle for longer than the deadline
	r, err := c.Slice(t.Context(), []Prepared{get(t, "/")}, arrivals(at), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range r.Samples {
		if s.Err != nil {
			t.Errorf("request %d: %v", i, s.Err)
		}
	}
	if conns.Load() != 1 {
		t.Errorf("%d connections were used", conns.Load())
	}
}

func TestCloseEndsEverything(t *testing.T) {
	before := runtime.NumGoroutine()
	entered := make(chan struct{}, 100)
	release := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { entered <- struct{}{}; <-release }))
	c := Dial(s.Listener.Addr().String(), Options{MaxConns: 3, Timeout: time.Minute})
	if err := c.Warm(2); err != nil {
		t.Fatal(err)
	}
	got := make(chan Report)
	go func() {
		r, _ := c.Slice(context.Background(), []Prepared{get(t, "/")}, arrivals(Constant(1000, 20*time.Millisecond)), nil)
		got <- r
	}()
	for range 3 {
		<-entered
	}
	c.Close()
	for i, s := range (<-got).Samples {
		if !errors.Is(s.Err, ErrClosed) {
			t.Errorf("request %d: %v", i, s.Err)
		}
	}
	if s := c.Do(context.Background(), get(t, "/")); !errors.Is(s.Err, ErrClosed) {
		t.Errorf("after Close a request gave %v", s.Err)
	}
	if err := c.Warm(1); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close warming gave %v", err)
	}
	c.Close() // again, which must not hang
	close(release)
	s.Close()
	waitFor(t, func() bool { return runtime.NumGoroutine() <= before })
}

func TestContextCutsOff(t *testing.T) {
	entered := make(chan struct{}, 100)
	addr := serve(t, func(_ http.ResponseWriter, r *http.Request) { entered <- struct{}{}; <-r.Context().Done() })
	c := dial(t, addr, Options{MaxConns: 2, Timeout: time.Minute})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-entered; cancel() }()
	r, err := c.Slice(ctx, []Prepared{get(t, "/")}, arrivals([]time.Duration{0, 0, 0, time.Hour}), nil)
	if !errors.Is(err, context.Canceled) || len(r.Samples) != 4 {
		t.Fatalf("%d samples, %v", len(r.Samples), err)
	}
	for i, s := range r.Samples {
		if !errors.Is(s.Err, context.Canceled) {
			t.Errorf("request %d: %v", i, s.Err)
		}
	}
	ctx, cancel = context.WithCancel(t.Context())
	go func() { <-entered; cancel() }()
	if s := c.Do(ctx, get(t, "/")); !errors.Is(s.Err, context.Canceled) {
		t.Errorf("Do gave %v", s.Err)
	}
}

func TestSliceRefusesNonsense(t *testing.T) {
	c := dial(t, "127.0.0.1:1", Options{})
	reqs := []Prepared{get(t, "/")}
	for _, a := range [][]Arrival{{{At: 0, Request: 1}}, {{At: 0, Request: -1}}, {{At: 2}, {At: 1}}, {{At: -1}}} {
		if _, err := c.Slice(t.Context(), reqs, a, nil); err == nil {
			t.Errorf("%v was accepted", a)
		}
	}
	if r, err := c.Slice(t.Context(), nil, nil, nil); err != nil || len(r.Samples) != 0 {
		t.Errorf("an empty slice gave %v, %v", r, err)
	}
}

func TestSliceKeepsOrderAndCounts(t *testing.T) {
	addr := serve(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path) })
	c := dial(t, addr, Options{MaxConns: 8})
	var reqs []Prepared
	for i := range 7 {
		p := get(t, fmt.Sprintf("/%d", i))
		p.ID, p.Class = 100+i, i%2
		reqs = append(reqs, p)
	}
	var plan []Arrival
	for i, at := range Poisson(rand.New(rand.NewPCG(1, 2)), 2000, 200*time.Millisecond) {
		plan = append(plan, Arrival{At: at, Request: i % 7})
	}
	told := 0
	r, err := c.Slice(t.Context(), reqs, plan, func(Sample) { told++ })
	if err != nil {
		t.Fatal(err)
	}
	if told != len(plan) || len(r.Samples) != len(plan) {
		t.Errorf("%d were told and %d recorded of %d", told, len(r.Samples), len(plan))
	}
	for i, s := range r.Samples {
		want := fmt.Sprintf("/%d", i%7)
		if s.Err != nil || string(s.Body) != want || s.ID != 100+i%7 || s.Class != i%7%2 || s.Intended != plan[i].At || s.Sent < s.Intended {
			t.Fatalf("sample %d is %+v, want %s", i, s, want)
		}
	}
	if len(r.Late) == 0 || r.Took < plan[len(plan)-1].At {
		t.Errorf("%d lateness figures, took %v", len(r.Late), r.Took)
	}
}
