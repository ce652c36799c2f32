package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/p95lab/p95lab/challenges"
	"github.com/p95lab/p95lab/server/app"
	"github.com/p95lab/p95lab/server/render"
	"github.com/p95lab/p95lab/server/wire"
)

// bare is the interface over a lab with one challenge, c, that has no files.
func bare(t *testing.T) (http.Handler, *bytes.Buffer) {
	t.Helper()
	pages, err := render.New(nil, false)
	if err != nil {
		t.Fatal(err)
	}
	log := &bytes.Buffer{}
	lab := &app.Lab{Runs: untried{}}
	lab.SetChallenges([]challenges.Challenge{{Slug: "c", Diagnosis: challenges.Diagnosis{Options: []string{"a", "b"}}}})
	return New(Options{
		Lab: lab, Pages: pages, Live: http.NotFoundHandler(), Metrics: http.NotFoundHandler(),
		Log: slog.New(slog.NewTextHandler(log, nil)),
	}), log
}

// untried is a store in which nothing was run.
type untried struct{ runs }

type runs interface{ app.Runs }

func (untried) Progress(context.Context) ([]wire.Progress, error) { return nil, nil }

func TestProblems(t *testing.T) {
	h, _ := bare(t)
	const format = "/api/challenges/c/format"
	for _, c := range []struct {
		method, path, body string
		status             int
		code               string // "" for a page
	}{
		{"GET", "/api/challenges/nothing/workspace", "", 404, "not-found"},
		{"GET", "/api/challenges/nothing/solution", "", 404, "not-found"},
		{"POST", "/api/challenges/nothing/runs", "{}", 404, "not-found"},
		{"GET", "/live?challenge=nothing", "", 404, "not-found"},
		{"GET", "/api/nothing", "", 404, "not-found"},
		{"PATCH", "/api/challenges/c/runs", "{}", 404, "not-found"},
		{"GET", "/nothing", "", 404, ""},
		{"GET", "/challenges/nothing", "", 404, ""},
		{"POST", "/api/challenges/nothing/format", `{"path": "a.go", "text": "package a"}`, 404, "not-found"},
		{"POST", format, "", 422, "invalid"},
		{"POST", format, "[]", 422, "invalid"},
		{"POST", format, `{"text": "", "extra": 1}`, 422, "invalid"},
		{"POST", format, `{"text": ""} {}`, 422, "invalid"},
		{"POST", format, `{"path": "a.go", "text": "package"}`, 422, "invalid"},
		{"POST", format, `{"text": "` + strings.Repeat("x", maxBody) + `"}`, 413, "too-large"},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(c.method, c.path, strings.NewReader(c.body)))
		kind := "application/problem+json"
		if c.code == "" {
			kind = "text/html; charset=utf-8"
		}
		if w.Code != c.status || w.Header().Get("Content-Type") != kind {
			t.Errorf("%s %s %.40s: %d %s, want %d %s", c.method, c.path, c.body, w.Code, w.Header().Get("Content-Type"), c.status, kind)
			continue
		}
		if c.code == "" {
			continue
		}
		var p problem
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
			t.Errorf("%s %s: %v", c.method, c.path, err)
		} else if p.Type != "about:blank" || p.Status != c.status || p.Code != c.code || p.Title == "" || p.Detail == "" {
			t.Errorf("%s %s: %+v", c.method, c.path, p)
		}
	}
}

func TestASyntaxErrorHasItsPlace(t *testing.T) {
	h, _ := bare(t)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", "/api/challenges/c/format", strings.NewReader(`{"path": "store.go", "text": "package main\n\nfunc ("}`)))
	var p problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || len(p.Diagnostics) == 0 || p.Diagnostics[0].File != "store.go" || p.Diagnostics[0].Line != 3 {
		t.Errorf("%v: %s", err, w.Body)
	}
}

func TestEveryCodeHasAStatus(t *testing.T) {
	for _, code := range []app.Code{app.NotFound, app.Invalid, app.Forbidden, app.Conflict, app.TooLarge} {
		if status := statuses[code]; status < 400 || status > 499 {
			t.Errorf("%s is answered with %d", code, status)
		}
	}
}

// A page that fails half-way is its problem and nothing of itself; what failed is
// for the log.
func TestAPageThatFailsHalfWay(t *testing.T) {
	pages, err := render.New(nil, false)
	if err != nil {
		t.Fatal(err)
	}
	log := &bytes.Buffer{}
	h := &handler{Options{Pages: pages, Log: slog.New(slog.NewTextHandler(log, nil))}}
	w := httptest.NewRecorder()
	h.page(func(w http.ResponseWriter, _ *http.Request) error {
		_, err := io.WriteString(w, "<p>half a page")
		return errors.Join(err, errors.New("the secret path"))
	})(w, httptest.NewRequest("GET", "/", nil))
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "half a page") || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if !strings.Contains(log.String(), "the secret path") {
		t.Errorf("the log says %s", log)
	}
}

func TestTheGuardSurvivesAPanic(t *testing.T) {
	var served int
	g := &Guard{Log: slog.New(slog.DiscardHandler)}
	g.Served = func(string, int, time.Duration) { served++ }
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/", nil)
	r.Host = "127.0.0.1:8095"
	g.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("a bug") })).ServeHTTP(w, r)
	if w.Code != http.StatusInternalServerError || served != 1 || strings.Contains(w.Body.String(), "a bug") {
		t.Errorf("%d %s, counted %d times", w.Code, w.Body, served)
	}
}

// Each answer says what a page may load, and that nobody may frame it.
func TestPolicy(t *testing.T) {
	h, _ := bare(t)
	g := &Guard{Log: slog.New(slog.DiscardHandler), Served: func(string, int, time.Duration) {}}
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/", nil)
	r.Host = "[::1]:8095"
	g.Wrap(h).ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	csp := w.Header().Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self';", "style-src 'self';", "connect-src 'self' ws://[::1]:8095", "frame-ancestors 'none'", "base-uri 'none'"} {
		if !strings.Contains(csp, want) {
			t.Errorf("the policy lacks %s: %s", want, csp)
		}
	}
	if strings.Contains(csp, "unsafe") {
		t.Errorf("the policy has an unsafe part: %s", csp)
	}
	for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}
