package compare

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/p95lab/p95lab/challenges"
	"github.com/p95lab/p95lab/grader/load"
	"github.com/p95lab/p95lab/grader/verdict"
)

// The test binary is also the service of a command: it answers after a while.
func TestMain(m *testing.M) {
	if d, err := time.ParseDuration(os.Getenv("COMPARE_TEST_SERVICE")); err == nil {
		if d < 0 {
			fmt.Println("no such option")
			os.Exit(3)
		}
		l, err := net.Listen("tcp4", "127.0.0.1:"+os.Getenv("PORT"))
		if err == nil {
			err = http.Serve(l, after(d))
		}
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// after is a service of a known time: a timer, so that a busy machine changes
// both sides by as much.
func after(d time.Duration) http.Handler {
	return late(d, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "%s %s", r.Method, r.URL.Path)
	}))
}

func late(d time.Duration, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(d)
		h.ServeHTTP(w, r)
	})
}

func serve(t *testing.T, h http.Handler) Endpoint {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return Endpoint{URL: s.URL}
}

// ask is the options of a short comparison with requests for some paths.
func ask(t *testing.T, before, after Endpoint, paths ...string) Options {
	t.Helper()
	if len(paths) == 0 {
		paths = []string{"/"}
	}
	var requests []Request
	for _, p := range paths {
		requests = append(requests, Request{Name: "GET " + p, Method: "GET", Path: p})
	}
	source, err := InOrder(requests, 1)
	if err != nil {
		t.Fatal(err)
	}
	return Options{Before: before, After: after, Source: source, Rate: 200, For: shortest, Timeout: 5 * time.Second, Seed: 7}
}

// measured compares, and again where the machine was too busy to tell.
func measured(t *testing.T, o Options) (Result, []verdict.Event) {
	t.Helper()
	if testing.Short() {
		t.Skip("it measures")
	}
	var r Result
	var told []verdict.Event
	for range 3 {
		told = nil
		var err error
		if r, err = Run(t.Context(), o, func(e verdict.Event) { told = append(told, e) }); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s at %s in %.1f s: %s", r.Verdict.Outcome, r.Verdict.Gate, r.Verdict.Seconds, r.Verdict.Message)
		if !r.Unsure() {
			break
		}
	}
	return r, told
}

func metric(t *testing.T, v verdict.Verdict, name string) verdict.Metric {
	t.Helper()
	for _, m := range v.Metrics {
		if m.Name == name {
			return m
		}
	}
	t.Fatalf("there is no %s in %+v", name, v.Metrics)
	return verdict.Metric{}
}

func TestTheSameServiceIsNoDifferent(t *testing.T) {
	s := serve(t, after(5*time.Millisecond))
	r, told := measured(t, ask(t, s, s))
	if r.Worse() || r.Verdict.Outcome == verdict.Passed {
		t.Errorf("%s: %s", r.Verdict.Outcome, r.Verdict.Message)
	}
	var gates []string
	ticks, planned := 0, false
	for i, e := range told {
		switch {
		case e.Gate != nil && e.Gate.State == "passed":
			gates = append(gates, string(e.Gate.Name))
		case e.Plan != nil:
			planned = true
		case e.Tick != nil:
			if ticks++; !planned {
				t.Fatal("a tick before the plan")
			}
		case e.Verdict != nil && i != len(told)-1:
			t.Error("something follows the verdict")
		}
	}
	if got := strings.Join(gates, " "); got != "start check load compare" || ticks < 10 {
		t.Errorf("gates %s, %d ticks", got, ticks)
	}
	p95 := metric(t, r.Verdict, "p95")
	if l := r.Verdict.Load; l == nil || l.Requests == 0 || l.Before.P95 < 5 || p95.MDE <= 1 || !(p95.Low <= p95.Ratio && p95.Ratio <= p95.High) {
		t.Errorf("%+v of %+v", p95, r.Verdict.Load)
	}
}

