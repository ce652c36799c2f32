package kit

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// The figures are by route, not by path: each customer's own path would be a
// series of its own.
func TestRequestsAreCountedByRoute(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /counted/{id}", func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("id") == "3" {
			w.WriteHeader(http.StatusTeapot)
		}
	})
	outer := http.NewServeMux()
	outer.Handle("/", measure(mux))
	for _, path := range []string{"/counted/1", "/counted/2", "/counted/3"} {
		outer.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil))
	}
	shown := get(t, admin(), "/metrics")
	for _, want := range []string{
		`http_requests_total{route="GET /counted/{id}",code="200"} 2`,
		`http_requests_total{route="GET /counted/{id}",code="418"} 1`,
		`http_request_seconds_count{route="GET /counted/{id}"} 3`,
		"db_queries_total ",
		"go_goroutines ",
	} {
		if !strings.Contains(shown, want) {
			t.Errorf("/metrics does not show %s", want)
		}
	}
	if strings.Contains(shown, "/counted/1") {
		t.Error("/metrics shows a path")
	}
}

func TestProfilesAreServed(t *testing.T) {
	for path, want := range map[string]string{
		"/debug/pprof/":                  "goroutine",
		"/debug/pprof/cmdline":           "kit.test",
		"/debug/pprof/goroutine?debug=1": "TestProfilesAreServed",
	} {
		if text := get(t, admin(), path); !strings.Contains(text, want) {
			t.Errorf("%s does not show %q", path, want)
		}
	}
}

func get(t *testing.T, h http.Handler, path string) string {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	if w.Code != http.StatusOK {
		t.Errorf("GET %s: status %d", path, w.Code)
	}
	return w.Body.String()
}
