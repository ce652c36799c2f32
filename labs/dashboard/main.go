// Command dashboard is Desk's dashboard service: it draws the wall screens of
// support teams from the readings that other services send.
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
		Name: "dashboard", Schema: schema, Seed: seed,
		Routes: func(db *sql.DB) http.Handler { return NewAPI(NewStore(db)) },
	})
}
