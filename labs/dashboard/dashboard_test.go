package main

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/p95lab/p95lab/labs/kit"
)

// desk serves fifteen dashboards.
func desk(t *testing.T) (*sql.DB, *httptest.Server) {
	t.Helper()
	db, err := kit.Open("sqlite:" + filepath.Join(t.TempDir(), "dashboard.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), schema); err != nil {
		t.Fatal(err)
	}
	if err := seed(t.Context(), tx, kit.Rows{Seed: 1, Scale: 0.05}); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(NewAPI(NewStore(db)))
	t.Cleanup(server.Close)
	return db, server
}

// ask sends a request and reads the answer into v, if it is not nil.
func ask(t *testing.T, method, url, body string, v any) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Error(err)
	}
	if v != nil {
		if err := json.Unmarshal(text, v); err != nil {
			t.Errorf("%s %s answers %s: %v", method, url, text, err)
		}
	}
	return answer.StatusCode, string(text)
}

func draw(t *testing.T, server *httptest.Server, id int) (d Dashboard) {
	t.Helper()
	if status, text := ask(t, "GET", fmt.Sprintf("%s/dashboards/%d", server.URL, id), "", &d); status != http.StatusOK {
		t.Errorf("dashboard %d: %d %s", id, status, text)
	}
	return d
}

// Each dashboard has all its widgets in order, also those that lack a threshold,
// a note or a reading, and there are some of each.
func TestDashboardShowsEveryWidget(t *testing.T) {
	db, server := desk(t)
	var bare, plain, silent, alerting int
	for id := 1; id <= 15; id++ {
		d := draw(t, server, id)
		if d.ID != int64(id) || d.Title != fmt.Sprintf("Team %d", id) || len(d.Widgets) != perScreen {
			t.Fatalf("dashboard %d is %+v", id, d)
		}
		alerts := 0
		for i, w := range d.Widgets {
			if w.Slot != i+1 || w.Title == "" || w.Owner == "" || w.Source == "" {
				t.Errorf("dashboard %d, place %d is %+v", id, i+1, w)
			}
			if (w.Reading == nil) != (w.Peak == nil) {
				t.Errorf("dashboard %d, slot %d: a peak without a reading, or the reverse", id, w.Slot)
			}
			if w.Warn == nil {
				bare++
			}
			if w.Note == nil {
				plain++
			}
			if w.Reading == nil {
				silent++
				continue
			}
			if w.Warn != nil && w.Reading.Value >= *w.Warn {
				alerts++
			}
			var newest, peak int64
			if err := db.QueryRowContext(t.Context(), `
				SELECT (SELECT value FROM readings r WHERE r.widget_id = w.id AND minute = ?), (SELECT MAX(value) FROM readings r WHERE r.widget_id = w.id)
				FROM widgets w WHERE dashboard_id = ? AND slot = ?`, history, id, w.Slot).Scan(&newest, &peak); err != nil {
				t.Fatal(err)
			}
			if *w.Reading != (Reading{history, newest}) || *w.Peak != peak {
				t.Errorf("dashboard %d, slot %d shows %+v and %d, want %d and %d", id, w.Slot, *w.Reading, *w.Peak, newest, peak)
			}
		}
		if d.Alerts != alerts {
			t.Errorf("dashboard %d counts %d alerts, want %d", id, d.Alerts, alerts)
		}
		alerting += alerts
	}
	const all = 15 * perScreen
	for what, n := range map[string]int{"threshold": bare, "note": plain, "reading": silent} {
		if n == 0 || n == all {
			t.Errorf("%d widgets of %d are without a %s: a fix that drops them would pass", n, all, what)
		}
	}
	if alerting == 0 {
		t.Error("nothing is alerting")
	}
}

