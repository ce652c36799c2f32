package main

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/p95lab/p95lab/labs/kit"
)

// bank serves a small ledger: few entries, all accounts.
func bank(t *testing.T) (*sql.DB, *httptest.Server) {
	t.Helper()
	db, err := kit.Open("sqlite:" + filepath.Join(t.TempDir(), "ledger.db"))
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
	if err := seed(t.Context(), tx, kit.Rows{Seed: 1, Scale: 0.02}); err != nil {
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
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if v != nil {
		if err := json.Unmarshal(text, v); err != nil {
			t.Fatalf("%s %s answers %s: %v", method, url, text, err)
		}
	}
	return answer.StatusCode, string(text)
}

// rows reads the whole table, in the order of a statement of each account.
func rows(t *testing.T, db *sql.DB) []Entry {
	t.Helper()
	found, err := db.QueryContext(t.Context(), `SELECT `+columns+` FROM entries ORDER BY booked_at DESC, id DESC`)
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	var all []Entry
	for found.Next() {
		var e Entry
		var booked int64
		if err := found.Scan(&e.ID, &e.Account, &e.Counterparty, &e.State, &e.Amount, &booked, &e.Reference); err != nil {
			t.Fatal(err)
		}
		e.BookedAt = time.Unix(booked, 0).UTC()
		all = append(all, e)
	}
	if err := found.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func ids(entries []EntryView) []int64 {
	var list []int64
	for _, e := range entries {
		list = append(list, e.ID)
	}
	return list
}

// Page by page the whole statement comes out, each entry once, in order: over
// batches that share a second and bookings that came late.
func TestAStatementIsReadPageByPage(t *testing.T) {
	db, server := bank(t)
	all := rows(t, db)
	for _, account := range []int64{1, 2, 60} {
		var want []int64
		for _, e := range all {
			if e.Account == account {
				want = append(want, e.ID)
			}
		}
		var page Page
		ask(t, "GET", fmt.Sprintf("%s/accounts/%d/entries?limit=7", server.URL, account), "", &page)
		got := ids(page.Entries)
		for len(page.Entries) > 0 {
			last := page.Entries[len(page.Entries)-1].ID
			page = Page{}
			ask(t, "GET", fmt.Sprintf("%s/entries/%d/older?limit=7", server.URL, last), "", &page)
			got = append(got, ids(page.Entries)...)
		}
		if !slices.Equal(got, want) {
			t.Errorf("account %d: %d entries read, want the %d of the table in order", account, len(got), len(want))
		}
	}
}

func TestLargestFirst(t *testing.T) {
	db, server := bank(t)
	all := rows(t, db)
	slices.SortFunc(all, func(a, b Entry) int {
		if a.Amount != b.Amount {
			return int(b.Amount - a.Amount)
		}
		return int(a.ID - b.ID)
	})
	for state, name := range states {
		for _, counterparty := range []int64{1, 5, 300} {
			var want []int64
			for _, e := range all {
				if e.Counterparty == counterparty && e.State == state && len(want) < 5 {
					want = append(want, e.ID)
				}
			}
			var page Page
			ask(t, "GET", fmt.Sprintf("%s/counterparties/%d/largest?state=%s&limit=5", server.URL, counterparty, name), "", &page)
			if got := ids(page.Entries); page.Entries == nil || !slices.Equal(got, want) {
				t.Errorf("counterparty %d, %s: %v, want %v", counterparty, name, got, want)
			}
		}
	}
}

func TestABookingShowsAtOnce(t *testing.T) {
	_, server := bank(t)
	var booked EntryView
	body := `{"counterparty": 7, "amount": 9000001, "reference": "INV 123456/7890"}`
	if status, text := ask(t, "POST", server.URL+"/accounts/3/entries", body, &booked); status != http.StatusCreated {
		t.Fatalf("status %d: %s", status, text)
	}
	if booked.Amount != "90000.01" || booked.State != "pending" || booked.Reference != "INV ******/7890" {
		t.Errorf("booked %+v", booked)
	}
	for _, path := range []string{"/accounts/3/entries?limit=1", "/counterparties/7/largest?state=pending&limit=1"} {
		var page Page
		if ask(t, "GET", server.URL+path, "", &page); len(page.Entries) != 1 || page.Entries[0] != booked {
			t.Errorf("%s shows %+v, want %+v", path, page.Entries, booked)
		}
	}
}

func TestWhatCannotBeAnswered(t *testing.T) {
	db, server := bank(t)
	before := len(rows(t, db))
	for _, tc := range []struct {
		method, path, body string
		want               int
	}{
		{"GET", "/accounts/x/entries", "", 404},
		{"GET", "/accounts/1/entries?limit=0", "", 400},
		{"GET", "/accounts/1/entries?limit=201", "", 400},
		{"GET", "/entries/99999999/older", "", 404},
		{"GET", "/entries/x/older", "", 404},
		{"GET", "/counterparties/1/largest", "", 400},
		{"GET", "/counterparties/1/largest?state=lost", "", 400},
		{"POST", "/accounts/2001/entries", `{"counterparty": 1, "amount": 5}`, 404},
		{"POST", "/accounts/1/entries", `{"counterparty": 1501, "amount": 5}`, 404},
		{"POST", "/accounts/1/entries", `{"counterparty": 1, "amount": 0}`, 400},
		{"POST", "/accounts/1/entries", `{"counterparty": 1, "amount": 100000001}`, 400},
		{"POST", "/accounts/1/entries", `{"counterparty": 1, "amount": 5, "state": 0}`, 400},
		{"POST", "/accounts/1/entries", ``, 400},
		{"PUT", "/accounts/1/entries", ``, 405},
	} {
		if got, text := ask(t, tc.method, server.URL+tc.path, tc.body, nil); got != tc.want {
			t.Errorf("%s %s %s answers %d %s, want %d", tc.method, tc.path, tc.body, got, text, tc.want)
		}
	}
	if after := len(rows(t, db)); after != before {
		t.Errorf("%d entries came of it", after-before)
	}
}

// The faults are in the starter, and the facts that its challenges rest on.
func TestFaultsAndFacts(t *testing.T) {
	db, _ := bank(t)
	for query, want := range map[string]string{
		`SELECT * FROM entries WHERE counterparty_id = 1 AND state = 0 ORDER BY amount DESC, id LIMIT 20`:   "SEARCH entries USING INDEX entries_by_counterparty (counterparty_id=?); USE TEMP B-TREE FOR ORDER BY",
		`SELECT * FROM entries WHERE account_id = 1 ORDER BY booked_at DESC, id DESC LIMIT 50 OFFSET 80000`: "SEARCH entries USING INDEX entries_by_account (account_id=?)",
	} {
		var plan []string
		found, err := db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query)
		if err != nil {
			t.Fatal(err)
		}
		for found.Next() {
			var id, parent, unused int
			var step string
			if err := found.Scan(&id, &parent, &unused, &step); err != nil {
				t.Fatal(err)
			}
			plan = append(plan, step)
		}
		if err := errors.Join(found.Err(), found.Close()); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(plan, "; "); got != want {
			t.Errorf("the plan of %s is %s", query, got)
		}
	}
	all := rows(t, db)
	byTime, late, settled := map[time.Time]int{}, 0, 0
	highest := int64(1 << 62)
	for _, e := range all { // newest first
		byTime[e.BookedAt]++
		if e.ID > highest {
			late++
		}
		highest = min(highest, e.ID)
		if e.State == 0 {
			settled++
		}
	}
	shared := 0
	for _, n := range byTime {
		if n > 1 {
			shared += n
		}
	}
	n := len(all)
	if shared < n/2 || late < n/50 || settled < n*85/100 {
		t.Errorf("of %d entries %d share a time, %d came late, %d are settled", n, shared, late, settled)
	}
}
