package kit

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/pprof/profile"
)

// What is recorded is what was asked between begin and end, by its text, with the
// rows that were read or changed.
func TestStatementsAreRecordedWhileAsked(t *testing.T) {
	h := admin()
	db := opened(t, seeded(t))
	work := func() {
		for range 3 {
			rows, err := db.QueryContext(t.Context(), `SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4`)
			if err != nil {
				t.Fatal(err)
			}
			for rows.Next() {
				continue
			}
			if err := rows.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	work()
	act(t, h, http.MethodPost)
	work()
	if _, err := db.ExecContext(t.Context(), `CREATE TABLE noted (x)`); err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), `INSERT INTO noted VALUES (1), (2)`); err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), `INSERT INTO nothing VALUES (1)`); err == nil {
		t.Fatal("there is a table called nothing")
	}
	act(t, h, http.MethodDelete)
	work()

	var told []statement
	if err := json.Unmarshal([]byte(get(t, h, "/debug/statements")), &told); err != nil {
		t.Fatal(err)
	}
	want := map[string]statement{
		`SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4`: {Calls: 3, Rows: 12},
		`INSERT INTO noted VALUES (1), (2)`:                     {Calls: 1, Rows: 2},
		`INSERT INTO nothing VALUES (1)`:                        {Calls: 1, Failed: 1},
	}
	for _, s := range told {
		w, ok := want[s.SQL]
		if !ok {
			continue
		}
		delete(want, s.SQL)
		if s.Calls != w.Calls || s.Rows != w.Rows || s.Failed != w.Failed || s.Seconds <= 0 || s.P95 <= 0 || s.P95 > s.Seconds {
			t.Errorf("told %+v, want %+v", s, w)
		}
	}
	if len(want) > 0 {
		t.Errorf("not told: %+v\nof %+v", want, told)
	}
}

func act(t *testing.T, h http.Handler, method string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, "/debug/statements", nil))
	if w.Code != http.StatusNoContent {
		t.Fatalf("%s: status %d", method, w.Code)
	}
}

// A profile of a part of a second is one, and not of the usual half minute.
func TestShortCPUProfile(t *testing.T) {
	p, err := profile.ParseData([]byte(get(t, admin(), "/debug/pprof/profile?seconds=0.05")))
	if err != nil {
		t.Fatal(err)
	}
	if p.DurationNanos <= 0 || p.DurationNanos > 10e9 {
		t.Errorf("it lasted %d ns", p.DurationNanos)
	}
}
