package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/p95lab/p95lab/labs/kit"
)

// shop serves a few shops.
func shop(t *testing.T) *httptest.Server {
	t.Helper()
	db, err := kit.Open("sqlite:" + filepath.Join(t.TempDir(), "pricing.db"))
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
	return server
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

// Rules apply in their order, each to what the one before left; the note is in
// the customer's words.
func TestPriceAppliesRulesInOrder(t *testing.T) {
	line := Line{SKU: "TEE-NAV-M", Name: "Tee", Quantity: 2, Price: 1000}
	rules := []Rule{
		{1, "^TEE-", 10, "{{.Percent}} % off {{.Name}}"},
		{2, "^MUG-", 50, "never"},
		{3, "-(M|L)$", 50, "{{.Quantity}} for less"},
	}
	got, err := Price(Cart{Lines: []Line{line}}, rules)
	want := Quote{Total: 900, Lines: []QuotedLine{{
		Line: line, Total: 900, Adjustments: []Adjustment{{"10 % off Tee", 200}, {"2 for less", 900}},
	}}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
}

func TestPriceRefusesABrokenRule(t *testing.T) {
	cart := Cart{Lines: []Line{{SKU: "A", Quantity: 1, Price: 1}}}
	for _, broken := range []Rule{{Number: 7, Pattern: "("}, {Number: 7, Pattern: "A", Note: "{{"}, {Number: 7, Pattern: "A", Note: "{{.Nobody}}"}} {
		if _, err := Price(cart, []Rule{broken}); err == nil || !strings.Contains(err.Error(), "rule 7") {
			t.Errorf("%+v: error %v, want one that names the rule", broken, err)
		}
	}
}

// No cent of a voucher is lost, and no line costs less than nothing.
func TestAVoucherIsSpread(t *testing.T) {
	for _, c := range []struct {
		voucher int64
		prices  []int64
		total   int64
		parts   []int64 // of the voucher, dearest line first
	}{
		{0, []int64{10, 20}, 30, []int64{0, 0}},
		{7, []int64{10, 20}, 23, []int64{3, 4}},
		{25, []int64{10, 20}, 5, []int64{15, 10}},
		{99, []int64{10, 20}, 0, []int64{10, 20}},
		{5, nil, 0, nil},
	} {
		cart := Cart{Voucher: c.voucher}
		for _, price := range c.prices {
			cart.Lines = append(cart.Lines, Line{SKU: "A", Quantity: 1, Price: price})
		}
		q, err := Price(cart, nil)
		var parts []int64
		for _, l := range q.Lines {
			parts = append(parts, l.Voucher)
		}
		if err != nil || q.Total != c.total || !reflect.DeepEqual(parts, c.parts) {
			t.Errorf("a voucher of %d over %v: %d left, parts %v, %v", c.voucher, c.prices, q.Total, parts, err)
		}
	}
}

func TestTheDearestLineComesFirst(t *testing.T) {
	lines := []QuotedLine{{Total: 1}, {Total: 5, Voucher: 1}, {Total: 9}, {Total: 5, Voucher: 2}}
	order(lines)
	if want := []QuotedLine{{Total: 9}, {Total: 5, Voucher: 1}, {Total: 5, Voucher: 2}, {Total: 1}}; !reflect.DeepEqual(lines, want) {
		t.Errorf("%+v", lines)
	}
}

// A new rule and a new line show at the very next quote.
func TestAQuoteShowsWhatWasJustChanged(t *testing.T) {
	url := shop(t).URL + "/shops/2"
	for number := 1; number <= rules; number++ { // nothing is reduced
		rule := fmt.Sprintf("%s/rules/%d", url, number)
		if status, text := ask(t, "PUT", rule, `{"pattern": "^never$", "percent": 10, "note": ""}`, nil); status != 200 {
			t.Fatalf("%d %s", status, text)
		}
	}
	body := `{"sku": "TENT-1", "name": "Tent", "quantity": 2, "price": 900000}`
	if status, text := ask(t, "POST", url+"/carts/3/lines", body, nil); status != 201 {
		t.Fatalf("%d %s", status, text)
	}
	for _, want := range []struct{ percent, off string }{{"25", "4500.00"}, {"40", "7200.00"}} {
		rule := `{"pattern": "^TENT-", "percent": ` + want.percent + `, "note": "{{.Percent}} % off"}`
		if status, text := ask(t, "PUT", url+"/rules/4", rule, nil); status != 200 {
			t.Fatalf("%d %s", status, text)
		}
		var q QuoteView
		ask(t, "GET", url+"/carts/3/quote", "", &q)
		if got := q.Lines[0]; got.SKU != "TENT-1" || !reflect.DeepEqual(got.Adjustments, []AdjustmentView{{want.percent + " % off", want.off}}) {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
}

func TestWhatIsAskedWrongly(t *testing.T) {
	url := shop(t).URL
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"GET", "/shops/1/carts/9999/quote", "", 404},
		{"GET", "/shops/9999/carts/1/quote", "", 404},
		{"GET", "/shops/one/carts/1/quote", "", 404},
		{"GET", "/shops/1/carts/one/quote", "", 404},
		{"POST", "/shops/1/carts/9999/lines", `{"sku": "A", "name": "", "quantity": 1, "price": 1}`, 404},
		{"POST", "/shops/1/carts/1/lines", `{"sku": "", "name": "", "quantity": 1, "price": 1}`, 400},
		{"POST", "/shops/1/carts/1/lines", `{"sku": "A", "name": "", "quantity": 0, "price": 1}`, 400},
		{"POST", "/shops/1/carts/1/lines", `{"sku": "A", "name": "", "quantity": 1, "price": 0}`, 400},
		{"PUT", "/shops/1/rules/99", `{"pattern": "A", "percent": 10, "note": ""}`, 404},
		{"PUT", "/shops/1/rules/1", `{"pattern": "(", "percent": 10, "note": ""}`, 400},
		{"PUT", "/shops/1/rules/1", `{"pattern": "A", "percent": 91, "note": ""}`, 400},
		{"PUT", "/shops/1/rules/1", `{"pattern": "A", "percent": 10, "note": "{{"}`, 400},
		{"PUT", "/shops/1/rules/1", `{"pattern": "A", "percent": 10, "note": "{{.Nobody}}"}`, 400},
	} {
		if status, text := ask(t, c.method, url+c.path, c.body, nil); status != c.status {
			t.Errorf("%s %s %s: %d %s, want %d", c.method, c.path, c.body, status, text, c.status)
		}
	}
}
