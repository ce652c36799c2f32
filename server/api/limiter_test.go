package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/p95lab/p95lab/server/app"
)

func TestTakeIsFairByAddress(t *testing.T) {
	l, now := NewLimiter(), time.Now()
	own := bounds[change].each
	for i := range own.burst {
		if wait := l.take(change, "127.0.0.1:1", now); wait != 0 {
			t.Fatalf("request %d of a burst of %d waits %s", i, own.burst, wait)
		}
	}
	wait := l.take(change, "127.0.0.1:2", now)
	if wait <= 0 || wait > 2*time.Second/time.Duration(own.perSecond) {
		t.Errorf("behind the burst one waits %s", wait)
	}
	if wait := l.take(read, "127.0.0.1:2", now); wait != 0 {
		t.Errorf("another kind waits %s", wait)
	}
	if wait := l.take(change, "127.0.0.2:2", now); wait != 0 {
		t.Errorf("another address waits %s", wait)
	}
	if wait := l.take(change, "127.0.0.1:3", now.Add(wait)); wait != 0 {
		t.Errorf("after the time that was told one waits %s", wait)
	}
}

func TestAllTogetherHaveABoundToo(t *testing.T) {
	l, now := NewLimiter(), time.Now()
	taken := 0
	for i := range 256 * 256 {
		if l.take(submit, fmt.Sprintf("10.0.%d.%d:1", i/256, i%256), now) > 0 {
			break
		}
		taken++
	}
	if want := bounds[submit].all.burst; taken != want {
		t.Errorf("%d addresses were served at once, want %d", taken, want)
	}
}

// However many addresses an attacker has, what is remembered of them is bounded.
func TestAddressesAreForgotten(t *testing.T) {
	l, now := NewLimiter(), time.Now()
	for i := range maxAddresses + 1000 {
		l.take(read, fmt.Sprintf("[2001:db8:%x:%x::1]:1", i>>16, i&0xffff), now)
	}
	if n := len(l.each); n > maxAddresses+1 {
		t.Errorf("%d addresses are remembered", n)
	}
	l.take(read, "127.0.0.1:1", now.Add(forgetAfter+time.Second))
	l.take(read, "127.0.0.1:1", now.Add(2*forgetAfter+2*time.Second))
	if n := len(l.each); n != 1 {
		t.Errorf("%d addresses are remembered after a while", n)
	}
}

func TestOrigin(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"127.0.0.1:1", "127.0.0.1:2", true},
		{"127.0.0.1:1", "127.0.0.2:1", false},
		{"127.0.0.1:1", "[::ffff:127.0.0.1]:1", true},
		{"[2001:db8::1]:1", "[2001:db8::2]:1", true},
		{"[2001:db8::1]:1", "[2001:db8:0:1::1]:1", false},
		{"[fe80::1%eth0]:1", "[fe80::2%eth1]:1", true},
		{"", "nonsense", true},
	} {
		if got := origin(c.a) == origin(c.b); got != c.same {
			t.Errorf("%s and %s: %v, want %v", c.a, c.b, got, c.same)
		}
	}
}

// guarded is the whole interface behind a guard.
func guarded(t *testing.T, g *Guard) http.Handler {
	t.Helper()
	h, _ := bare(t)
	g.Log, g.Served = slog.New(slog.DiscardHandler), func(string, int, time.Duration) {}
	return g.Wrap(h)
}

