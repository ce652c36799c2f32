package main

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode"

	"github.com/p95lab/p95lab/labs/kit"
)

// API is the ledger's HTTP interface.
type API struct {
	store *Store
	mux   *http.ServeMux
}

// NewAPI serves a store's entries.
func NewAPI(store *Store) *API {
	a := &API{store: store, mux: http.NewServeMux()}
	a.mux.HandleFunc("GET /accounts/{id}/entries", kit.Handle(a.newest))
	a.mux.HandleFunc("POST /accounts/{id}/entries", kit.Handle(a.book))
	a.mux.HandleFunc("GET /entries/{id}/older", kit.Handle(a.older))
	a.mux.HandleFunc("GET /counterparties/{id}/largest", kit.Handle(a.largest))
	return a
}

func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.mux.ServeHTTP(w, r) }

// EntryView is an entry as statements show it.
type EntryView struct {
	ID           int64  `json:"id"`
	Account      int64  `json:"account"`
	Counterparty int64  `json:"counterparty"`
	State        string `json:"state"`
	Amount       string `json:"amount"`
	BookedAt     string `json:"booked_at"`
	Reference    string `json:"reference"`
}

// Page is a list of entries.
type Page struct {
	Entries []EntryView `json:"entries"`
}

const (
	defaultLimit = 50
	maxLimit     = 200
	maxAmount    = 100_000_000 // cents
)

var states = []string{"settled", "pending", "returned"}

func (a *API) newest(r *http.Request) (int, any, error) {
	id, limit, err := idAndLimit(r, "account")
	if err != nil {
		return 0, nil, err
	}
	entries, err := a.store.Newest(r.Context(), id, limit)
	return answer(entries, err)
}

func (a *API) older(r *http.Request) (int, any, error) {
	id, limit, err := idAndLimit(r, "entry")
	if err != nil {
		return 0, nil, err
	}
	entries, err := a.store.Older(r.Context(), id, limit)
	return answer(entries, err)
}

func (a *API) largest(r *http.Request) (int, any, error) {
	id, limit, err := idAndLimit(r, "counterparty")
	if err != nil {
		return 0, nil, err
	}
	name := r.URL.Query().Get("state")
	for state, known := range states {
		if name == known {
			entries, err := a.store.Largest(r.Context(), id, state, limit)
			return answer(entries, err)
		}
	}
	return 0, nil, kit.BadRequest("state must be one of " + strings.Join(states, ", "))
}

func (a *API) book(r *http.Request) (int, any, error) {
	id, _, err := idAndLimit(r, "account")
	if err != nil {
		return 0, nil, err
	}
	var b Booking
	if err := kit.Decode(r, &b); err != nil {
		return 0, nil, err
	}
	if b.Amount < 1 || b.Amount > maxAmount {
		return 0, nil, kit.BadRequest(fmt.Sprintf("amount must be 1 to %d cents", maxAmount))
	}
	entry, err := a.store.Book(r.Context(), id, b)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, view(entry), nil
}

func idAndLimit(r *http.Request, what string) (id int64, limit int, err error) {
	if id, err = strconv.ParseInt(r.PathValue("id"), 10, 64); err != nil {
		return 0, 0, kit.NotFound(what)
	}
	limit = defaultLimit
	if v := r.URL.Query().Get("limit"); v != "" {
		if limit, err = strconv.Atoi(v); err != nil || limit < 1 || limit > maxLimit {
			return 0, 0, kit.BadRequest(fmt.Sprintf("limit must be 1 to %d", maxLimit))
		}
	}
	return id, limit, nil
}

func answer(entries []Entry, err error) (int, any, error) {
	if err != nil {
		return 0, nil, err
	}
	page := Page{Entries: []EntryView{}}
	for _, e := range entries {
		page.Entries = append(page.Entries, view(e))
	}
	return http.StatusOK, page, nil
}

func view(e Entry) EntryView {
	return EntryView{
		ID: e.ID, Account: e.Account, Counterparty: e.Counterparty, State: states[e.State],
		Amount:    fmt.Sprintf("%d.%02d", e.Amount/100, e.Amount%100),
		BookedAt:  e.BookedAt.Format("2006-01-02T15:04:05Z"),
		Reference: mask(e.Reference),
	}
}

// mask hides all but the last four digits of a reference.
func mask(reference string) string {
	digits := 0
	for _, r := range reference {
		if unicode.IsDigit(r) {
			digits++
		}
	}
	masked := ""
	for _, r := range reference {
		if unicode.IsDigit(r) {
			if digits > 4 {
				masked += "*"
			} else {
				masked += string(r)
			}
			digits--
		} else {
			masked += string(r)
		}
	}
	return masked
}
