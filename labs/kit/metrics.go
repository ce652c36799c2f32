package kit

import (
	"fmt"
	"net/http"
	"net/http/pprof"
	"runtime"
	profiles "runtime/pprof"
	"strconv"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// measure counts and times each request by its route.
func measure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		seen := &recorder{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(seen, r)
		route := r.Pattern
		if route == "" {
			route = "none"
		}
		metrics.GetOrCreateCounter(fmt.Sprintf(`http_requests_total{route=%q,code="%d"}`, route, seen.status)).Inc()
		metrics.GetOrCreateHistogram(fmt.Sprintf(`http_request_seconds{route=%q}`, route)).UpdateDuration(began)
	})
}

type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach what is below.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// Rates of the profiles that cost something while nobody looks: one blocking
// event in so many nanoseconds, one contended lock in so many, one allocation in
// so many bytes. The usual half megabyte shows little of a short run.
const (
	blockRate  = 1_000_000
	mutexRate  = 100
	memoryRate = 64 << 10
)

// admin serves profiles and metrics, on a port of its own.
func admin() http.Handler {
	runtime.SetBlockProfileRate(blockRate)
	runtime.SetMutexProfileFraction(mutexRate)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		fmt.Fprintf(w, "db_queries_total %d\n", Statements())
		metrics.WritePrometheus(w, true)
	})
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", cpuProfile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	recorded.handle(mux)
	return mux
}

// The time of a CPU profile, in seconds, where none is asked for, and the
// longest.
const (
	usualProfile   = 30
	longestProfile = 300
)

// cpuProfile is pprof.Profile that takes parts of a second, too: ?seconds=0.6.
func cpuProfile(w http.ResponseWriter, r *http.Request) {
	seconds, err := strconv.ParseFloat(r.FormValue("seconds"), 64)
	if err != nil || !(seconds > 0 && seconds <= longestProfile) {
		seconds = usualProfile
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	if err := profiles.StartCPUProfile(w); err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	defer profiles.StopCPUProfile()
	enough := time.NewTimer(time.Duration(seconds * float64(time.Second)))
	defer enough.Stop()
	select {
	case <-enough.C:
	case <-r.Context().Done():
	}
}