func request(method, target, host, body string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Host = host
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

// Every route has a bound, and says when to come again.
func TestEveryRouteHasABound(t *testing.T) {
	for _, c := range []struct{ method, path string }{
		{"GET", "/"}, {"GET", "/challenges/c"}, {"GET", "/static/x.js"}, {"GET", "/licences"}, {"GET", "/healthz"}, {"GET", "/metrics"},
		{"GET", "/live?challenge=c"}, {"GET", "/api/challenges/c/workspace"}, {"PUT", "/api/challenges/c/files/x.go"},
		{"DELETE", "/api/challenges/c/files/x.go"}, {"POST", "/api/challenges/c/format"}, {"POST", "/api/challenges/c/reset"},
		{"POST", "/api/challenges/c/diagnosis"}, {"POST", "/api/challenges/c/hints/1"}, {"POST", "/api/challenges/c/runs"},
		{"GET", "/api/challenges/c/runs"}, {"GET", "/api/challenges/c/solution"}, {"GET", "/api/runs/r"}, {"GET", "/api/runs/r/events"},
		{"POST", "/api/runs/r/stop"}, {"GET", "/nothing"},
	} {
		l := NewLimiter()
		r := request(c.method, c.path, "localhost", "{}")
		now := time.Now()
		for l.take(classOf(r), r.RemoteAddr, now.Add(time.Minute)) == 0 { // the bucket is not filled again meanwhile
		}
		w := httptest.NewRecorder()
		guarded(t, &Guard{Limiter: l}).ServeHTTP(w, r)
		var p problem
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != http.StatusTooManyRequests || p.Status != w.Code || p.Code != "too-often" || p.Detail == "" {
			t.Errorf("%s %s: %d %s", c.method, c.path, w.Code, w.Body)
		}
		if again := w.Header().Get("Retry-After"); again == "" || again == "0" {
			t.Errorf("%s %s: come again after %q", c.method, c.path, again)
		}
	}
}

// A name that an attacker's DNS server points here is not ours, however it is
// written.
func TestNames(t *testing.T) {
	g := &Guard{Hosts: []string{"Lab.test"}}
	for host, want := range map[string]bool{
		"localhost": true, "localhost:8095": true, "LOCALHOST:8095": true, "localhost.:8095": true, "127.0.0.1": true, "127.0.0.1:8095": true,
		"[::1]": true, "[::1]:8095": true, "::1": true, "lab.test:8095": true, "LAB.TEST": true,
		"": false, "evil.example": false, "evil.example:8095": false, "localhost.evil.example": false, "127.0.0.1.evil.example:8095": false,
		"evil.localhost": false, "127.0.0.1@evil.example": false, "127.1": false, "2130706433": false, "0x7f000001": false, "0.0.0.0:8095": false,
		"127.0.0.2:8095": false, "[::ffff:127.0.0.1]:8095": false, "[::]:8095": false, "localhost:8095;script-src *": false,
		"localhost:1;script-src": false, "localhost:8095:80": false, "a.lab.test": false, "192.168.1.10:8095": false,
	} {
		if got := g.known(host); got != want {
			t.Errorf("%q is known: %v, want %v", host, got, want)
		}
	}
}

// What only our pages ask for is not answered to other sites, not even to be read
// in vain; a link from anywhere still opens a page.
func TestOtherSitesReadNothing(t *testing.T) {
	for _, c := range []struct {
		method, path, origin, site string
		refused                    bool
	}{
		{"GET", "/", "", "cross-site", false},
		{"GET", "/challenges/c", "", "none", false},
		{"GET", "/api/runs/r", "", "none", false},
		{"GET", "/api/runs/r", "", "", false},
		{"GET", "/api/runs/r", "", "cross-site", true},
		{"GET", "/api/runs/r", "", "same-site", true},
		{"GET", "/api/runs/r", "http://evil.example", "cross-site", true},
		{"GET", "/metrics", "", "cross-site", true},
		{"GET", "/", "http://evil.example", "cross-site", true},
		{"GET", "/", "null", "", true},
		{"GET", "/live?challenge=c", "", "cross-site", true},
		{"GET", "/live?challenge=c", "", "none", true},
		{"POST", "/api/challenges/c/runs", "", "none", true},
		{"POST", "/api/challenges/c/runs", "chrome-extension://localhost", "", true},
		{"OPTIONS", "/api/challenges/c/runs", "http://evil.example", "cross-site", true},
	} {
		r := request(c.method, c.path, "localhost", "")
		r.Header.Set("Content-Type", "application/json")
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		if c.site != "" {
			r.Header.Set("Sec-Fetch-Site", c.site)
		}
		w := httptest.NewRecorder()
		guarded(t, &Guard{}).ServeHTTP(w, r)
		if (w.Code == http.StatusForbidden) != c.refused {
			t.Errorf("%s %s from %q (%s): %d", c.method, c.path, c.origin, c.site, w.Code)
		}
		if w.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s %s lets another site read", c.method, c.path)
		}
	}
}

