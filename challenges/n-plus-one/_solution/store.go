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
	err := s.db.QueryRowContext(ctx, `SELECT title FROM dashboards WHERE id = ?`, id).Scan(&d.Title)
	if errors.Is(err, sql.ErrNoRows) {
		return Dashboard{}, kit.NotFound("dashboard")
	}
	if err != nil {
		return Dashboard{}, fmt.Errorf("read dashboard %d: %w", id, err)
	}
	if d.Widgets, err = s.widgets(ctx, id); err != nil {
		return Dashboard{}, err
	}
	return d, s.readings(ctx, id, d.Widgets)
}

// widgets reads the widgets of a dashboard with what belongs to each. Thresholds
// and notes are joined from the outside: not every widget has one.
func (s *Store) widgets(ctx context.Context, dashboard int64) ([]Widget, error) {
	rows, err := s.db.QueryContext(ctx, `
		SELECT w.slot, w.title, p.name, s.name, t.warn, n.body
		FROM widgets w
		JOIN people p ON p.id = w.owner_id
		JOIN sources s ON s.id = w.source_id
		LEFT JOIN thresholds t ON t.widget_id = w.id
		LEFT JOIN notes n ON n.widget_id = w.id
		WHERE w.dashboard_id = ?`, dashboard)
	if err != nil {
		return nil, fmt.Errorf("read the widgets of dashboard %d: %w", dashboard, err)
	}
	defer rows.Close()
	found := []Widget{}
	for rows.Next() {
		var w Widget
		if err := rows.Scan(&w.Slot, &w.Title, &w.Owner, &w.Source, &w.Warn, &w.Note); err != nil {
			return nil, fmt.Errorf("read a widget: %w", err)
		}
		found = append(found, w)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the widgets of dashboard %d: %w", dashboard, err)
	}
	return found, nil
}

// readings fills in the newest and the highest reading of each widget. One that
// was never sent anything keeps nil.
func (s *Store) readings(ctx context.Context, dashboard int64, widgets []Widget) error {
	bySlot := make(map[int]*Widget, len(widgets))
	for i := range widgets {
		bySlot[widgets[i].Slot] = &widgets[i]
	}
	// With MAX as its only aggregate SQLite takes the bare column r.value from the
	// row that holds the maximum (sqlite.org/lang_select.html, "bare columns").
	rows, err := s.db.QueryContext(ctx, `
		SELECT w.slot, MAX(r.minute), r.value,
			(SELECT MAX(value) FROM readings WHERE widget_id = w.id)
		FROM widgets w JOIN readings r ON r.widget_id = w.id
		WHERE w.dashboard_id = ?
		GROUP BY w.id`, dashboard)
	if err != nil {
		return fmt.Errorf("read the readings of dashboard %d: %w", dashboard, err)
	}
	defer rows.Close()
	for rows.Next() {
		var slot int
		var r Reading
		var peak int64
		if err := rows.Scan(&slot, &r.Minute, &r.Value, &peak); err != nil {
			return fmt.Errorf("read a reading: %w", err)
		}
		if w := bySlot[slot]; w != nil {
			w.Reading, w.Peak = &r, &peak
		}
	}
	return rows.Err()
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