func TestASlowerServiceIsWorse(t *testing.T) {
	r, _ := measured(t, ask(t, serve(t, after(5*time.Millisecond)), serve(t, after(20*time.Millisecond))))
	p95 := metric(t, r.Verdict, "p95")
	if !r.Worse() || r.Verdict.Gate != verdict.Compare || p95.Met || p95.Ratio > 0.9 {
		t.Errorf("%s with %+v", r.Verdict.Outcome, p95)
	}
}

func TestAFasterServiceIsBetter(t *testing.T) {
	before := httptest.NewTLSServer(after(20 * time.Millisecond))
	t.Cleanup(before.Close)
	o := ask(t, Endpoint{URL: before.URL + "/base"}, serve(t, http.StripPrefix("", after(5*time.Millisecond))), "/a", "/b")
	o.Insecure, o.NewConnections, o.Check, o.Constant = true, true, CheckStatus, true
	r, _ := measured(t, o)
	if r.Verdict.Outcome != verdict.Passed || metric(t, r.Verdict, "p95").Ratio < 1.1 {
		t.Errorf("%s: %+v", r.Verdict.Outcome, r.Verdict.Metrics)
	}
	o.Insecure = false
	var usage *UsageError
	if _, err := Run(t.Context(), o, func(verdict.Event) {}); !errors.As(err, &usage) || !strings.Contains(err.Error(), "before cannot be reached") || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("without a certificate to trust: %v", err)
	}
}

// every answers like h, but each nth request by other.
func every(n int64, h, other http.Handler) http.Handler {
	var asked atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1)%n == 0 {
			other.ServeHTTP(w, r)
		} else {
			h.ServeHTTP(w, r)
		}
	})
}

// onlyAtFirst answers the two requests that are asked alone.
func onlyAtFirst(first, then http.Handler) http.Handler {
	var asked atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) <= 2 {
			first.ServeHTTP(w, r)
		} else {
			then.ServeHTTP(w, r)
		}
	})
}

func answers(status int, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

// What is fast because it fails or answers differently is not better.
func TestWrongAnswersAreNotBetter(t *testing.T) {
	slow := after(20 * time.Millisecond)
	for _, tc := range []struct {
		name  string
		after http.Handler
		with  func(*Options)
		gate  verdict.Gate
		says  string
	}{
		{"fails a tenth", every(10, after(0), answers(500, "")), nil, verdict.Compare, "fails more"},
		{"finds nothing at times", every(10, slow, answers(404, "no")), nil, verdict.Check, "status 404 Not Found"},
		{"finds nothing", answers(404, "no"), nil, verdict.Check, "status 404 Not Found"},
		{"another body", answers(200, "GET /z"), func(o *Options) { o.Check = CheckBody }, verdict.Check, "GET /z"},
		{"another body at times", every(10, slow, answers(200, "GET /z")), func(o *Options) { o.Check = CheckBody }, verdict.Check, "GET /z"},
		{"fails all", answers(503, ""), nil, verdict.Check, "fails 1 of 1"},
		{"fails all under load", onlyAtFirst(slow, answers(500, "")), nil, verdict.Load, "fails under load"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := ask(t, serve(t, slow), serve(t, tc.after))
			if tc.with != nil {
				tc.with(&o)
			}
			r, _ := measured(t, o)
			if !r.Worse() || r.Verdict.Gate != tc.gate || !strings.Contains(r.Verdict.Message, tc.says) {
				t.Errorf("%s at %s: %s", r.Verdict.Outcome, r.Verdict.Gate, r.Verdict.Message)
			}
		})
	}
	t.Run("unless nobody asks", func(t *testing.T) {
		// Not at once, or the generator's own lateness would be most of it.
		o := ask(t, serve(t, after(20*time.Millisecond)), serve(t, late(5*time.Millisecond, answers(404, "no"))))
		o.Check = CheckNone
		if r, _ := measured(t, o); r.Verdict.Outcome != verdict.Passed {
			t.Errorf("%s: %s", r.Verdict.Outcome, r.Verdict.Message)
		}
	})
}

