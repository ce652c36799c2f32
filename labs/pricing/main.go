// Command pricing is Edge's pricing service: it quotes carts by the rules that
// each shop keeps.
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
		Name: "pricing", Schema: schema, Seed: seed,
		Routes: func(db *sql.DB) http.Handler { return NewAPI(NewStore(db)) },
	})
}
