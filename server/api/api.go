// Package api is the HTTP interface: pages, the JSON API of docs/wire.md, and
// the rules for who may ask. It must not know SQL, files or grading.
package api

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"syscall"

	"github.com/p95lab/p95lab/grader/verdict"
	"github.com/p95lab/p95lab/server/app"
	"github.com/p95lab/p95lab/server/render"
)

// Options are what the interface serves.
type Options struct {
	Lab     *app.Lab
	Pages   *render.Renderer
	Live    http.Handler
	Metrics http.Handler
	Log     *slog.Logger
	// Go is the version of the Go command that builds, "go1.26.8".
	Go string
	// Isolated tells whether a learner's code is confined here; asked for each
	// page, as the first answer takes a moment.
	Isolated func() bool
}

type handler struct {
	Options
}

// New returns the interface without the guard; see Guard.
func New(o Options) http.Handler {
	h := &handler{o}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", h.page(h.catalogue))
	mux.HandleFunc("GET /challenges/{slug}", h.page(h.challenge))
	mux.Handle("GET /static/{name}", o.Pages.Static())
	mux.Handle("GET /licences", o.Pages.Licences())
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	mux.Handle("GET /metrics", o.Metrics)
	mux.HandleFunc("GET /live", h.live)

	const c = "/api/challenges/{slug}"
	mux.HandleFunc("GET "+c+"/workspace", h.answer(h.workspace))
	mux.HandleFunc("PUT "+c+"/files/{path...}", h.answer(h.write))
	mux.HandleFunc("DELETE "+c+"/files/{path...}", h.answer(h.remove))
	mux.HandleFunc("POST "+c+"/format", h.answer(h.format))
	mux.HandleFunc("POST "+c+"/reset", h.answer(h.reset))
	mux.HandleFunc("POST "+c+"/diagnosis", h.answer(h.diagnose))
	mux.HandleFunc("POST "+c+"/hints/{n}", h.answer(h.hint))
	mux.HandleFunc("POST "+c+"/runs", h.answer(h.start))
	mux.HandleFunc("GET "+c+"/runs", h.answer(h.runs))
	mux.HandleFunc("GET "+c+"/solution", h.answer(h.solution))
	mux.HandleFunc("GET /api/runs/{id}", h.answer(h.run))
	mux.HandleFunc("GET /api/runs/{id}/events", h.answer(h.events))
	mux.HandleFunc("POST /api/runs/{id}/stop", h.answer(h.stop))
	mux.HandleFunc("GET /api/runs/{id}/profiles/{view}", h.answer(h.graph))
	mux.HandleFunc("GET /api/runs/{id}/profiles/{side}/{name}", h.profile)
	mux.HandleFunc("/api/", h.answer(func(r *http.Request) (reply, error) {
		return reply{}, &app.Error{Code: app.NotFound, Message: "There is no " + r.Method + " at this address. docs/wire.md lists what there is."}
	}))
	mux.HandleFunc("/", h.page(func(http.ResponseWriter, *http.Request) error {
		return &app.Error{Code: app.NotFound, Message: "There is nothing at this address. The catalogue is at /."}
	}))
	return mux
}

// maxBody bounds a request's body: a file of 256 KiB, escaped as JSON.
const maxBody = 2 << 20

// reply is a status and a body; a nil body is none.
type reply struct {
	status int
	body   any
}

// answer makes a handler of the JSON API.
func (h *handler) answer(f func(*http.Request) (reply, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		got, err := f(r)
		if err != nil {
			h.problem(w, r, err)
			return
		}
		if got.body == nil {
			w.WriteHeader(got.status)
			return
		}
		h.send(w, r, got.status, "application/json", got.body)
	}
}

func (h *handler) send(w http.ResponseWriter, r *http.Request, status int, kind string, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		h.Log.Error("encode an answer", "path", r.URL.Path, "error", err)
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-store")
	again(w, status)
	w.WriteHeader(status)
	if _, err := w.Write(append(text, '\n')); err != nil {
		h.Log.Debug("the caller has gone", "error", err)
	}
}

// again says when to come again to a server that is busy.
func again(w http.ResponseWriter, status int) {
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
}

// statuses maps what an error is to HTTP, here and nowhere else.
var statuses = map[app.Code]int{
	app.NotFound: http.StatusNotFound, app.Invalid: http.StatusUnprocessableEntity, app.Forbidden: http.StatusForbidden,
	app.Conflict: http.StatusConflict, app.TooLarge: http.StatusRequestEntityTooLarge,
}

