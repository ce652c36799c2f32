// Command ledger is Tally's ledger: it books entries on accounts, and shows them
// by account and by counterparty.
package main

import (
	"database/sql"
	_ "embed"
	"net/http"

	"github.com/p95lab/p95lab/labs/kit"
)

//go:embed schema.sql
var schema string

func main() {
	kit.Main(kit.Service{
		Name: "ledger", Schema: schema, Seed: seed,
		Routes: func(db *sql.DB) http.Handler { return NewAPI(NewStore(db)) },
	})
}
