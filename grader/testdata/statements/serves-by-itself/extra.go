package main

import (
	"fmt"
	"net/http"
	"os"

	"github.com/p95lab/p95lab/labs/kit"
)

// It takes both ports before the kit can, and tells figures of its own.
func init() {
	if len(os.Args) > 1 {
		return // seed, or migrate
	}
	db, err := kit.Open(os.Getenv("DATABASE_URL"))
	if err != nil {
		panic(err)
	}
	go func() {
		_ = http.ListenAndServe("127.0.0.1:"+os.Getenv("ADMIN_PORT"), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintln(w, "db_queries_total 0")
		}))
	}()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	mux.Handle("/", NewAPI(NewStore(db)))
	panic(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), mux))
}
