package main

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"

	"github.com/p95lab/p95lab/labs/kit"
)

// What a middling customer of Desk has.
const (
	dashboards = 300
	perScreen  = 20
	people     = 250
	sources    = 60
	history    = 8 // readings of each widget
)

var subjects = []string{"Open tickets", "First reply", "Satisfaction", "Backlog", "Calls waiting", "Chats", "Escalations", "Reopened"}

// seed makes dashboards that look alike, of which some widgets have no threshold
// and a few no reading yet.
func seed(ctx context.Context, tx *sql.Tx, rows kit.Rows) error {
	rng := rand.New(rand.NewPCG(rows.Seed, 2))
	insert := func(query string) (func(...any) error, func(), error) {
		stmt, err := tx.PrepareContext(ctx, query)
		if err != nil {
			return nil, nil, err
		}
		run := func(args ...any) error {
			_, err := stmt.ExecContext(ctx, args...)
			return err
		}
		return run, func() { _ = stmt.Close() }, nil
	}
	queries := []string{
		`INSERT INTO people (id, name) VALUES (?, ?)`,
		`INSERT INTO dashboards (id, title) VALUES (?, ?)`,
		`INSERT INTO widgets (id, dashboard_id, slot, title, owner_id, source_id) VALUES (?, ?, ?, ?, ?, ?)`,
		`INSERT INTO thresholds (widget_id, warn) VALUES (?, ?)`,
		`INSERT INTO readings (widget_id, minute, value) VALUES (?, ?, ?)`,
		`INSERT INTO sources (id, name) VALUES (?, ?)`,
		`INSERT INTO notes (widget_id, body) VALUES (?, ?)`,
	}
	add := make([]func(...any) error, len(queries))
	for i, q := range queries {
		run, done, err := insert(q)
		if err != nil {
			return err
		}
		defer done()
		add[i] = run
	}
	person, dashboard, widget, threshold, reading, source, note := add[0], add[1], add[2], add[3], add[4], add[5], add[6]

	for id := 1; id <= people; id++ {
		if err := person(id, fmt.Sprintf("Agent %d", id)); err != nil {
			return err
		}
	}
	for id := 1; id <= sources; id++ {
		if err := source(id, fmt.Sprintf("Queue %d", id)); err != nil {
			return err
		}
	}
	id := 0
	for d := 1; d <= max(1, int(dashboards*rows.Scale)); d++ {
		if err := dashboard(d, fmt.Sprintf("Team %d", d)); err != nil {
			return err
		}
		for _, slot := range rng.Perm(perScreen) {
			id++
			title := fmt.Sprintf("%s %d", subjects[rng.IntN(len(subjects))], slot+1)
			if err := widget(id, d, slot+1, title, 1+rng.IntN(people), 1+rng.IntN(sources)); err != nil {
				return err
			}
			if rng.IntN(4) > 0 {
				if err := threshold(id, 50+rng.IntN(50)); err != nil {
					return err
				}
			}
			if rng.IntN(6) == 0 {
				if err := note(id, fmt.Sprintf("Ask agent %d before you change this.", 1+rng.IntN(people))); err != nil {
					return err
				}
			}
			if rng.IntN(20) == 0 {
				continue
			}
			for minute := 1; minute <= history; minute++ {
				if err := reading(id, minute, rng.IntN(100)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
