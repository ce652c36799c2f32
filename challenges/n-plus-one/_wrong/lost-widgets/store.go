// Believed: one join reads a whole screen. Happens: an inner join keeps only rows
// that have a partner, and a widget without a threshold or a reading is gone. Notes
// were thought of, since most widgets have none.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/p95lab/p95lab/labs/kit"
)

// Dashboard is one wall screen.
type Dashboard struct {
	ID      int64    `json:"id"`
	Title   string   `json:"title"`
	Alerts  int      `json:"alerts"`
	Widgets []Widget `json:"widgets"`
}

// Widget is one tile of a dashboard.
type Widget struct {
	Slot    int      `json:"slot"`
	Title   string   `json:"title"`
	Owner   string   `json:"owner"`
	Source  string   `json:"source"`
	Warn    *int64   `json:"warn"`    // nil: nobody set a threshold
	Note    *string  `json:"note"`    // nil: nobody wrote one
	Reading *Reading `json:"reading"` // nil: nothing has been sent yet
	Peak    *int64   `json:"peak"`    // the highest value; nil as above
}

// Reading is one value that was sent to a widget.
type Reading struct {
	Minute int64 `json:"minute"`
	Value  int64 `json:"value"`
}

// Store keeps dashboards.
type Store struct{ db *sql.DB }

// NewStore keeps dashboards in a database.
func NewStore(db *sql.DB) *Store { return &Store{db} }

// Dashboard returns a dashboard with all that its widgets show.
func (s *Store) Dashboard(ctx context.Context, id int64) (Dashboard, error) {
	d := Dashboard{ID: id, Widgets: []Widget{}}
	rows, err := s.db.QueryContext(ctx, `
		WITH screen AS (
			SELECT id, slot, title, owner_id, source_id,
				(SELECT MAX(minute) FROM readings WHERE widget_id = widgets.id) AS latest,
				(SELECT MAX(value) FROM readings WHERE widget_id = widgets.id) AS peak
			FROM widgets WHERE dashboard_id = ?1
		)
		SELECT d.title, s.slot, s.title, p.name, q.name, t.warn, n.body, r.minute, r.value, s.peak
		FROM dashboards d
		JOIN screen s
		JOIN people p ON p.id = s.owner_id
		JOIN sources q ON q.id = s.source_id
		JOIN thresholds t ON t.widget_id = s.id
		LEFT JOIN notes n ON n.widget_id = s.id
		JOIN readings r ON r.widget_id = s.id AND r.minute = s.latest
		WHERE d.id = ?1`, id)
	if err != nil {
		return Dashboard{}, fmt.Errorf("read dashboard %d: %w", id, err)
	}
	defer rows.Close()
	known := false
	for rows.Next() {
		known = true
		var w Widget
		var slot, minute, value *int64
		var title, owner, source sql.NullString
		if err := rows.Scan(&d.Title, &slot, &title, &owner, &source, &w.Warn, &w.Note, &minute, &value, &w.Peak); err != nil {
			return Dashboard{}, fmt.Errorf("read a widget: %w", err)
		}
		if slot == nil { // a dashboard without widgets is one row
			continue
		}
		w.Slot, w.Title, w.Owner, w.Source = int(*slot), title.String, owner.String, source.String
		if minute != nil && value != nil {
			w.Reading = &Reading{Minute: *minute, Value: *value}
		}
		d.Widgets = append(d.Widgets, w)
	}
	if err := rows.Err(); err != nil {
		return Dashboard{}, fmt.Errorf("read dashboard %d: %w", id, err)
	}
	if !known {
		return Dashboard{}, kit.NotFound("dashboard")
	}
	return d, nil
}

// Record adds a reading to the widget in a slot of a dashboard, one minute after
// the newest that it has.
func (s *Store) Record(ctx context.Context, dashboard, slot, value int64) (Reading, error) {
	r := Reading{Value: value}
	err := s.db.QueryRowContext(ctx, `
		INSERT INTO readings (widget_id, minute, value)
		SELECT w.id, 1 + COALESCE((SELECT MAX(minute) FROM readings WHERE widget_id = w.id), 0), ?
		FROM widgets w WHERE w.dashboard_id = ? AND w.slot = ?
		RETURNING minute`, value, dashboard, slot).Scan(&r.Minute)
	if errors.Is(err, sql.ErrNoRows) {
		return Reading{}, kit.NotFound("widget")
	}
	if err != nil {
		return Reading{}, fmt.Errorf("write a reading of dashboard %d: %w", dashboard, err)
	}
	return r, nil
}
