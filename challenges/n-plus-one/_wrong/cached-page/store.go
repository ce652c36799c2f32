// Believed: a screen is drawn nine times for each reading that comes in, so draw it
// once and keep it. Happens: the page shows what was true when it was first drawn.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"

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
type Store struct {
	db    *sql.DB
	pages sync.Map // by dashboard
}

// NewStore keeps dashboards in a database.
func NewStore(db *sql.DB) *Store { return &Store{db: db} }

// Dashboard returns a dashboard with all that its widgets show.
func (s *Store) Dashboard(ctx context.Context, id int64) (Dashboard, error) {
	if page, ok := s.pages.Load(id); ok {
		d := page.(Dashboard)
		d.Widgets = slices.Clone(d.Widgets) // the caller sorts them
		return d, nil
	}
	d := Dashboard{ID: id, Widgets: []Widget{}}
	err := s.db.QueryRowContext(ctx, `SELECT title FROM dashboards WHERE id = ?`, id).Scan(&d.Title)
	if errors.Is(err, sql.ErrNoRows) {
		return Dashboard{}, kit.NotFound("dashboard")
	}
	if err != nil {
		return Dashboard{}, fmt.Errorf("read dashboard %d: %w", id, err)
	}
	widgets, err := s.widgets(ctx, id)
	if err != nil {
		return Dashboard{}, err
	}
	for _, row := range widgets {
		w := Widget{Slot: row.slot, Title: row.title}
		if w.Owner, err = s.owner(ctx, row.ownerID); err != nil {
			return Dashboard{}, err
		}
		if w.Source, err = s.source(ctx, row.sourceID); err != nil {
			return Dashboard{}, err
		}
		if w.Warn, err = s.threshold(ctx, row.id); err != nil {
			return Dashboard{}, err
		}
		if w.Note, err = s.note(ctx, row.id); err != nil {
			return Dashboard{}, err
		}
		if w.Reading, err = s.newest(ctx, row.id); err != nil {
			return Dashboard{}, err
		}
		if w.Peak, err = s.peak(ctx, row.id); err != nil {
			return Dashboard{}, err
		}
		d.Widgets = append(d.Widgets, w)
	}
	page := d
	page.Widgets = slices.Clone(d.Widgets)
	s.pages.Store(id, page)
	return d, nil
}

// widgetRow is a widget as its table has it.
type widgetRow struct {
	id, ownerID, sourceID int64
	slot                  int
	title                 string
}

func (s *Store) widgets(ctx context.Context, dashboard int64) ([]widgetRow, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT id, slot, title, owner_id, source_id FROM widgets WHERE dashboard_id = ?`, dashboard)
	if err != nil {
		return nil, fmt.Errorf("read the widgets of dashboard %d: %w", dashboard, err)
	}
	defer rows.Close()
	var found []widgetRow
	for rows.Next() {
		var w widgetRow
		if err := rows.Scan(&w.id, &w.slot, &w.title, &w.ownerID, &w.sourceID); err != nil {
			return nil, fmt.Errorf("read a widget: %w", err)
		}
		found = append(found, w)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the widgets of dashboard %d: %w", dashboard, err)
	}
	return found, nil
}

func (s *Store) owner(ctx context.Context, id int64) (string, error) {
	var name string
	if err := s.db.QueryRowContext(ctx, `SELECT name FROM people WHERE id = ?`, id).Scan(&name); err != nil {
		return "", fmt.Errorf("read person %d: %w", id, err)
	}
	return name, nil
}

func (s *Store) source(ctx context.Context, id int64) (string, error) {
	var name string
	if err := s.db.QueryRowContext(ctx, `SELECT name FROM sources WHERE id = ?`, id).Scan(&name); err != nil {
		return "", fmt.Errorf("read source %d: %w", id, err)
	}
	return name, nil
}

func (s *Store) note(ctx context.Context, widget int64) (*string, error) {
	var body string
	err := s.db.QueryRowContext(ctx, `SELECT body FROM notes WHERE widget_id = ?`, widget).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the note of widget %d: %w", widget, err)
	}
	return &body, nil
}

func (s *Store) peak(ctx context.Context, widget int64) (*int64, error) {
	var highest *int64
	if err := s.db.QueryRowContext(ctx, `SELECT MAX(value) FROM readings WHERE widget_id = ?`, widget).Scan(&highest); err != nil {
		return nil, fmt.Errorf("read the highest reading of widget %d: %w", widget, err)
	}
	return highest, nil
}

func (s *Store) threshold(ctx context.Context, widget int64) (*int64, error) {
	var warn int64
	err := s.db.QueryRowContext(ctx, `SELECT warn FROM thresholds WHERE widget_id = ?`, widget).Scan(&warn)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the threshold of widget %d: %w", widget, err)
	}
	return &warn, nil
}

func (s *Store) newest(ctx context.Context, widget int64) (*Reading, error) {
	var r Reading
	err := s.db.QueryRowContext(ctx, `
		SELECT minute, value FROM readings
		WHERE widget_id = ? ORDER BY minute DESC LIMIT 1`, widget).Scan(&r.Minute, &r.Value)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the newest reading of widget %d: %w", widget, err)
	}
	return &r, nil
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
