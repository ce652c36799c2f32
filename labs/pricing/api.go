package main

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"text/template"

	"github.com/p95lab/p95lab/labs/kit"
)

// API is the service's HTTP interface.
type API struct {
	store *Store
	mux   *http.ServeMux
}

// NewAPI quotes what is in a store.
func NewAPI(store *Store) *API {
	a := &API{store: store, mux: http.NewServeMux()}
	a.mux.HandleFunc("GET /shops/{shop}/carts/{number}/quote", kit.Handle(a.quote))
	a.mux.HandleFunc("POST /shops/{shop}/carts/{number}/lines", kit.Handle(a.add))
	a.mux.HandleFunc("PUT /shops/{shop}/rules/{number}", kit.Handle(a.setRule))
	return a
}

func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.mux.ServeHTTP(w, r) }

// QuoteView is a quote as a checkout page shows it.
type QuoteView struct {
	Lines []LineView `json:"lines"`
	Total string     `json:"total"`
}

// LineView is one line of a quote.
type LineView struct {
	SKU         string           `json:"sku"`
	Name        string           `json:"name"`
	Quantity    int64            `json:"quantity"`
	Price       string           `json:"price"`
	Adjustments []AdjustmentView `json:"adjustments"`
	Voucher     string           `json:"voucher"`
	Total       string           `json:"total"`
}

// AdjustmentView is what a rule takes off, in the customer's words.
type AdjustmentView struct {
	Note   string `json:"note"`
	Amount string `json:"amount"`
}

// What a request may ask for.
const (
	maxQuantity = 100
	maxPrice    = 1_000_000 // cents
	maxText     = 200
)

func (a *API) quote(r *http.Request) (int, any, error) {
	shop, number, err := place(r, "cart")
	if err != nil {
		return 0, nil, err
	}
	cart, err := a.store.Cart(r.Context(), shop, number)
	if err != nil {
		return 0, nil, err
	}
	rules, err := a.store.Rules(r.Context(), shop)
	if err != nil {
		return 0, nil, err
	}
	quote, err := Price(cart, rules)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, view(quote), nil
}

func (a *API) add(r *http.Request) (int, any, error) {
	shop, number, err := place(r, "cart")
	if err != nil {
		return 0, nil, err
	}
	var line struct {
		SKU      string `json:"sku"`
		Name     string `json:"name"`
		Quantity int64  `json:"quantity"`
		Price    int64  `json:"price"` // cents
	}
	if err := kit.Decode(r, &line); err != nil {
		return 0, nil, err
	}
	switch {
	case line.SKU == "" || len(line.SKU) > maxText || len(line.Name) > maxText:
		return 0, nil, kit.BadRequest(fmt.Sprintf("sku and name have at most %d bytes, and sku at least one", maxText))
	case line.Quantity < 1 || line.Quantity > maxQuantity:
		return 0, nil, kit.BadRequest(fmt.Sprintf("quantity must be 1 to %d", maxQuantity))
	case line.Price < 1 || line.Price > maxPrice:
		return 0, nil, kit.BadRequest(fmt.Sprintf("price must be 1 to %d cents", maxPrice))
	}
	if err := a.store.AddLine(r.Context(), shop, number, Line(line)); err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, line, nil
}

func (a *API) setRule(r *http.Request) (int, any, error) {
	shop, number, err := place(r, "rule")
	if err != nil {
		return 0, nil, err
	}
	var rule struct {
		Pattern string `json:"pattern"`
		Percent int64  `json:"percent"`
		Note    string `json:"note"`
	}
	if err := kit.Decode(r, &rule); err != nil {
		return 0, nil, err
	}
	if rule.Percent < 1 || rule.Percent > 90 {
		return 0, nil, kit.BadRequest("percent must be 1 to 90")
	}
	if len(rule.Pattern) > maxText || len(rule.Note) > maxText {
		return 0, nil, kit.BadRequest(fmt.Sprintf("pattern and note have at most %d bytes", maxText))
	}
	if _, err := regexp.Compile(rule.Pattern); err != nil {
		return 0, nil, kit.BadRequest("pattern: " + err.Error())
	}
	note, err := template.New("note").Parse(rule.Note)
	if err == nil {
		err = note.Execute(io.Discard, Reason{})
	}
	if err != nil {
		return 0, nil, kit.BadRequest("note: " + err.Error())
	}
	err = a.store.SetRule(r.Context(), shop, Rule{Number: number, Pattern: rule.Pattern, Percent: rule.Percent, Note: rule.Note})
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, rule, nil
}

// place reads the shop and the number of a cart or a rule in it.
func place(r *http.Request, what string) (shop, number int64, err error) {
	if shop, err = strconv.ParseInt(r.PathValue("shop"), 10, 64); err != nil {
		return 0, 0, kit.NotFound("shop")
	}
	if number, err = strconv.ParseInt(r.PathValue("number"), 10, 64); err != nil {
		return 0, 0, kit.NotFound(what)
	}
	return shop, number, nil
}

func view(q Quote) QuoteView {
	v := QuoteView{Lines: []LineView{}, Total: money(q.Total)}
	for _, l := range q.Lines {
		line := LineView{
			SKU: l.SKU, Name: l.Name, Quantity: l.Quantity, Price: money(l.Price),
			Adjustments: []AdjustmentView{}, Voucher: money(l.Voucher), Total: money(l.Total),
		}
		for _, a := range l.Adjustments {
			line.Adjustments = append(line.Adjustments, AdjustmentView{a.Note, money(a.Cents)})
		}
		v.Lines = append(v.Lines, line)
	}
	return v
}

func money(cents int64) string { return fmt.Sprintf("%d.%02d", cents/100, cents%100) }
