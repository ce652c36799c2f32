package api

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/p95lab/p95lab/grader/evidence"
)

// graph draws a view of a run's profiles.
func (h *handler) graph(r *http.Request) (reply, error) {
	g, err := h.Lab.Graph(r.Context(), r.PathValue("id"), r.PathValue("view"), r.URL.Query().Get("against"))
	return reply{http.StatusOK, g}, err
}

// profile hands out a profile as it came, for go tool pprof.
func (h *handler) profile(w http.ResponseWriter, r *http.Request) {
	side, name := r.PathValue("side"), r.PathValue("name")
	run, body, err := h.Lab.Profile(r.Context(), r.PathValue("id"), side, name)
	if err != nil {
		h.problem(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s-%d-%s"`, run.Challenge, run.Number, evidence.FileName(evidence.Name(side, name))))
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	if _, err := w.Write(body); err != nil {
		h.Log.Debug("the caller has gone", "error", err)
	}
}
