package kit

import (
	"database/sql"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestTallyLiesInItsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "statements")
	if err := os.WriteFile(path, make([]byte, tallySize), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path) // as who asks for the count holds it
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	counts, err := mapTally(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it still has a name: %v", err)
	}
	counts.Inc()
	counts.Inc()
	read := make([]byte, tallySize)
	if _, err := file.ReadAt(read, 0); err != nil || binary.NativeEndian.Uint64(read) != 2 {
		t.Errorf("the file holds %v, %v", read, err)
	}
	if _, err := mapTally(path); err == nil {
		t.Error("a file that is not there is counted in")
	}
}

func TestTallyOfATextCountsItsStatements(t *testing.T) {
	for text, want := range map[string]uint64{
		"SELECT 1":                             1,
		"SELECT 1;":                            1,
		"SELECT 1; ":                           1,
		"SELECT 1; -- and that was all":        1,
		"SELECT 1; SELECT 2":                   2,
		"SELECT ';'":                           1,
		"SELECT 1; /* ; */ SELECT ';'; ":       2,
		"INSERT INTO t VALUES (1);SELECT x();": 2,
		";;;":                                  3,
		"":                                     1,
	} {
		counts := newTally("")
		counts.add(text)
		if got := counts.n.Load(); got != want {
			t.Errorf("%q is %d statements, want %d", text, got, want)
		}
	}
}

// What goes through the pool is counted, and there is no way beside it.
func TestEveryStatementIsCounted(t *testing.T) {
	path := seeded(t)
	db := opened(t, path)
	before := queries.n.Load()
	if _, err := db.ExecContext(t.Context(), `CREATE TABLE counted (x); INSERT INTO counted VALUES (1)`); err != nil {
		t.Fatal(err)
	}
	prepared, err := db.PrepareContext(t.Context(), `SELECT x FROM counted`)
	if err != nil {
		t.Fatal(err)
	}
	defer prepared.Close()
	for range 3 {
		var x int
		if err := prepared.QueryRowContext(t.Context()).Scan(&x); err != nil || x != 1 {
			t.Fatal(x, err)
		}
	}
	count(t, db, `SELECT count(*) FROM counted`)
	if got := queries.n.Load() - before; got != 6 {
		t.Errorf("%d statements were counted of 6", got)
	}
	if _, err := db.Driver().Open(path); !errors.Is(err, errUncounted) {
		t.Errorf("the pool's driver opens the file: %v", err)
	}
	beside, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer beside.Close()
	if err := beside.PingContext(t.Context()); !errors.Is(err, errUncounted) {
		t.Errorf("the registered driver opens the file: %v", err)
	}
}
