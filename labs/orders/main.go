// Command orders is Larder's order service: it takes orders and shows customers
// what they ordered.
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
		Name: "orders", Schema: schema, Seed: seed,
		Routes: func(db *sql.DB) http.Handler { return NewAPI(NewStore(db)) },
	})
}
