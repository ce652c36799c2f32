package kit

import (
	"context"
	"database/sql/driver"
	"fmt"
	"net/http"
	"net/http/pprof"
	"runtime"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/ngrok/sqlmw"
)

// counting counts statements where the driver is asked to run one.
type counting struct{ sqlmw.NullInterceptor }

func (counting) ConnExecContext(ctx context.Context, c driver.ExecerContext, query string, args []driver.NamedValue) (driver.Result, error) {
	queries.add(query)
	return c.ExecContext(ctx, query, args)
}

func (counting) ConnQueryContext(ctx context.Context, c driver.QueryerContext, query string, args []driver.NamedValue) (context.Context, driver.Rows, error) {
	queries.add(query)
	rows, err := c.QueryContext(ctx, query, args)
	return ctx, rows, err
}

func (counting) StmtExecContext(ctx context.Context, s driver.StmtExecContext, query string, args []driver.NamedValue) (driver.Result, error) {
	queries.add(query)
	return s.ExecContext(ctx, args)
}

func (counting) StmtQueryContext(ctx context.Context, s driver.StmtQueryContext, query string, args []driver.NamedValue) (context.Context, driver.Rows, error) {
	queries.add(query)
	rows, err := s.QueryContext(ctx, args)
	return ctx, rows, err
}

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
// event in so many nanoseconds, one contended lock in so many.
const (
	blockRate = 1_000_000
	mutexRate = 100
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
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}
