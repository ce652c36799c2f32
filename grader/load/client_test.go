package load

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// serve starts a real HTTP server and returns its address.
func serve(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// serveRaw starts a server that hands each connection to handle.
func serveRaw(t testing.TB, handle func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer func() { _ = nc.Close() }()
				handle(nc)
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); all.Wait() })
	return l.Addr().String()
}

// readRequest reads one request without a body, and says whether there was one.
func readRequest(r *bufio.Reader) bool {
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return false
		}
		if line == "\r\n" {
			return true
		}
	}
}

// answer serves each request of a connection with the same bytes.
func answer(raw string) func(net.Conn) {
	return func(nc net.Conn) {
		for r := bufio.NewReader(nc); readRequest(r); {
			if _, err := io.WriteString(nc, raw); err != nil {
				return
			}
		}
	}
}

func dial(t testing.TB, addr string, o Options) *Client {
	t.Helper()
	c := Dial(addr, o)
	t.Cleanup(c.Close)
	return c
}

func get(t testing.TB, path string) Prepared {
	t.Helper()
	raw, err := Prepare("GET", "lab", path, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return Prepared{Raw: raw, KeepBody: true}
}

func arrivals(at []time.Duration) []Arrival {
	out := make([]Arrival, len(at))
	for i, d := range at {
		out[i].At = d
	}
	return out
}

func quantile(d []time.Duration, q float64) time.Duration {
	s := slices.Sorted(slices.Values(d))
	return s[max(0, int(math.Ceil(q*float64(len(s))))-1)]
}

func TestDoReadsAnswers(t *testing.T) {
	big := strings.Repeat("0123456789abcdef", 64<<10) // 1 MiB
	addr := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/length":
			w.Header().Set("Content-Length", "5")
			_, _ = io.WriteString(w, "hello")
		case "/chunked":
			for _, s := range []string{"he", "l", "lo"} {
				_, _ = io.WriteString(w, s)
				w.(http.Flusher).Flush()
			}
		case "/close":
			w.Header().Set("Connection", "close")
			_, _ = io.WriteString(w, "hello")
		case "/big":
			_, _ = io.WriteString(w, big)
		case "/echo":
			b, _ := io.ReadAll(r.Body)
			_, _ = w.Write(b)
		case "/redirect":
			http.Redirect(w, r, "/length", http.StatusFound)
		case "/none":
			w.WriteHeader(http.StatusNoContent)
		case "/fault":
			http.Error(w, "broken", http.StatusInternalServerError)
		}
	})
	post := func(body string) []byte {
		raw, err := Prepare("POST", "lab", "/echo", map[string]string{"Content-Type": "text/plain"}, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	head, err := Prepare("HEAD", "lab", "/length", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name   string
		raw    []byte
		status int
		body   string
	}{
		{"length", get(t, "/length").Raw, 200, "hello"},
		{"chunked", get(t, "/chunked").Raw, 200, "hello"},
		{"close", get(t, "/close").Raw, 200, "hello"},
		{"after close", get(t, "/length").Raw, 200, "hello"},
		{"big", get(t, "/big").Raw, 200, big},
		{"post", post("a body"), 200, "a body"},
		{"empty post", post(""), 200, ""},
		{"large post", post(big), 200, big},
		{"redirect is not followed", get(t, "/redirect").Raw, 302, "<a href=\"/length\">Found</a>.\n\n"},
		{"no content", get(t, "/none").Raw, 204, ""},
		{"head", head, 200, ""},
		{"after head", get(t, "/length").Raw, 200, "hello"},
		{"fault", get(t, "/fault").Raw, 500, "broken\n"},
	}
	c := dial(t, addr, Options{MaxConns: 1})
	for i, tc := range cases {
		s := c.Do(t.Context(), Prepared{Class: 3, ID: i, Raw: tc.raw, KeepBody: true})
		if s.Err != nil || s.Status != tc.status || string(s.Body) != tc.body || s.Bytes != len(tc.body) {
			t.Errorf("%s: status %d, %d bytes, error %v", tc.name, s.Status, s.Bytes, s.Err)
		}
		if s.Class != 3 || s.ID != i || s.Hash != Hash([]byte(tc.body)) {
			t.Errorf("%s: class %d, id %d, hash %x", tc.name, s.Class, s.ID, s.Hash)
		}
		if s.Latency() <= 0 || s.Sent > s.Done {
			t.Errorf("%s: sent at %v, done at %v", tc.name, s.Sent, s.Done)
		}
	}
	if s := c.Do(t.Context(), Prepared{Raw: get(t, "/length").Raw}); s.Body != nil || s.Bytes != 5 {
		t.Errorf("without KeepBody the body is %q of %d bytes", s.Body, s.Bytes)
	}
}

func TestDoSeesTransportFaults(t *testing.T) {
	half := func(raw string) func(net.Conn) {
		return func(nc net.Conn) {
			if readRequest(bufio.NewReader(nc)) {
				_, _ = io.WriteString(nc, raw)
			}
		}
	}
	cases := []struct {
		name   string
		handle func(net.Conn)
		is     error
	}{
		{"nothing", half(""), io.ErrUnexpectedEOF},
		{"half a header", half("HTTP/1.1 200 OK\r\nConte"), io.ErrUnexpectedEOF},
		{"half a body", half("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"), io.ErrUnexpectedEOF},
		{"half a chunk", half("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhalf"), io.ErrUnexpectedEOF},
		{"not HTTP", half("SSH-2.0-OpenSSH_9.6\r\n\r\n"), nil},
		{"a giant body", half("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"), nil},
		{"giant chunks", half("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7fffffff\r\n"), nil},
		{"giant headers", half("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20) + "\r\n\r\n"), nil},
		{"reset", func(nc net.Conn) { _ = nc.(*net.TCPConn).SetLinger(0) }, nil},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			c := dial(t, serveRaw(t, tc.handle), Options{})
			for range 2 { // the second needs a connection that works
				s := c.Do(t.Context(), get(t, "/"))
				if s.Err == nil || errors.Is(s.Err, ErrTimeout) || tc.is != nil && !errors.Is(s.Err, tc.is) {
					t.Errorf("got status %d and %v, want %v", s.Status, s.Err, tc.is)
				}
			}
		})
	}
}

func TestRefusedEndsAtOnce(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	c := dial(t, addr, Options{Timeout: time.Minute})
	if s := c.Do(t.Context(), get(t, "/")); !errors.Is(s.Err, syscall.ECONNREFUSED) {
		t.Errorf("got %v", s.Err)
	}
	if err := c.Warm(3); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("warming gave %v", err)
	}
	r, err := c.Slice(t.Context(), []Prepared{get(t, "/")}, arrivals(Constant(1000, 50*time.Millisecond)), nil)
	if err != nil || len(r.Samples) != 50 {
		t.Fatalf("%d samples, %v", len(r.Samples), err)
	}
	for _, s := range r.Samples {
		if !errors.Is(s.Err, syscall.ECONNREFUSED) {
			t.Fatalf("got %v", s.Err)
		}
	}
	if s := c.Saturate(t.Context(), func() Prepared { return get(t, "/") }, 2, 50*time.Millisecond); s.Completed != 0 || s.Errors == 0 {
		t.Errorf("saturation of a dead server: %d completed, %d errors", s.Completed, s.Errors)
	}
}