// refusals are what the machine may refuse for a while: not the caller's fault, and
// no defect. Which of them an error is, is looked for in this order.
var refusals = []struct {
	errs   []error
	status int
	code   string
	detail string
}{
	{[]error{app.ErrNoRoom, syscall.ENOSPC, syscall.EDQUOT}, http.StatusInsufficientStorage, "no-room",
		"The disk that holds the data folder is full. Nothing was changed: make room and try again."},
	{[]error{app.ErrReadOnly, syscall.EROFS}, http.StatusInsufficientStorage, "read-only",
		"The disk that holds the data folder cannot be written. Nothing was changed: mend that and try again."},
	{[]error{app.ErrBusy, syscall.EMFILE, syscall.ENFILE}, http.StatusServiceUnavailable, "busy",
		"The server has too many files open at this moment. Try again in a second."},
}

// refused fills in what the machine refused, if that is what an error is.
func (p *problem) refused(err error) bool {
	for _, r := range refusals {
		if slices.ContainsFunc(r.errs, func(known error) bool { return errors.Is(err, known) }) {
			p.Status, p.Code, p.Detail = r.status, r.code, r.detail
			return true
		}
	}
	return false
}

// problem is a problem detail, RFC 9457.
type problem struct {
	Type        string               `json:"type"`
	Title       string               `json:"title"`
	Status      int                  `json:"status"`
	Detail      string               `json:"detail"`
	Code        string               `json:"code"`
	Diagnostics []verdict.Diagnostic `json:"diagnostics,omitempty"`
}

func (h *handler) problem(w http.ResponseWriter, r *http.Request, err error) {
	p := h.describe(r, err)
	h.send(w, r, p.Status, "application/problem+json", p)
}

// describe says what an error is to the caller. What is not theirs is logged and
// not shown.
func (h *handler) describe(r *http.Request, err error) problem {
	p := problem{Type: "about:blank", Status: http.StatusInternalServerError, Code: "internal",
		Detail: "This is a fault of ours. Try again; the server's log says more."}
	var known *app.Error
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &known):
		p.Status, p.Code, p.Detail, p.Diagnostics = statuses[known.Code], string(known.Code), known.Message, known.Diagnostics
	case errors.As(err, &large):
		p.Status, p.Code = http.StatusRequestEntityTooLarge, string(app.TooLarge)
		p.Detail = fmt.Sprintf("The request is larger than %d KiB.", maxBody>>10)
	case p.refused(err):
		h.Log.Warn("the machine refuses", "path", r.URL.Path, "error", err)
	case r.Context().Err() != nil:
		h.Log.Debug("the caller has gone", "path", r.URL.Path, "error", err)
	default:
		h.Log.Error("request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	p.Title = http.StatusText(p.Status)
	return p
}

// page makes a handler of a page; its errors are pages, too.
func (h *handler) page(f func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		status, page := http.StatusOK, &drawing{header: w.Header()}
		if err := f(page, r); err != nil {
			p := h.describe(r, err)
			status = p.Status
			page.Reset()
			if err := h.Pages.Problem(page, render.Problem{Status: p.Status, Title: p.Title, Detail: p.Detail}); err != nil {
				h.Log.Error("draw a problem page", "error", err)
			}
		}
		again(w, status)
		w.WriteHeader(status)
		if _, err := page.WriteTo(w); err != nil {
			h.Log.Debug("the caller has gone", "error", err)
		}
	}
}

// drawing holds a page until it is whole, so that one that fails half-way is
// answered by its problem alone.
type drawing struct {
	bytes.Buffer
	header http.Header
}

// Header is the answer's.
func (d *drawing) Header() http.Header { return d.header }

// WriteHeader does nothing: the status is known when the page is whole.
func (d *drawing) WriteHeader(int) {}

// decode reads a JSON body strictly.
func decode(r *http.Request, v any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return err
		}
		return &app.Error{Code: app.Invalid, Message: "The body is not as docs/wire.md has it: " + err.Error()}
	}
	if d.More() {
		return &app.Error{Code: app.Invalid, Message: "The body holds more than one JSON value."}
	}
	return nil
}

func (h *handler) live(w http.ResponseWriter, r *http.Request) {
	if _, err := h.Lab.Challenge(r.URL.Query().Get("challenge")); err != nil {
		h.problem(w, r, err)
		return
	}
	h.Live.ServeHTTP(w, r)
}

