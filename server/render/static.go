package render

import (
	"io"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"strings"
	"time"
)

// hashed matches the names that the build derives from their content.
var hashed = regexp.MustCompile(`-[A-Z0-9]{8}\.[a-z0-9]+$`)

// types are spelled out, as the system's own table differs between machines.
var types = map[string]string{
	".js":    "text/javascript; charset=utf-8",
	".css":   "text/css; charset=utf-8",
	".svg":   "image/svg+xml",
	".txt":   "text/plain; charset=utf-8",
	".woff2": "font/woff2",
}

// Static serves the built assets below /static/. Content-hashed names never
// change, so they are kept for a year; a compressed twin is sent to whoever
// takes it.
func (r *Renderer) Static() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.serve(w, req, strings.TrimPrefix(req.URL.Path, "/static/"))
	})
}

// Licences serves the licences of the bundled packages.
func (r *Renderer) Licences() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.serve(w, req, "LICENCES.txt")
	})
}

func (r *Renderer) serve(w http.ResponseWriter, req *http.Request, name string) {
	kind, known := types[path.Ext(name)]
	if !known || !fs.ValidPath(name) {
		http.NotFound(w, req)
		return
	}
	file, err := r.assets.Open(name)
	if err != nil {
		http.NotFound(w, req)
		return
	}
	defer file.Close()
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Vary", "Accept-Encoding")
	h.Set("X-Content-Type-Options", "nosniff")
	if hashed.MatchString(name) {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		h.Set("Cache-Control", "no-cache")
	}
	if strings.Contains(req.Header.Get("Accept-Encoding"), "gzip") {
		if twin, err := r.assets.Open(name + ".gz"); err == nil {
			defer twin.Close()
			h.Set("Content-Encoding", "gzip")
			file = twin
		}
	}
	content, ok := file.(io.ReadSeeker)
	if !ok {
		http.Error(w, "this file system cannot seek", http.StatusInternalServerError)
		return
	}
	// Embedded files have no time of change; the name's hash does that work.
	http.ServeContent(w, req, name, time.Time{}, content)
}
