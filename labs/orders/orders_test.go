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
	"time"

	"github.com/p95lab/p95lab/labs/kit"
)

// shop serves a small shop: few orders, all customers.
func shop(t *testing.T) (*sql.DB, *httptest.Server) {
	t.Helper()
	db, err := kit.Open("sqlite:" + filepath.Join(t.TempDir(), "orders.db"))
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

// The history is what a reading of the whole table says that it is.
func TestHistoryIsNewestFirst(t *testing.T) {
	db, server := shop(t)
	type row struct{ id, placed, status, quantity, total int64 }
	all := map[int64][]row{} // by customer, oldest first
	rows, err := db.QueryContext(t.Context(), `SELECT customer_id, id, placed_at, status, quantity, total FROM orders ORDER BY placed_at, id`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var customer int64
		var r row
		if err := rows.Scan(&customer, &r.id, &r.placed, &r.status, &r.quantity, &r.total); err != nil {
			t.Fatal(err)
		}
		all[customer] = append(all[customer], r)
	}
	names := []string{"delivered", "shipped", "paid", "placed", "cancelled"}
	for _, customer := range []int64{1, 2, 17, 400, 4_999, 5_000} {
		for limit, query := range map[int]string{20: "", 3: "?limit=3", 100: "?limit=100"} {
			var got History
			if status, _ := ask(t, "GET", fmt.Sprintf("%s/customers/%d/orders%s", server.URL, customer, query), "", &got); status != http.StatusOK {
				t.Fatalf("status %d", status)
			}
			want := all[customer]
			if n := min(limit, len(want)); got.Customer != customer || got.Orders == nil || len(got.Orders) != n {
				t.Fatalf("customer %d has %d orders; %q shows %d", customer, len(want), query, len(got.Orders))
			}
			for i, o := range got.Orders {
				w := want[len(want)-1-i]
				at := time.Unix(w.placed, 0).UTC().Format(time.RFC3339)
				total := fmt.Sprintf("%.2f", float64(w.total)/100)
				if o.ID != w.id || o.PlacedAt != at || o.Status != names[w.status] || int64(o.Quantity) != w.quantity || o.Total != total {
					t.Errorf("customer %d, order %d is %+v, want %+v", customer, i, o, w)
				}
			}
		}
	}
}

func TestPlacedOrderLeadsTheHistory(t *testing.T) {
	db, server := shop(t)
	var price int64
	if err := db.QueryRowContext(t.Context(), `SELECT price FROM products WHERE sku = 'SKU-101'`).Scan(&price); err != nil {
		t.Fatal(err)
	}
	url := server.URL + "/customers/4000/orders"
	for quantity := range 3 { // within one second: the later one has the higher id
		var placed OrderView
		if status, _ := ask(t, "POST", url, fmt.Sprintf(`{"sku": "SKU-101", "quantity": %d}`, quantity+1), &placed); status != http.StatusCreated {
			t.Fatalf("status %d", status)
		}
		if want := fmt.Sprintf("%.2f", float64(price)*float64(quantity+1)/100); placed.Total != want || placed.Status != "placed" {
			t.Errorf("placed %+v, want a total of %s", placed, want)
		}
		var got History
		if ask(t, "GET", url, "", &got); len(got.Orders) == 0 || got.Orders[0] != placed {
			t.Errorf("the history begins with %+v, want %+v", got.Orders, placed)
		}
	}
}

func TestWhatCannotBeAnswered(t *testing.T) {
	db, server := shop(t)
	var before, after int
	count := func(n *int) {
		if err := db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM orders`).Scan(n); err != nil {
			t.Fatal(err)
		}
	}
	count(&before)
	for _, tc := range []struct {
		method, path, body string
		want               int
	}{
		{"GET", "/customers/x/orders", "", 404},
		{"GET", "/customers/1/orders?limit=0", "", 400},
		{"GET", "/customers/1/orders?limit=101", "", 400},
		{"GET", "/customers/1/orders?limit=all", "", 400},
		{"POST", "/customers/1/orders", `{"sku": "SKU-999", "quantity": 1}`, 404},
		{"POST", "/customers/5001/orders", `{"sku": "SKU-101", "quantity": 1}`, 404},
		{"POST", "/customers/1/orders", `{"sku": "SKU-101", "quantity": 0}`, 400},
		{"POST", "/customers/1/orders", `{"sku": "SKU-101", "quantity": 100}`, 400},
		{"POST", "/customers/1/orders", `{"sku": "SKU-101", "quantity": 1, "total": 0}`, 400},
		{"POST", "/customers/1/orders", ``, 400},
		{"PUT", "/customers/1/orders", ``, 405},
	} {
		if got, text := ask(t, tc.method, server.URL+tc.path, tc.body, nil); got != tc.want {
			t.Errorf("%s %s %s answers %d %s, want %d", tc.method, tc.path, tc.body, got, text, tc.want)
		}
	}
	if count(&after); after != before {
		t.Errorf("%d orders came of it", after-before)
	}
}

func TestOrdersAtOnceAreAllKept(t *testing.T) {
	_, server := shop(t)
	const callers, each = 8, 5
	var all sync.WaitGroup
	for c := range callers {
		url := fmt.Sprintf("%s/customers/%d/orders", server.URL, 4001+c%2)
		all.Go(func() {
			for range each {
				if status, text := ask(t, "POST", url, `{"sku": "SKU-007", "quantity": 99}`, nil); status != http.StatusCreated {
					t.Errorf("status %d: %s", status, text)
				}
				ask(t, "GET", url, "", &History{})
			}
		})
	}
	all.Wait()
	kept := map[int64]bool{}
	for _, customer := range []int{4001, 4002} {
		var got History
		ask(t, "GET", fmt.Sprintf("%s/customers/%d/orders?limit=100", server.URL, customer), "", &got)
		for _, o := range got.Orders {
			if o.Quantity == 99 {
				kept[o.ID] = true
			}
		}
	}
	if len(kept) != callers*each {
		t.Errorf("%d orders of %d are in the histories", len(kept), callers*each)
	}
}

// The fault is in the starter, and the facts that its challenge rests on.
func TestHistoryScansTheTable(t *testing.T) {
	db, _ := shop(t)
	rows, err := db.QueryContext(t.Context(), `EXPLAIN QUERY PLAN SELECT id FROM orders WHERE customer_id = 1 ORDER BY placed_at DESC, id DESC LIMIT 20`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var plan []string
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, step)
	}
	if got := strings.Join(plan, "; "); got != "SCAN orders; USE TEMP B-TREE FOR ORDER BY" {
		t.Errorf("the plan is %s", got)
	}
	var delivered, busiest float64
	if err := db.QueryRowContext(t.Context(), `
		SELECT AVG(status = 0), (SELECT MAX(n) FROM (SELECT COUNT(*) AS n FROM orders GROUP BY customer_id)) / (COUNT(*) / 5000.0)
		FROM orders`).Scan(&delivered, &busiest); err != nil {
		t.Fatal(err)
	}
	if delivered < 0.45 || delivered > 0.55 {
		t.Errorf("%.0f %% of the orders share the commonest status, want half", delivered*100)
	}
	if busiest < 5 {
		t.Errorf("the busiest customer orders %.1f times the mean: not skewed", busiest)
	}
}
