package kit

import (
	"database/sql"
	"path/filepath"
	"testing"
)

func opened(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := Open("sqlite:" + path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func count(t *testing.T, db *sql.DB, query string, args ...any) int {
	t.Helper()
	var n int
	if err := db.QueryRowContext(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// A path may hold what means something in a URL.
func TestOpenTakesAnyPath(t *testing.T) {
	for _, name := range []string{"plain.db", "two words.db", "50%.db", "what?x=1.db", "a#b.db", "Äpfel & Birnen.db", "file:x.db"} {
		dir := t.TempDir()
		db := opened(t, filepath.Join(dir, name))
		if _, err := db.ExecContext(t.Context(), `CREATE TABLE t (x)`); err != nil {
			t.Errorf("%q: %v", name, err)
		}
		if made, err := filepath.Glob(filepath.Join(dir, "*.db")); err != nil || len(made) != 1 || filepath.Base(made[0]) != name {
			t.Errorf("%q made %q (%v)", name, made, err)
		}
	}
}

// Each connection of the pool is set up alike, not only the first.
func TestEveryConnectionHasTheSettings(t *testing.T) {
	db := opened(t, seeded(t))
	for range db.Stats().MaxOpenConnections {
		c, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for pragma, want := range map[string]string{
			"foreign_keys": "1", "journal_mode": "wal", "synchronous": "1", "busy_timeout": "5000", "cache_size": "-16000",
		} {
			var got string
			if err := c.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
				t.Errorf("%s is %q (%v), want %q", pragma, got, err, want)
			}
		}
	}
}

// The count is what a challenge's target for queries is held to.
func TestQueriesAreCounted(t *testing.T) {
	db := opened(t, seeded(t))
	ctx := t.Context()
	stmt, err := db.PrepareContext(ctx, `SELECT title FROM books WHERE id = ?`)
	if err != nil {
		t.Fatal(err)
	}
	defer stmt.Close()
	var title string
	for _, c := range []struct {
		name string
		want uint64
		do   func() error
	}{
		{"a query", 1, func() error { return db.QueryRowContext(ctx, `SELECT title FROM books`).Scan(&title) }},
		{"a query with an argument", 1, func() error {
			return db.QueryRowContext(ctx, `SELECT title FROM books WHERE id = ?`, 1).Scan(&title)
		}},
		{"a write", 1, func() error {
			_, err := db.ExecContext(ctx, `UPDATE books SET title = ? WHERE id = 1`, "new")
			return err
		}},
		{"a prepared query, each time", 3, func() error {
			for range 3 {
				if err := stmt.QueryRowContext(ctx, 1).Scan(&title); err != nil {
					return err
				}
			}
			return nil
		}},
		{"a transaction's statements", 2, func() error {
			tx, err := db.BeginTx(ctx, nil)
			if err != nil {
				return err
			}
			defer func() { _ = tx.Rollback() }()
			for range 2 {
				if _, err := tx.ExecContext(ctx, `DELETE FROM books WHERE id = 2`); err != nil {
					return err
				}
			}
			return tx.Commit()
		}},
		{"one that fails", 1, func() error {
			if _, err := db.ExecContext(ctx, `DELETE FROM books WHERE 1 = json('no')`); err == nil {
				t.Error("it did not fail")
			}
			return nil
		}},
	} {
		before := queries.n.Load()
		if err := c.do(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if got := queries.n.Load() - before; got != c.want {
			t.Errorf("%s counts as %d, want %d", c.name, got, c.want)
		}
	}
}