func (h *handler) workspace(r *http.Request) (reply, error) {
	c, err := h.Lab.Challenge(r.PathValue("slug"))
	if err != nil {
		return reply{}, err
	}
	view, err := h.Lab.Workspaces.View(c)
	return reply{http.StatusOK, view}, err
}

func (h *handler) write(r *http.Request) (reply, error) {
	c, err := h.Lab.Challenge(r.PathValue("slug"))
	if err != nil {
		return reply{}, err
	}
	var body struct {
		Text string `json:"text"`
	}
	if err := decode(r, &body); err != nil {
		return reply{}, err
	}
	saved, err := h.Lab.Workspaces.Write(c, r.PathValue("path"), body.Text)
	return reply{http.StatusOK, saved}, err
}

func (h *handler) remove(r *http.Request) (reply, error) {
	c, err := h.Lab.Challenge(r.PathValue("slug"))
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusNoContent}, h.Lab.Workspaces.Remove(c, r.PathValue("path"))
}

func (h *handler) format(r *http.Request) (reply, error) {
	if _, err := h.Lab.Challenge(r.PathValue("slug")); err != nil {
		return reply{}, err
	}
	var body struct {
		Path string `json:"path"`
		Text string `json:"text"`
	}
	if err := decode(r, &body); err != nil {
		return reply{}, err
	}
	text, err := app.Format(body.Path, body.Text)
	return reply{http.StatusOK, map[string]string{"text": text}}, err
}

func (h *handler) reset(r *http.Request) (reply, error) {
	var body struct {
		To   string `json:"to"`
		Path string `json:"path"`
	}
	if err := decode(r, &body); err != nil {
		return reply{}, err
	}
	view, err := h.Lab.Reset(r.Context(), r.PathValue("slug"), body.To, body.Path)
	return reply{http.StatusOK, view}, err
}

func (h *handler) diagnose(r *http.Request) (reply, error) {
	var body struct {
		Answer *int `json:"answer"`
	}
	if err := decode(r, &body); err != nil {
		return reply{}, err
	}
	if body.Answer == nil {
		return reply{}, &app.Error{Code: app.Invalid, Message: "answer is missing: the number of an option, from 0."}
	}
	d, err := h.Lab.Diagnose(r.Context(), r.PathValue("slug"), *body.Answer)
	return reply{http.StatusOK, d}, err
}

func (h *handler) hint(r *http.Request) (reply, error) {
	n, err := strconv.Atoi(r.PathValue("n"))
	if err != nil {
		return reply{}, &app.Error{Code: app.NotFound, Message: "Hints are numbered from 1."}
	}
	hint, err := h.Lab.OpenHint(r.Context(), r.PathValue("slug"), n)
	return reply{http.StatusOK, hint}, err
}

func (h *handler) start(r *http.Request) (reply, error) {
	var body struct {
		Hypothesis string `json:"hypothesis"`
	}
	if err := decode(r, &body); err != nil {
		return reply{}, err
	}
	info, err := h.Lab.Start(r.Context(), r.PathValue("slug"), body.Hypothesis)
	return reply{http.StatusAccepted, info}, err
}

func (h *handler) runs(r *http.Request) (reply, error) {
	list, err := h.Lab.History(r.Context(), r.PathValue("slug"))
	return reply{http.StatusOK, list}, err
}

func (h *handler) solution(r *http.Request) (reply, error) {
	s, err := h.Lab.Solution(r.Context(), r.PathValue("slug"))
	return reply{http.StatusOK, s}, err
}

func (h *handler) run(r *http.Request) (reply, error) {
	run, err := h.Lab.Run(r.Context(), r.PathValue("id"))
	return reply{http.StatusOK, run}, err
}

func (h *handler) events(r *http.Request) (reply, error) {
	var after int64
	if v := r.URL.Query().Get("after"); v != "" {
		var err error
		if after, err = strconv.ParseInt(v, 10, 64); err != nil || after < 0 {
			return reply{}, &app.Error{Code: app.Invalid, Message: "after must be a number from 0."}
		}
	}
	events, _, err := h.Lab.Events(r.Context(), r.PathValue("id"), after)
	return reply{http.StatusOK, events}, err
}

func (h *handler) stop(r *http.Request) (reply, error) {
	return reply{status: http.StatusAccepted}, h.Lab.Stop(r.Context(), r.PathValue("id"))
}

// nonce is fresh for each page.
func nonce() string { return rand.Text() }
