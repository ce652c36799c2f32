package api

import (
	"bufio"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"mime"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Guard keeps out what does not come from this server's own pages: a page on the
// web must not be able to drive a local server that compiles code.
type Guard struct {
	// Hosts are the names under which this server may be addressed, without a
	// port. The usual names of this machine are always among them.
	Hosts []string
	// Limiter bounds how often requests may come; nil lets all of them through.
	Limiter *Limiter
	Log     *slog.Logger
	// Served is told each answer: route, status, how long it took.
	Served func(route string, status int, took time.Duration)
}

var local = []string{"localhost", "127.0.0.1", "::1"}

// known tells whether a Host header names this server. A name that only resolves
// here (DNS rebinding) does not.
func (g *Guard) known(host string) bool {
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		name, port = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"), ""
	}
	if strings.Trim(port, "0123456789") != "" { // it is written into the pages' policy
		return false
	}
	name = strings.TrimSuffix(name, ".")
	same := func(own string) bool { return strings.EqualFold(own, name) }
	return slices.ContainsFunc(local, same) || slices.ContainsFunc(g.Hosts, same)
}

// SameOrigin tells whether a request comes from a page of this server, or from no
// page at all.
func (g *Guard) SameOrigin(r *http.Request) bool {
	if origin := r.Header.Get("Origin"); origin != "" {
		u, err := url.Parse(origin)
		return err == nil && (u.Scheme == "http" || u.Scheme == "https") && strings.EqualFold(u.Host, r.Host)
	}
	site := r.Header.Get("Sec-Fetch-Site")
	return site == "" || site == "same-origin"
}

// visit tells whether a person opens an address: by a link from elsewhere, a
// bookmark or the address bar. It may read pages; what only pages of ours ask for
// is not to be opened from other sites.
func visit(r *http.Request) bool {
	if !safe(r.Method) || r.URL.Path == "/live" {
		return false
	}
	if r.Header.Get("Sec-Fetch-Site") == "none" {
		return true
	}
	return r.Header.Get("Origin") == "" && !strings.HasPrefix(r.URL.Path, "/api/") && r.URL.Path != "/metrics"
}

// anonymous requests do not say which page they come from, if any.
func anonymous(r *http.Request) bool {
	return r.Header.Get("Origin") == "" && r.Header.Get("Sec-Fetch-Site") == ""
}

// safe methods change nothing, RFC 9110 section 9.2.1.
func safe(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// Wrap puts the guard before a handler.
func (g *Guard) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		seen := &recorder{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			if p := recover(); p != nil {
				if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
					panic(p)
				}
				g.Log.Error("a request panicked", "path", r.URL.Path, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
				if !seen.wrote {
					http.Error(seen, "internal error", http.StatusInternalServerError)
				}
			}
			route := r.Pattern
			if route == "" {
				route = "refused"
			}
			g.Served(route, seen.status, time.Since(began))
			g.Log.Debug("served", "method", r.Method, "path", r.URL.Path, "status", seen.status, "took", time.Since(began))
		}()
		h := seen.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		if !g.known(r.Host) {
			refuse(seen, http.StatusMisdirectedRequest, "This server does not answer to that name. Use http://127.0.0.1, or start it with --host.")
			return
		}
		h.Set("Content-Security-Policy", policy(r.Host, ""))
		if !g.SameOrigin(r) && !visit(r) {
			refuse(seen, http.StatusForbidden, "Only pages of this server may do that.")
			return
		}
		if g.Limiter != nil {
			if wait := g.Limiter.take(classOf(r), r.RemoteAddr, began); wait > 0 {
				h.Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
				refuse(seen, http.StatusTooManyRequests, "That was too often. Wait for as long as Retry-After says, and try again.")
				return
			}
		}
		if !safe(r.Method) && (r.ContentLength != 0 || anonymous(r)) {
			// A form of another site cannot send this type without asking first, also
			// from a browser that is too old to say where it comes from.
			if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
				refuse(seen, http.StatusUnsupportedMediaType, "Send Content-Type: application/json.")
				return
			}
		}
		next.ServeHTTP(seen, r)
	})
}

func refuse(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	code := "refused"
	if status == http.StatusTooManyRequests {
		code = "too-often"
	}
	// Every text here is a constant without quotes.
	_, _ = fmt.Fprintf(w, `{"type":"about:blank","title":%q,"status":%d,"detail":%q,"code":%q}`+"\n", http.StatusText(status), status, detail, code)
}

// policy is the Content-Security-Policy of a page: all of it from here, no script
// and no style inside of it but the editor's, by its nonce.
func policy(host, nonce string) string {
	style := "'self'"
	if nonce != "" {
		style += " 'nonce-" + nonce + "'"
	}
	return "default-src 'none'; script-src 'self'; style-src " + style + "; font-src 'self'; img-src 'self' data:; " +
		"connect-src 'self' ws://" + host + "; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
}

type recorder struct {
	http.ResponseWriter
	status int
	wrote  bool
}

func (r *recorder) WriteHeader(status int) {
	r.status, r.wrote = status, true
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	r.wrote = true
	return r.ResponseWriter.Write(p)
}

// Hijack gives a websocket its connection.
func (r *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	r.status, r.wrote = http.StatusSwitchingProtocols, true
	return http.NewResponseController(r.ResponseWriter).Hijack()
}

// Unwrap lets http.ResponseController reach what is below.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