func TestCommandsAreStartedAndEnded(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := func(after string) Endpoint {
		return Endpoint{Command: fmt.Sprintf("echo begun; COMPARE_TEST_SERVICE=%s '%s'; echo {port}", after, self)}
	}
	o := ask(t, command("5ms"), command("20ms"))
	o.Env = os.Environ()
	r, _ := measured(t, o)
	// What a machine that stays too busy cannot tell is asked of other tests;
	// here it is that the commands' services were loaded and named.
	if l := r.Verdict.Load; !r.Worse() && !r.Unsure() || l.Before.MemoryMB <= 0 && !r.Unsure() || r.Before != o.Before.Command {
		t.Errorf("%s: %s; %+v", r.Verdict.Outcome, r.Verdict.Message, l)
	}
	o.After = command("-1s")
	var usage *UsageError
	if _, err := Run(t.Context(), o, func(verdict.Event) {}); !errors.As(err, &usage) || !strings.Contains(err.Error(), "no such option") || !strings.Contains(err.Error(), "command of after ended") {
		t.Errorf("a command that ends: %v", err)
	}
}

// On a busy machine the rate found may be too low to tell anything by, so that
// only the rate is asked for here and not what came of it.
func TestTheRateIsFoundOut(t *testing.T) {
	s := serve(t, after(5*time.Millisecond))
	o := ask(t, s, s)
	o.Rate = 0
	if testing.Short() {
		t.Skip("it measures")
	}
	r, err := Run(t.Context(), o, func(verdict.Event) {})
	if err != nil {
		t.Fatal(err)
	}
	if l := r.Verdict.Load; l.Rate <= 0 || !slices.ContainsFunc(l.Notes, func(n string) bool { return strings.Contains(n, "Before carries about") }) {
		t.Errorf("%s: %s; %v", r.Verdict.Outcome, r.Verdict.Message, l)
	}
}

func TestWhatCannotBeTold(t *testing.T) {
	s := serve(t, after(0))
	few := ask(t, s, s)
	few.Rate = 3
	waiting := ask(t, serve(t, after(10*time.Millisecond)), serve(t, after(10*time.Millisecond)))
	waiting.Rate, waiting.Connections = 1000, 2
	for _, tc := range []struct {
		name string
		o    Options
		says string
	}{
		{"too few requests", few, "Too few requests"},
		{"too few connections", waiting, "more than before carries on 2 connections"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if testing.Short() {
				t.Skip("it measures")
			}
			r, err := Run(t.Context(), tc.o, func(verdict.Event) {})
			if err != nil {
				t.Fatal(err)
			}
			if !r.Unsure() || !strings.Contains(r.Verdict.Message, tc.says) && !strings.Contains(r.Verdict.Message, "too busy") {
				t.Errorf("%s: %s", r.Verdict.Outcome, r.Verdict.Message)
			}
			if r.Verdict.Next == "" {
				t.Error("it does not say what to do")
			}
		})
	}
}

