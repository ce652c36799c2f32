package load

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// secure starts a real HTTPS server and returns its address and certificate.
func secure(t *testing.T, h http.HandlerFunc) (string, *x509.CertPool) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.EnableHTTP2 = true                           // it must not be chosen
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // refused certificates are meant
	s.StartTLS()
	t.Cleanup(s.Close)
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return s.Listener.Addr().String(), pool
}

func TestTLS(t *testing.T) {
	var wrong atomic.Int64
	body := strings.Repeat("0123456789", 20_000)
	addr, pool := secure(t, func(w http.ResponseWriter, r *http.Request) {
		if r.TLS == nil || r.ProtoMajor != 1 || r.Host != "shop.test" {
			wrong.Add(1)
		}
		_, _ = io.WriteString(w, body)
	})
	raw, err := Prepare("GET", "shop.test", "/", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := Prepared{Raw: raw}
	for _, tc := range []struct {
		name string
		tls  *tls.Config
		fine bool
	}{
		{"trusted", &tls.Config{RootCAs: pool}, true},
		{"whoever it is", &tls.Config{InsecureSkipVerify: true}, true},
		{"not trusted", &tls.Config{}, false},
		{"another name", &tls.Config{RootCAs: pool, ServerName: "other.test"}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := dial(t, addr, Options{TLS: tc.tls, MaxConns: 4})
			if err := c.Warm(2); (err == nil) != tc.fine {
				t.Fatalf("warm: %v", err)
			}
			r, err := c.Slice(t.Context(), []Prepared{p}, arrivals(Constant(200, 200*time.Millisecond)), nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range r.Samples {
				var unknown *tls.CertificateVerificationError
				if tc.fine && (s.Err != nil || s.Bytes != len(body)) || !tc.fine && !errors.As(s.Err, &unknown) {
					t.Fatalf("%d bytes, %v", s.Bytes, s.Err)
				}
			}
			if s := c.Saturate(t.Context(), func() Prepared { return p }, 2, time.Second); (s.Completed > 0) != tc.fine {
				t.Errorf("closed loop: %d completed, %d errors", s.Completed, s.Errors)
			}
		})
	}
	if n := wrong.Load(); n > 0 {
		t.Errorf("%d requests were not what was asked for", n)
	}
}

// A TLS peer that reads nothing must not hold up whoever cuts it off.
func TestCutDoesNotWaitForTLS(t *testing.T) {
	addr, pool := secure(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	c := Dial(addr, Options{TLS: &tls.Config{RootCAs: pool}, MaxConns: 2})
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() { c.Do(ctx, get(t, "/")) })
	cancel()
	all.Wait()
	c.Close()
}

// counted starts a server that counts its connections.
func counted(t *testing.T, h http.HandlerFunc) (string, *atomic.Int64) {
	var n atomic.Int64
	s := httptest.NewUnstartedServer(h)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			n.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String(), &n
}

func TestNewConnections(t *testing.T) {
	var asked atomic.Int64
	addr, conns := counted(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Close {
			asked.Add(1)
		}
		_, _ = io.WriteString(w, "ok")
	})
	p := get(t, "/")
	p.Raw = Closing(p.Raw)
	c := dial(t, addr, Options{NewConnections: true, MaxConns: 16})
	if err := c.Warm(8); err != nil {
		t.Fatal(err)
	}
	plan := arrivals(Constant(200, 300*time.Millisecond))
	r, err := c.Slice(t.Context(), []Prepared{p}, plan, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range r.Samples {
		if s.Err != nil || s.Status != 200 || s.Sent < s.Intended || s.Sent > s.Done {
			t.Errorf("sample %d: %+v", i, s)
		}
	}
	n := int64(len(plan))
	if got := conns.Load(); got != n+1 { // one was to try
		t.Errorf("%d connections for %d requests", got, n)
	}
	if asked.Load() != n || len(r.Late) == 0 {
		t.Errorf("%d of %d requests said that theirs ends; %d lateness figures", asked.Load(), n, len(r.Late))
	}
	refused := dial(t, "127.0.0.1:1", Options{NewConnections: true})
	if err := refused.Warm(1); err == nil {
		t.Error("it warmed up against nobody")
	}
}

func TestLink(t *testing.T) {
	const roundTrip, rate = 40 * time.Millisecond, 1 << 20
	body := strings.Repeat("x", 100<<10) // a tenth of a second
	addr := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
	p := get(t, "/")
	took := func(o Options) time.Duration {
		c := dial(t, addr, o)
		if err := c.Warm(1); err != nil {
			t.Fatal(err)
		}
		best := time.Hour
		for range 3 {
			s := c.Do(t.Context(), p)
			if s.Err != nil || s.Bytes != len(body) {
				t.Fatalf("%d bytes, %v", s.Bytes, s.Err)
			}
			best = min(best, s.Done)
		}
		return best
	}
	far, thin := took(Options{Link: Link{RoundTrip: roundTrip}}), took(Options{Link: Link{BytesPerSecond: rate}})
	// It may only ever be later than the link says.
	if far < roundTrip {
		t.Errorf("%v over a round trip of %v", far, roundTrip)
	}
	if least := time.Duration(len(body)) * time.Second / rate; thin < least {
		t.Errorf("%v for what the wire takes %v", thin, least)
	}
	if far > thin {
		t.Errorf("a round trip of %v took %v, and %d bytes over the thin link %v", roundTrip, far, len(body), thin)
	}

	// A cut and a timeout end a link with its goroutines; dial's cleanup waits.
	c := dial(t, serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), Options{
		Link: Link{RoundTrip: time.Millisecond}, Timeout: 50 * time.Millisecond,
	})
	if s := c.Do(t.Context(), p); !errors.Is(s.Err, ErrTimeout) {
		t.Errorf("got %v", s.Err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	slow := dial(t, addr, Options{Link: Link{RoundTrip: time.Hour}})
	if s := slow.Do(ctx, p); !errors.Is(s.Err, context.Canceled) {
		t.Errorf("got %v", s.Err)
	}
}

// TLS goes over a link like anything else.
func TestTLSOverLink(t *testing.T) {
	addr, pool := secure(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })
	c := dial(t, addr, Options{TLS: &tls.Config{RootCAs: pool}, Link: Link{RoundTrip: 4 * time.Millisecond, BytesPerSecond: 1 << 20}})
	if s := c.Do(t.Context(), get(t, "/")); s.Err != nil || s.Status != 200 {
		t.Errorf("status %d, %v", s.Status, s.Err)
	}
	if s := c.Saturate(t.Context(), func() Prepared { return get(t, "/") }, 2, time.Second); s.Completed == 0 || s.Errors > 0 {
		t.Errorf("closed loop: %+v", s)
	}
}
