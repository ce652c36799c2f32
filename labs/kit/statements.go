package kit

import (
	"cmp"
	"context"
	"database/sql/driver"
	"encoding/json"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ngrok/sqlmw"
)

// Bounds of what is recorded: texts, and executions of each whose time is kept.
const (
	maxTexts = 100
	maxTimes = 20_000
)

// recorded tells what each SQL text costs while somebody records. At other times
// it costs one look at a flag for each statement and row.
var recorded journal

// journal holds the costs of SQL texts. It is safe for concurrent use.
type journal struct {
	on   atomic.Bool
	mu   sync.Mutex
	cost map[string]*cost
}

type cost struct {
	failed, rows int
	calls        int
	total        time.Duration
	times        []time.Duration
}

// execution is one statement on its way.
type execution struct {
	text  string
	spent time.Duration
	rows  int
}

type executionKey struct{}

func (s *journal) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cost = map[string]*cost{}
	s.on.Store(true)
}

func (s *journal) end() { s.on.Store(false) }

func (s *journal) add(e *execution, failed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.cost[e.text]
	if c == nil {
		if len(s.cost) >= maxTexts {
			return
		}
		c = &cost{}
		s.cost[e.text] = c
	}
	c.calls++
	c.rows += e.rows
	c.total += e.spent
	if failed {
		c.failed++
	}
	if len(c.times) < maxTimes {
		c.times = append(c.times, e.spent)
	}
}

// query notes a statement that was asked and whose rows are still to come.
func (s *journal) query(ctx context.Context, text string, began time.Time, err error) context.Context {
	if !s.on.Load() {
		return ctx
	}
	e := &execution{text: text, spent: time.Since(began)}
	if err != nil {
		s.add(e, true)
		return ctx
	}
	return context.WithValue(ctx, executionKey{}, e)
}

// exec notes a statement that changes something.
func (s *journal) exec(text string, began time.Time, result driver.Result, err error) {
	if !s.on.Load() {
		return
	}
	e := &execution{text: text, spent: time.Since(began)}
	if err == nil {
		if n, err := result.RowsAffected(); err == nil {
			e.rows = int(n)
		}
	}
	s.add(e, err != nil)
}

// next reads a row; SQLite does its work here, not when it is asked.
func (s *journal) next(ctx context.Context, rows driver.Rows, into []driver.Value) error {
	if !s.on.Load() {
		return rows.Next(into)
	}
	e, ok := ctx.Value(executionKey{}).(*execution)
	if !ok {
		return rows.Next(into)
	}
	began := time.Now()
	err := rows.Next(into)
	e.spent += time.Since(began)
	if err == nil {
		e.rows++
	}
	return err
}

func (s *journal) done(ctx context.Context) {
	if !s.on.Load() {
		return
	}
	if e, ok := ctx.Value(executionKey{}).(*execution); ok {
		s.add(e, false)
	}
}

// statement is what is told of one SQL text.
type statement struct {
	SQL     string  `json:"sql"`
	Calls   int     `json:"calls"`
	Failed  int     `json:"failed"`
	Rows    int     `json:"rows"`        // returned or changed, of all calls
	Seconds float64 `json:"seconds"`     // in the database, of all calls
	P95     float64 `json:"p95_seconds"` // of one call
}

// told lists the texts, the one that took most time first.
func (s *journal) told() []statement {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []statement{}
	for text, c := range s.cost {
		slices.Sort(c.times)
		one := statement{SQL: text, Calls: c.calls, Failed: c.failed, Rows: c.rows, Seconds: c.total.Seconds()}
		if n := len(c.times); n > 0 {
			one.P95 = c.times[(n-1)*95/100].Seconds()
		}
		list = append(list, one)
	}
	slices.SortFunc(list, func(a, b statement) int {
		return cmp.Or(cmp.Compare(b.Seconds, a.Seconds), cmp.Compare(a.SQL, b.SQL))
	})
	return list
}

// handle serves what was recorded: POST begins anew, GET tells, DELETE ends.
func (s *journal) handle(mux *http.ServeMux) {
	mux.HandleFunc("POST /debug/statements", func(w http.ResponseWriter, _ *http.Request) {
		s.begin()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /debug/statements", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(s.told()); err != nil {
			slog.DebugContext(r.Context(), "the caller has gone", "error", err)
		}
	})
	mux.HandleFunc("DELETE /debug/statements", func(w http.ResponseWriter, _ *http.Request) {
		s.end()
		w.WriteHeader(http.StatusNoContent)
	})
}

// watching counts statements where the driver is asked to run one, and times
// them while somebody records.
type watching struct{ sqlmw.NullInterceptor }

func (watching) ConnExecContext(ctx context.Context, c driver.ExecerContext, text string, args []driver.NamedValue) (driver.Result, error) {
	queries.add(text)
	began := time.Now()
	result, err := c.ExecContext(ctx, text, args)
	recorded.exec(text, began, result, err)
	return result, err
}

func (watching) ConnQueryContext(ctx context.Context, c driver.QueryerContext, text string, args []driver.NamedValue) (context.Context, driver.Rows, error) {
	queries.add(text)
	began := time.Now()
	rows, err := c.QueryContext(ctx, text, args)
	return recorded.query(ctx, text, began, err), rows, err
}

func (watching) StmtExecContext(ctx context.Context, s driver.StmtExecContext, text string, args []driver.NamedValue) (driver.Result, error) {
	queries.add(text)
	began := time.Now()
	result, err := s.ExecContext(ctx, args)
	recorded.exec(text, began, result, err)
	return result, err
}

func (watching) StmtQueryContext(ctx context.Context, s driver.StmtQueryContext, text string, args []driver.NamedValue) (context.Context, driver.Rows, error) {
	queries.add(text)
	began := time.Now()
	rows, err := s.QueryContext(ctx, args)
	return recorded.query(ctx, text, began, err), rows, err
}

func (watching) RowsNext(ctx context.Context, rows driver.Rows, into []driver.Value) error {
	return recorded.next(ctx, rows, into)
}

func (watching) RowsClose(ctx context.Context, rows driver.Rows) error {
	recorded.done(ctx)
	return rows.Close()
}