func TestUsage(t *testing.T) {
	s := serve(t, after(0))
	for _, tc := range []struct {
		name string
		with func(*Options)
		says string
	}{
		{"nobody there", func(o *Options) { o.After = Endpoint{URL: "http://127.0.0.1:1/x"} }, "after cannot be reached at http://127.0.0.1:1/x"},
		{"no scheme that is known", func(o *Options) { o.Before = Endpoint{URL: "ftp://x"} }, "neither http nor https"},
		{"no host", func(o *Options) { o.Before = Endpoint{URL: "http:///x"} }, "names no host"},
		{"a password", func(o *Options) { o.Before = Endpoint{URL: "http://a:secret@x"} }, "Authorization"},
		{"a query and a path", func(o *Options) { o.Before.URL += "/?a=b" }, "has a query"},
		{"before fails", func(o *Options) { o.Before = serve(t, answers(500, "")) }, "before fails 1 of 1"},
		{"nothing is there", func(o *Options) {
			o.Before = serve(t, answers(404, ""))
			o.After = o.Before
		}, "is the path right?"},
		{"a path that is none", func(o *Options) { o.Source, _ = InOrder([]Request{{Method: "GET", Path: "/a b"}}, 1) }, "percent-encoded"},
		{"no requests", func(o *Options) { o.Source = nil }, "no requests"},
		{"too short", func(o *Options) { o.For = time.Second }, "too short"},
		{"no such metric", func(o *Options) { o.Metric = "p42" }, "p42"},
		{"no such check", func(o *Options) { o.Check = "all" }, "all"},
		{"worse than nothing", func(o *Options) { o.Worse = 0.5 }, "no worse"},
		{"no rate", func(o *Options) { o.Rate = -1 }, "no sense"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := ask(t, s, s)
			tc.with(&o)
			_, err := Run(t.Context(), o, func(verdict.Event) {})
			var usage *UsageError
			if !errors.As(err, &usage) || !strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), "secret") {
				t.Errorf("got %v, want %s", err, tc.says)
			}
		})
	}
}

func TestCancel(t *testing.T) {
	s := serve(t, after(0))
	o := ask(t, s, s)
	o.For = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Run(ctx, o, func(e verdict.Event) {
		if e.Tick != nil {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// Users log in before the load, and what each was told goes into what each asks.
func TestUsersAreToldApart(t *testing.T) {
	var wrong atomic.Int64
	var users atomic.Int64
	shop := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/login" {
			name := fmt.Sprint(users.Add(1))
			http.SetCookie(w, &http.Cookie{Name: "user", Value: name})
			_, _ = fmt.Fprintf(w, `{"token": "t%s"}`, name)
			return
		}
		if c, err := r.Cookie("user"); err != nil || r.URL.Path != "/cart/t"+c.Value {
			wrong.Add(1)
		}
	})
	source, err := InOrder([]Request{{Name: "login", Method: "GET", Path: "/login"}, {Name: "cart", Method: "GET", Path: "/cart/{{token}}"}}, 5)
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, shop)
	o := ask(t, s, s)
	o.Source, o.Users, o.Take = source, 5, []load.Take{{Name: "token", Pointer: "/token"}}
	// Between a login and the cart after it lie four requests of others, which
	// may overtake; so this asks one at a time.
	o.Rate = 20
	if _, err := Run(t.Context(), o, func(verdict.Event) {}); err != nil {
		t.Fatal(err)
	}
	if n := wrong.Load(); n > 0 {
		t.Errorf("%d carts were not their user's", n)
	}
}

func TestSources(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	one, two := Request{Name: "1"}, Request{Name: "2"}
	l, err := InOrder([]Request{one, two}, 3)
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for n := range 9 {
		got += l.Request(rng, n).Name
	}
	if got != "111222111" || l.Examples() != 6 {
		t.Errorf("%s, %d examples", got, l.Examples())
	}
	if _, err := InOrder(nil, 1); err == nil {
		t.Error("a list of nothing is taken")
	}
	d, err := Drawn([]challenges.Request{{Name: "a", Weight: 1, Get: "/{n}", With: map[string]string{"n": "sequence(1, 3)"}}})
	if err != nil {
		t.Fatal(err)
	}
	if r := d.Request(rng, 5); r.Path != "/1" || r.Method != "GET" || d.Examples() == 0 {
		t.Errorf("%+v", r)
	}
	if _, err := Drawn([]challenges.Request{{Name: "a", Weight: 1, Get: "/{n}"}}); err == nil {
		t.Error("a variable that is not bound is taken")
	}
}