func TestRecordedReadingShows(t *testing.T) {
	_, server := desk(t)
	for _, w := range draw(t, server, 3).Widgets {
		var minute int64
		var peak int64 = -1
		if w.Reading != nil {
			minute, peak = w.Reading.Minute, *w.Peak
		}
		for _, value := range []int64{0, 250, 99} {
			minute++
			peak = max(peak, value)
			var got Reading
			status, text := ask(t, "POST", fmt.Sprintf("%s/dashboards/3/widgets/%d/readings", server.URL, w.Slot), fmt.Sprintf(`{"value": %d}`, value), &got)
			if status != http.StatusCreated || got != (Reading{minute, value}) {
				t.Fatalf("slot %d: %d %s, want minute %d", w.Slot, status, text, minute)
			}
			shown := draw(t, server, 3).Widgets[w.Slot-1]
			if shown.Reading == nil || *shown.Reading != got || *shown.Peak != peak {
				t.Errorf("slot %d shows %+v after %+v", w.Slot, shown, got)
			}
		}
	}
}

func TestWhatCannotBeAnswered(t *testing.T) {
	_, server := desk(t)
	for _, tc := range []struct {
		method, path, body string
		want               int
	}{
		{"GET", "/dashboards/16", "", 404},
		{"GET", "/dashboards/x", "", 404},
		{"POST", "/dashboards/1/widgets/21/readings", `{"value": 1}`, 404},
		{"POST", "/dashboards/16/widgets/1/readings", `{"value": 1}`, 404},
		{"POST", "/dashboards/1/widgets/x/readings", `{"value": 1}`, 404},
		{"POST", "/dashboards/1/widgets/1/readings", `{"value": "1"}`, 400},
		{"POST", "/dashboards/1/widgets/1/readings", ``, 400},
		{"DELETE", "/dashboards/1", ``, 405},
	} {
		if got, text := ask(t, tc.method, server.URL+tc.path, tc.body, nil); got != tc.want {
			t.Errorf("%s %s answers %d %s, want %d", tc.method, tc.path, got, text, tc.want)
		}
	}
}

// Readings of one widget at once take a minute each, and none is lost.
func TestReadingsAtOnceAreAllKept(t *testing.T) {
	_, server := desk(t)
	const callers, each = 8, 5
	minutes := make(chan int64, callers*each)
	var before int64
	if r := draw(t, server, 1).Widgets[4].Reading; r != nil {
		before = r.Minute
	}
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for range each {
				var got Reading
				if status, text := ask(t, "POST", server.URL+"/dashboards/1/widgets/5/readings", `{"value": 1}`, &got); status != http.StatusCreated {
					t.Errorf("%d %s", status, text)
				}
				minutes <- got.Minute
				draw(t, server, 1)
			}
		})
	}
	all.Wait()
	close(minutes)
	seen := map[int64]bool{}
	for m := range minutes {
		if m <= before || m > before+callers*each || seen[m] {
			t.Errorf("minute %d was given twice, or is not one of the next", m)
		}
		seen[m] = true
	}
}

// The fault is in the starter: 122 statements for one page.
func TestOneDashboardIs122Queries(t *testing.T) {
	_, server := desk(t)
	before := kit.Statements()
	draw(t, server, 1)
	if got := kit.Statements() - before; got != 122 {
		t.Errorf("one dashboard takes %d queries", got)
	}
}

// No statement of the page is slow: each finds its rows by a key.
func TestEveryQueryHasItsIndex(t *testing.T) {
	db, _ := desk(t)
	for _, query := range []string{
		`SELECT title FROM dashboards WHERE id = 1`,
		`SELECT id, slot, title, owner_id, source_id FROM widgets WHERE dashboard_id = 1`,
		`SELECT name FROM people WHERE id = 1`,
		`SELECT name FROM sources WHERE id = 1`,
		`SELECT warn FROM thresholds WHERE widget_id = 1`,
		`SELECT body FROM notes WHERE widget_id = 1`,
		`SELECT minute, value FROM readings WHERE widget_id = 1 ORDER BY minute DESC LIMIT 1`,
		`SELECT MAX(value) FROM readings WHERE widget_id = 1`,
	} {
		var id, parent, unused int
		var step string
		if err := db.QueryRowContext(t.Context(), "EXPLAIN QUERY PLAN "+query).Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(step, "SEARCH ") {
			t.Errorf("%s: %s", query, step)
		}
	}
}
