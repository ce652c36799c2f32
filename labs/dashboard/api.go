package main

import (
	"net/http"
	"strconv"

	"github.com/p95lab/p95lab/labs/kit"
)

// API is the service's HTTP interface.
type API struct {
	store *Store
	mux   *http.ServeMux
}

// NewAPI serves a store's dashboards.
func NewAPI(store *Store) *API {
	a := &API{store: store, mux: http.NewServeMux()}
	a.mux.HandleFunc("GET /dashboards/{id}", kit.Handle(a.draw))
	a.mux.HandleFunc("POST /dashboards/{id}/widgets/{slot}/readings", kit.Handle(a.record))
	return a
}

func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.mux.ServeHTTP(w, r) }

func (a *API) draw(r *http.Request) (int, any, error) {
	id, err := number(r, "id", "dashboard")
	if err != nil {
		return 0, nil, err
	}
	d, err := a.store.Dashboard(r.Context(), id)
	if err != nil {
		return 0, nil, err
	}
	arrange(d.Widgets)
	d.Alerts = alerts(d.Widgets)
	return http.StatusOK, d, nil
}

// arrange puts the widgets in the order of their slots.
func arrange(widgets []Widget) {
	for i := 0; i < len(widgets); i++ {
		for j := 0; j < len(widgets)-1; j++ {
			if widgets[j].Slot > widgets[j+1].Slot {
				widgets[j], widgets[j+1] = widgets[j+1], widgets[j]
			}
		}
	}
}

// alerts counts the widgets whose reading is at or above their threshold.
func alerts(widgets []Widget) int {
	var n int
	for _, w := range widgets {
		if w.Reading != nil && w.Warn != nil && w.Reading.Value >= *w.Warn {
			n++
		}
	}
	return n
}

// measured is what a sender says.
type measured struct {
	Value int64 `json:"value"`
}

func (a *API) record(r *http.Request) (int, any, error) {
	id, err := number(r, "id", "dashboard")
	if err != nil {
		return 0, nil, err
	}
	slot, err := number(r, "slot", "widget")
	if err != nil {
		return 0, nil, err
	}
	var m measured
	if err := kit.Decode(r, &m); err != nil {
		return 0, nil, err
	}
	reading, err := a.store.Record(r.Context(), id, slot, m.Value)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, reading, nil
}

func number(r *http.Request, name, what string) (int64, error) {
	n, err := strconv.ParseInt(r.PathValue(name), 10, 64)
	if err != nil {
		return 0, kit.NotFound(what)
	}
	return n, nil
}