// Nothing that comes in goes out as a page's own text, nor as a place to go to.
func TestNoInputIsReflected(t *testing.T) {
	const evil = `<script>alert(1)</script>`
	const coded = "%3Cscript%3Ealert(1)%3C%2Fscript%3E"
	for _, c := range []struct{ method, path, body string }{
		{"GET", "/" + coded, ""}, {"GET", "/?q=" + coded, ""}, {"GET", "/challenges/" + coded, ""}, {"GET", "/static/" + coded, ""},
		{"GET", "/static/" + coded + ".js", ""}, {"GET", "/live?challenge=" + coded, ""}, {"GET", "/api/" + coded, ""},
		{"GET", "/api/challenges/" + coded + "/workspace", ""}, {"GET", "/api/challenges/" + coded + "/solution", ""},
		{"PUT", "/api/challenges/c/files/" + coded + ".go", `{"text": "x"}`}, {"DELETE", "/api/challenges/c/files/" + coded + ".sql", ""},
		{"PUT", "/api/challenges/c/files/x.go", `{"` + evil + `": 1}`}, {"PUT", "/api/challenges/c/files/x.go", evil},
		{"POST", "/api/challenges/c/format", `{"path": "` + evil + `.go", "text": "` + evil + `"}`},
		{"POST", "/api/challenges/c/format", `{"path": "a.go", "text": "package a\n/*` + evil + `"}`},
		{"POST", "/api/challenges/c/reset", `{"to": "starter", "path": "` + evil + `"}`},
		{"POST", "/api/challenges/c/hints/" + coded, "{}"}, {"POST", "/api/challenges/c/diagnosis", `{"answer": "` + evil + `"}`},
		{"POST", "/api/challenges/" + coded + "/runs", `{"hypothesis": "` + evil + `"}`}, {"GET", "/api/runs/r/events?after=" + coded, ""},
		{"GET", "//evil.example/x/../" + coded, ""}, {"GET", "/static/../" + coded, ""},
	} {
		w := httptest.NewRecorder()
		r := request(c.method, c.path, "localhost", c.body)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Referer", "http://localhost/"+evil)
		r.Header.Set("User-Agent", evil)
		guarded(t, &Guard{}).ServeHTTP(w, r)
		if strings.Contains(w.Body.String(), "<script>alert") {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.body, w.Code, w.Body)
		}
		for name, values := range w.Header() {
			if v := strings.Join(values, ","); strings.ContainsAny(v, "<>") {
				t.Errorf("%s %s: %s is %s", c.method, c.path, name, v)
			}
		}
		if to := w.Header().Get("Location"); to != "" && (!strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.HasPrefix(to, `/\`)) {
			t.Errorf("%s %s leads to %s", c.method, c.path, to)
		}
		if w.Header().Get("Set-Cookie") != "" { // there is nobody to tell apart, so nothing to steal
			t.Errorf("%s %s sets a cookie", c.method, c.path)
		}
		if w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s %s may be sniffed", c.method, c.path)
		}
	}
}

// What the machine refuses is told as that, with its own status.
func TestWhatTheMachineRefuses(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		code   string
	}{
		{fmt.Errorf("keep the run: %w", app.ErrNoRoom), 507, "no-room"},
		{fmt.Errorf("write x: %w", syscall.ENOSPC), 507, "no-room"},
		{fmt.Errorf("write x: %w", syscall.EDQUOT), 507, "no-room"},
		{fmt.Errorf("write x: %w", syscall.EROFS), 507, "read-only"},
		{app.ErrReadOnly, 507, "read-only"},
		{fmt.Errorf("open x: %w", syscall.EMFILE), 503, "busy"},
		{app.ErrBusy, 503, "busy"},
		{errors.New("a defect"), 500, "internal"},
	} {
		h := &handler{Options{Log: slog.New(slog.DiscardHandler)}}
		w := httptest.NewRecorder()
		h.answer(func(*http.Request) (reply, error) { return reply{}, c.err })(w, httptest.NewRequest("GET", "/", nil))
		var p problem
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != c.status || p.Code != c.code {
			t.Errorf("%v: %d %s", c.err, w.Code, w.Body)
		}
		if (w.Header().Get("Retry-After") != "") != (c.status == 503) {
			t.Errorf("%v: come again after %q", c.err, w.Header().Get("Retry-After"))
		}
	}
}

// Whatever a body is, it is answered, strictly and without a defect.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{`{}`, `{"text": "x"}`, `{"path": "a.go", "text": "package a"}`, `{"answer": 1}`, `{"to": "starter", "path": "x.go"}`,
		`[`, `{"text": "\ud800"}`, `{"answer": 1e99}`, `{"text": 1}{}`, "\xff", `null`, `{"TEXT": "x", "text": "y"}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		h, log := bare(t)
		for _, path := range []string{"format", "reset", "diagnosis", "runs"} {
			slug := "c"
			if path != "format" {
				slug = "nothing" // the rest needs a store: its body is read first, or never
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest("POST", "/api/challenges/"+slug+"/"+path, strings.NewReader(body)))
			text, err := io.ReadAll(w.Body)
			if err != nil || w.Code >= 500 || !json.Valid(text) {
				t.Errorf("%s: %d %s", path, w.Code, text)
			}
		}
		if log.Len() > 0 {
			t.Errorf("logged: %s", log)
		}
	})
}

// No Host header but our own names gets in, and what gets in is safe to be
// written into a header.
func FuzzHost(f *testing.F) {
	for _, seed := range []string{"localhost:8095", "[::1]:1", "evil.example", "127.0.0.1:1;x", "localhost.", "[::1", "::1]", "LOCALHOST", "localhost:80:80", "\x00", "localhost\r\nX: y"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, host string) {
		if !(&Guard{Hosts: []string{"lab.test"}}).known(host) {
			return
		}
		name := strings.ToLower(strings.TrimRight(strings.NewReplacer("[", "", "]", "").Replace(host), "0123456789:."))
		if name != "localhost" && name != "lab.test" && name != "" {
			t.Errorf("%q is taken for this server", host)
		}
		if strings.ContainsAny(policy(host, ""), "\r\n\x00") || strings.Count(policy(host, ""), ";") != strings.Count(policy("localhost", ""), ";") {
			t.Errorf("%q breaks the policy: %s", host, policy(host, ""))
		}
	})
}

