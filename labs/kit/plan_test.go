package kit

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The plan of a statement is SQLite's own, with the size of a table that is read
// whole; what cannot be planned says so and stops nothing.
func TestPlan(t *testing.T) {
	dir := t.TempDir()
	path := seeded(t)
	from, to := filepath.Join(dir, "statements.json"), filepath.Join(dir, "plans.json")
	list := []string{
		`SELECT * FROM books WHERE title = ?`,
		`SELECT * FROM books b WHERE rowid = ? AND title = ?`,
		`INSERT INTO books (title) VALUES (?)`,
		`SELECT * FROM nothing`,
		`SELECT 1; DELETE FROM books`,
		`SELECT title FROM books ORDER BY title DESC;`,
	}
	text, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(from, text, 0o600); err != nil {
		t.Fatal(err)
	}
	before := count(t, opened(t, path), `SELECT COUNT(*) FROM books`)
	if err := shelf.run(t.Context(), []string{"plan", from, to}, env("DATABASE_URL=sqlite:"+path)); err != nil {
		t.Fatal(err)
	}
	if text, err = os.ReadFile(to); err != nil {
		t.Fatal(err)
	}
	var plans []planned
	if err := json.Unmarshal(text, &plans); err != nil || len(plans) != len(list) {
		t.Fatalf("%v: %s", err, text)
	}
	for i, want := range []string{"SCAN books", "SEARCH b", "", "error", "error", "USE TEMP B-TREE"} {
		p := plans[i]
		var details []string
		for _, s := range p.Steps {
			details = append(details, s.Detail)
		}
		if p.Error != "" {
			details = append(details, "error")
		}
		if got := strings.Join(details, "\n"); p.SQL != list[i] || !strings.Contains(got, want) || (want == "" && got != "") {
			t.Errorf("%s is planned as %q (%s), want %q", p.SQL, got, p.Error, want)
		}
	}
	if got := plans[0].Steps[0].Rows; got != int64(before) || before == 0 {
		t.Errorf("the scan reads %d rows, want %d", got, before)
	}
	if after := count(t, opened(t, path), `SELECT COUNT(*) FROM books`); after != before {
		t.Errorf("planning left %d rows of %d", after, before)
	}
}
