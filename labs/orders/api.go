package main

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/p95lab/p95lab/labs/kit"
)

// API is the service's HTTP interface.
type API struct {
	store *Store
	mux   *http.ServeMux
}

// NewAPI serves a store's orders.
func NewAPI(store *Store) *API {
	a := &API{store: store, mux: http.NewServeMux()}
	a.mux.HandleFunc("GET /customers/{id}/orders", kit.Handle(a.history))
	a.mux.HandleFunc("POST /customers/{id}/orders", kit.Handle(a.place))
	return a
}

func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.mux.ServeHTTP(w, r) }

// History is the answer to GET /customers/{id}/orders.
type History struct {
	Customer int64       `json:"customer"`
	Orders   []OrderView `json:"orders"`
}

// OrderView is an order as the shop's pages want it.
type OrderView struct {
	ID       int64  `json:"id"`
	Status   string `json:"status"`
	PlacedAt string `json:"placed_at"`
	SKU      string `json:"sku"`
	Quantity int    `json:"quantity"`
	Total    string `json:"total"`
}

const (
	defaultLimit = 20
	maxLimit     = 100
)

func (a *API) history(r *http.Request) (int, any, error) {
	id, err := customerID(r)
	if err != nil {
		return 0, nil, err
	}
	limit := defaultLimit
	if v := r.URL.Query().Get("limit"); v != "" {
		if limit, err = strconv.Atoi(v); err != nil || limit < 1 || limit > maxLimit {
			return 0, nil, kit.BadRequest(fmt.Sprintf("limit must be 1 to %d", maxLimit))
		}
	}
	orders, err := a.store.History(r.Context(), id, limit)
	if err != nil {
		return 0, nil, err
	}
	answer := History{Customer: id, Orders: []OrderView{}}
	for _, o := range orders {
		answer.Orders = append(answer.Orders, view(o))
	}
	return http.StatusOK, answer, nil
}

func (a *API) place(r *http.Request) (int, any, error) {
	id, err := customerID(r)
	if err != nil {
		return 0, nil, err
	}
	var item Item
	if err := kit.Decode(r, &item); err != nil {
		return 0, nil, err
	}
	if item.Quantity < 1 || item.Quantity > 99 {
		return 0, nil, kit.BadRequest("quantity must be 1 to 99")
	}
	order, err := a.store.Place(r.Context(), id, item)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, view(order), nil
}

func customerID(r *http.Request) (int64, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return 0, kit.NotFound("customer")
	}
	return id, nil
}

// view formats an order one field at a time.
func view(o Order) OrderView {
	var v OrderView
	v.ID = o.ID
	v.Status = statusName(o.Status)
	v.PlacedAt = fmt.Sprintf("%04d-%02d-%02dT%02d:%02d:%02dZ",
		o.PlacedAt.Year(), o.PlacedAt.Month(), o.PlacedAt.Day(), o.PlacedAt.Hour(), o.PlacedAt.Minute(), o.PlacedAt.Second())
	v.SKU = o.SKU
	v.Quantity = o.Quantity
	v.Total = fmt.Sprintf("%d.%02d", o.Total/100, o.Total%100)
	return v
}

func statusName(s int) string {
	for name, n := range map[string]int{"delivered": 0, "shipped": 1, "paid": 2, "placed": 3, "cancelled": 4} {
		if n == s {
			return name
		}
	}
	return "unknown"
}