// A server may close a connection between two requests, and does on restart.
func TestIdleConnectionThatWasClosedIsReplaced(t *testing.T) {
	closed := make(chan struct{}, 10)
	c := dial(t, serveRaw(t, func(nc net.Conn) {
		if readRequest(bufio.NewReader(nc)) {
			_, _ = io.WriteString(nc, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
		_ = nc.Close()
		closed <- struct{}{}
	}), Options{MaxConns: 1})
	for range 3 {
		if s := c.Do(t.Context(), get(t, "/")); s.Err != nil {
			t.Fatal(s.Err)
		}
		<-closed
		waitFor(t, func() bool { c.mu.Lock(); defer c.mu.Unlock(); return c.slots == 0 })
	}
}

// Bytes that nobody asked for must not become the answer to the next request.
func TestUnaskedBytesEndTheConnection(t *testing.T) {
	var n atomic.Int64
	c := dial(t, serveRaw(t, func(nc net.Conn) {
		for r := bufio.NewReader(nc); readRequest(r); {
			body := strconv.FormatInt(n.Add(1), 10)
			one := "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"
			if _, err := io.WriteString(nc, one+body+one+"x"); err != nil {
				return
			}
		}
	}), Options{MaxConns: 1})
	for i := range 5 {
		s := c.Do(t.Context(), get(t, "/"))
		if want := strconv.Itoa(i + 1); s.Err != nil || string(s.Body) != want {
			t.Fatalf("request %d was answered %q, %v", i+1, s.Body, s.Err)
		}
	}
}

// An answer that comes before the body was read leaves a connection that is of
// no further use, and must not hold up the reader.
func TestEarlyAnswerToLargeRequest(t *testing.T) {
	over := make(chan struct{})
	addr := serveRaw(t, func(nc net.Conn) {
		if readRequest(bufio.NewReader(nc)) {
			_, _ = io.WriteString(nc, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
		}
		<-over // neither reads on nor closes
	})
	t.Cleanup(func() { close(over) })
	c := dial(t, addr, Options{MaxConns: 1, Timeout: time.Minute})
	raw, err := Prepare("POST", "lab", "/", nil, bytes.Repeat([]byte("x"), 7<<20))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		s := c.Do(t.Context(), Prepared{Raw: raw})
		if s.Status != 413 || s.Err != nil {
			t.Errorf("got status %d, %v", s.Status, s.Err)
		}
	}
}

func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain")
		}
		runtime.Gosched()
	}
}

// Bodies are kept up to a limit, of all answers together; who answers more than
// that has failed.
func TestKeptBodiesAreBounded(t *testing.T) {
	const each, limit, n = 1 << 20, 5 << 20, 12
	c := Dial(serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, each)) }), Options{KeepLimit: limit, MaxConns: 4})
	defer c.Close()
	raw, err := Prepare(http.MethodGet, "h", "/", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	requests := make([]Prepared, n)
	for i := range requests {
		requests[i] = Prepared{Raw: raw, KeepBody: true}
	}
	r := newRun(time.Now(), requests, n, nil)
	for i := range requests {
		c.submit(r.job(i, i, 0, time.Minute))
	}
	c.wait(t.Context(), r)
	kept, failed := 0, 0
	for _, s := range r.samples {
		kept += len(s.Body)
		if errors.Is(s.Err, ErrTooMuch) && s.Status == 0 {
			failed++
		} else if s.Err != nil {
			t.Error(s.Err)
		}
	}
	if kept != limit || failed != n-limit/each {
		t.Errorf("%d bytes were kept and %d requests failed", kept, failed)
	}
}
