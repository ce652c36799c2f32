package kit

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// step is a line of SQLite's plan of a statement.
type step struct {
	ID     int    `json:"id"`
	Parent int    `json:"parent"` // 0 where it is nobody's part
	Detail string `json:"detail"` // "SCAN orders"
	// Rows is how many the table has, where all of it is read.
	Rows int64 `json:"rows,omitempty"`
}

type planned struct {
	SQL   string `json:"sql"`
	Steps []step `json:"steps"`
	Error string `json:"error,omitempty"`
}

// plan writes how SQLite would run each statement of a JSON list in the file
// from, as JSON into the file to.
func plan(ctx context.Context, databaseURL, from, to string) (err error) {
	text, err := os.ReadFile(from)
	if err != nil {
		return fmt.Errorf("read the statements: %w", err)
	}
	var list []string
	if err := json.Unmarshal(text, &list); err != nil {
		return fmt.Errorf("read the statements: %w", err)
	}
	if err := exists(databaseURL); err != nil {
		return err
	}
	db, err := Open(databaseURL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	plans := make([]planned, len(list))
	for i, statement := range list {
		plans[i] = explain(ctx, db, statement)
	}
	answer, err := json.Marshal(plans)
	if err != nil {
		return fmt.Errorf("write the plans: %w", err)
	}
	if err := os.WriteFile(to, answer, 0o644); err != nil {
		return fmt.Errorf("write the plans: %w", err)
	}
	return nil
}

// explain asks for the plan of one statement. Its parameters are NULL, which
// changes no plan of a database without histograms.
func explain(ctx context.Context, db *sql.DB, statement string) planned {
	p := planned{SQL: statement, Steps: []step{}}
	if strings.Contains(statement, "\x00") || len(statements(strings.TrimRight(statement, " \t\r\n;")+";")) != 1 {
		p.Error = "more than one statement"
		return p
	}
	rows, err := db.QueryContext(ctx, "EXPLAIN QUERY PLAN "+statement, make([]any, mostParameters)...)
	if err != nil {
		p.Error = err.Error()
		return p
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var s step
		var unused int
		if err := rows.Scan(&s.ID, &s.Parent, &unused, &s.Detail); err != nil {
			p.Error = err.Error()
			return p
		}
		p.Steps = append(p.Steps, s)
	}
	if err := rows.Err(); err != nil {
		p.Error = err.Error()
	}
	for i := range p.Steps {
		p.Steps[i].Rows = scanned(ctx, db, p.Steps[i].Detail)
	}
	return p
}

// mostParameters is how many a statement may have to be explained, countingTime
// how long the rows of a table may take to be counted.
const (
	mostParameters = 1000
	countingTime   = 200 * time.Millisecond
)

// scanned is the size of the table that a step reads all of, 0 where it reads
// none or the name is not a table's own.
func scanned(ctx context.Context, db *sql.DB, detail string) (rows int64) {
	words := strings.Fields(detail)
	if len(words) < 2 || words[0] != "SCAN" {
		return 0
	}
	ctx, cancel := context.WithTimeout(ctx, countingTime)
	defer cancel()
	name := strings.ReplaceAll(words[1], `"`, `""`)
	if err := db.QueryRowContext(ctx, `SELECT COUNT(*) FROM "`+name+`"`).Scan(&rows); err != nil {
		return 0
	}
	return rows
}
