package kit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// shelf is a service of one table.
var shelf = Service{
	Name:   "shelf",
	Schema: `CREATE TABLE books (id INTEGER PRIMARY KEY, title TEXT NOT NULL)`,
	Seed: func(ctx context.Context, tx *sql.Tx, rows Rows) error {
		for i := range int(10 * rows.Scale) {
			if _, err := tx.ExecContext(ctx, `INSERT INTO books (title) VALUES (?)`, fmt.Sprintf("%d of %d", i, rows.Seed)); err != nil {
				return err
			}
		}
		return nil
	},
	Routes: func(*sql.DB) http.Handler { return http.NotFoundHandler() },
}

func env(pairs ...string) func(string) string {
	return func(name string) string {
		for _, pair := range pairs {
			if value, ok := strings.CutPrefix(pair, name+"="); ok {
				return value
			}
		}
		return ""
	}
}

// seeded returns the path of a new database with the shelf's rows.
func seeded(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "shelf.db")
	if err := shelf.run(t.Context(), []string{"seed"}, env("DATABASE_URL=sqlite:"+path)); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRunRefuses(t *testing.T) {
	dir := t.TempDir()
	old := "DATABASE_URL=sqlite:" + seeded(t)
	fresh := "DATABASE_URL=sqlite:" + filepath.Join(dir, "fresh.db")
	seed := []string{"seed"}
	for _, c := range []struct {
		name string
		args []string
		env  []string
		want string
	}{
		{"an unknown word", []string{"sow"}, nil, "say nothing to serve, or: seed"},
		{"migrate without a folder", []string{"migrate"}, nil, "migrate FOLDER"},
		{"no port", nil, []string{old}, "PORT is not set"},
		{"no database", nil, []string{"PORT=0"}, "DATABASE_URL is not set"},
		{"another engine", nil, []string{"PORT=0", "DATABASE_URL=postgres://127.0.0.1/shelf"}, "DATABASE_URL is not set"},
		{"a database that is not there", nil, []string{"PORT=0", fresh}, "seed makes one"},
		{"a migration of nothing", []string{"migrate", dir}, []string{fresh}, "seed makes one"},
		{"a folder that is not there", []string{"migrate", filepath.Join(dir, "none")}, []string{old}, "read the migrations"},
		{"a seed that is no number", seed, []string{fresh, "SEED=-1"}, `SEED "-1"`},
		{"no rows", seed, []string{fresh, "SCALE=0"}, `SCALE "0"`},
		{"no number of rows", seed, []string{fresh, "SCALE=NaN"}, `SCALE "NaN"`},
		{"more rows than a disk holds", seed, []string{fresh, "SCALE=1e9"}, `SCALE "1e9"`},
		{"a database that has rows", seed, []string{old}, "create the tables"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := shelf.run(t.Context(), c.args, env(c.env...))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("what was refused left %v behind (%v)", left, err)
	}
}

// A template is copied as one file, so no row may be left in the log beside it.
func TestSeedFillsOneFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shelf.db")
	url := "DATABASE_URL=sqlite:" + path
	if err := shelf.run(t.Context(), []string{"seed"}, env(url, "SEED=7", "SCALE=0.5")); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	alone := filepath.Join(t.TempDir(), "copy.db")
	if err := os.WriteFile(alone, text, 0o600); err != nil {
		t.Fatal(err)
	}
	db := opened(t, alone)
	var n int
	var last string
	if err := db.QueryRowContext(t.Context(), `SELECT COUNT(*), MAX(title) FROM books`).Scan(&n, &last); err != nil {
		t.Fatal(err)
	}
	if n != 5 || last != "4 of 7" {
		t.Errorf("%d books, the last %q; want 5 and %q", n, last, "4 of 7")
	}
}

func TestSeedThatFailsLeavesNoTable(t *testing.T) {
	broken := shelf
	broken.Seed = func(ctx context.Context, tx *sql.Tx, rows Rows) error {
		if err := shelf.Seed(ctx, tx, rows); err != nil {
			return err
		}
		return errors.New("no more books")
	}
	path := filepath.Join(t.TempDir(), "shelf.db")
	err := broken.run(t.Context(), []string{"seed"}, env("DATABASE_URL=sqlite:"+path))
	if err == nil || !strings.Contains(err.Error(), "no more books") {
		t.Errorf("%v, want the seed's own error", err)
	}
	if n := count(t, opened(t, path), `SELECT COUNT(*) FROM sqlite_schema`); n != 0 {
		t.Errorf("%d tables are left", n)
	}
}

// records is a log that tells of each record as it comes.
type records chan slog.Record

func (r records) Enabled(context.Context, slog.Level) bool { return true }
func (r records) WithAttrs([]slog.Attr) slog.Handler       { return r }
func (r records) WithGroup(string) slog.Handler            { return r }
func (r records) Handle(_ context.Context, record slog.Record) error {
	r <- record.Clone()
	return nil
}

// next waits for a message and returns its first value.
func (r records) next(t *testing.T, message string) string {
	t.Helper()
	select {
	case record := <-r:
		if record.Message != message {
			t.Fatalf("logged %q, want %q", record.Message, message)
		}
		var value string
		record.Attrs(func(a slog.Attr) bool {
			value = a.Value.String()
			return false
		})
		return value
	case <-t.Context().Done():
		t.Fatalf("never logged %q", message)
		return ""
	}
}

func TestShutdownWaitsForRequests(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	api := server("0", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-release
		_, _ = io.WriteString(w, "to the end")
	}))
	ctx, cancel := context.WithCancel(t.Context())
	log, ended := make(records, 4), make(chan error, 1)
	go func() { ended <- serveAll(ctx, []*http.Server{api, server("0", admin())}, slog.New(log)) }()
	address := log.next(t, "serving")

	type answer struct {
		body string
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		response, err := http.Get("http://" + address)
		if err != nil {
			answered <- answer{err: err}
			return
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		answered <- answer{string(body), err}
	}()
	<-entered
	cancel()
	log.next(t, "shutting down")
	for { // until the port is closed
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		if err != nil {
			break
		}
		_ = c.Close()
	}
	select {
	case err := <-ended:
		t.Fatalf("ended before the request did: %v", err)
	default:
	}
	close(release)
	if a := <-answered; a.err != nil || a.body != "to the end" {
		t.Errorf("%q, %v", a.body, a.err)
	}
	if err := <-ended; err != nil {
		t.Errorf("shut down: %v", err)
	}
}

// A service whose admin port is taken must not answer on the other.
func TestAPortThatIsTakenStopsAll(t *testing.T) {
	listen := func(address string) net.Listener {
		t.Helper()
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		return l
	}
	free, taken := listen("127.0.0.1:0"), listen("127.0.0.1:0")
	address := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	servers := []*http.Server{{Addr: address}, {Addr: taken.Addr().String()}}
	err := serveAll(t.Context(), servers, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), taken.Addr().String()) {
		t.Errorf("%v, want the address that is taken", err)
	}
	listen(address)
}