// No other site's page passes for one of ours, whatever it calls itself.
func FuzzOrigin(f *testing.F) {
	for _, seed := range []string{"http://localhost:8095", "https://localhost:8095", "null", "http://evil.example", "http://localhost:8095.evil.example",
		"http://localhost:8095@evil.example", "http://evil.example/localhost:8095", "http://evil.example#localhost:8095", "//localhost:8095", "http://[::1]:8095", "\x00"} {
		f.Add(seed, "cross-site")
	}
	f.Fuzz(func(t *testing.T, origin, site string) {
		r := httptest.NewRequest(http.MethodPost, "http://localhost:8095/api/x", nil)
		r.Header.Set("Origin", origin)
		r.Header.Set("Sec-Fetch-Site", site)
		if !(&Guard{}).SameOrigin(r) {
			return
		}
		if origin == "" {
			if site != "" && site != "same-origin" {
				t.Errorf("a %q page passes for ours", site)
			}
			return
		}
		// What a browser would say for our own page, with anything behind the host
		// that a browser never sends.
		rest := strings.ToLower(origin)
		rest = strings.TrimPrefix(strings.TrimPrefix(rest, "https://"), "http://")
		if i := strings.IndexAny(rest, "/?#"); i >= 0 {
			rest = rest[:i]
		}
		if at := strings.LastIndexByte(rest, '@'); at >= 0 {
			rest = rest[at+1:]
		}
		if rest != "localhost:8095" {
			t.Errorf("%q passes for a page of ours", origin)
		}
	})
}
