package main

import (
	"database/sql"

	_ "modernc.org/sqlite"
)

// It asks where nobody counts.
func uncounted(path string) (*sql.DB, error) { return sql.Open("sqlite", path) }
