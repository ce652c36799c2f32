package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/p95lab/p95lab/grader/verdict"
	"github.com/p95lab/p95lab/server/wire"
)

// Create keeps a new run; when it returns the run is on disk.
func (s *Store) Create(ctx context.Context, run wire.Run) (wire.RunInfo, error) {
	files, err := encode(run.Files)
	if err != nil {
		return wire.RunInfo{}, err
	}
	info := run.RunInfo
	info.ID, info.State, info.CreatedAt = newID(), wire.Queued, time.Now().UTC()
	err = s.db.QueryRowContext(ctx, `
		INSERT INTO runs (id, learner, challenge, number, state, created_at, hypothesis, changed, files)
		SELECT ?1, ?2, ?3, 1 + COALESCE(MAX(number), 0), 'queued', ?4, ?5, ?6, ?7
		FROM runs WHERE learner = ?2 AND challenge = ?3
		RETURNING number`,
		info.ID, solo, info.Challenge, info.CreatedAt.Format(time.RFC3339Nano), info.Hypothesis, info.Changed, files,
	).Scan(&info.Number)
	if err != nil {
		return wire.RunInfo{}, fmt.Errorf("write the run: %w", err)
	}
	return info, nil
}

const infoColumns = `id, challenge, number, state, created_at, hypothesis, changed, verdict`

func scanInfo(row interface{ Scan(...any) error }, more ...any) (wire.RunInfo, *verdict.Verdict, error) {
	var info wire.RunInfo
	var created string
	var told sql.NullString
	to := append([]any{&info.ID, &info.Challenge, &info.Number, &info.State, &created, &info.Hypothesis, &info.Changed, &told}, more...)
	if err := row.Scan(to...); err != nil {
		return info, nil, err
	}
	var err error
	if info.CreatedAt, err = time.Parse(time.RFC3339Nano, created); err != nil {
		return info, nil, fmt.Errorf("read the time of run %s: %w", info.ID, err)
	}
	if !told.Valid {
		return info, nil, nil
	}
	var v verdict.Verdict
	if err := json.Unmarshal([]byte(told.String), &v); err != nil {
		return info, nil, fmt.Errorf("read the verdict of run %s: %w", info.ID, err)
	}
	info.Conclude(v)
	return info, &v, nil
}

// Run returns one run, app.ErrNotKept if there is none.
func (s *Store) Run(ctx context.Context, id string) (wire.Run, error) {
	var files string
	info, v, err := scanInfo(s.db.QueryRowContext(ctx, `SELECT `+infoColumns+`, files FROM runs WHERE id = ? AND learner = ?`, id, solo), &files)
	if err != nil {
		return wire.Run{}, notKept(err, "read a run")
	}
	run := wire.Run{RunInfo: info, Verdict: v}
	if err := json.Unmarshal([]byte(files), &run.Files); err != nil {
		return wire.Run{}, fmt.Errorf("read the files of run %s: %w", id, err)
	}
	return run, nil
}

// Runs lists a challenge's runs, newest first.
func (s *Store) Runs(ctx context.Context, challenge string) ([]wire.RunInfo, error) {
	return s.list(ctx, `SELECT `+infoColumns+` FROM runs WHERE learner = ? AND challenge = ? ORDER BY number DESC`, solo, challenge)
}

// Recover queues again what an earlier process was grading, and lists all runs
// that have not ended, in the order of submission.
func (s *Store) Recover(ctx context.Context) ([]wire.RunInfo, error) {
	if _, err := s.db.ExecContext(ctx, `UPDATE runs SET state = 'queued' WHERE state = 'running'`); err != nil {
		return nil, fmt.Errorf("queue again what was being graded: %w", err)
	}
	return s.list(ctx, `SELECT `+infoColumns+` FROM runs WHERE state IN ('queued', 'running') ORDER BY seq`)
}

func (s *Store) list(ctx context.Context, query string, args ...any) ([]wire.RunInfo, error) {
	rows, err := s.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("list runs: %w", err)
	}
	defer func() { _ = rows.Close() }()
	list := []wire.RunInfo{}
	for rows.Next() {
		info, _, err := scanInfo(rows)
		if err != nil {
			return nil, fmt.Errorf("read a run: %w", err)
		}
		list = append(list, info)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list runs: %w", err)
	}
	return list, nil
}

// Begin marks a run as running and returns how often that has been done; ok is
// false when it has ended.
func (s *Store) Begin(ctx context.Context, id string) (attempt int, ok bool, err error) {
	err = s.db.QueryRowContext(ctx, `
		UPDATE runs SET state = 'running', attempt = attempt + 1
		WHERE id = ? AND state IN ('queued', 'running') RETURNING attempt`, id).Scan(&attempt)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("begin run %s: %w", id, err)
	}
	return attempt, true, nil
}

// GiveBack queues a run again whose attempt was broken off, and does not count it.
func (s *Store) GiveBack(ctx context.Context, id string) error {
	if _, err := s.db.ExecContext(ctx, `
		UPDATE runs SET state = 'queued', attempt = attempt - 1 WHERE id = ? AND state = 'running'`, id); err != nil {
		return fmt.Errorf("queue run %s again: %w", id, err)
	}
	return nil
}

// Finish ends a run with a final state, its verdict and its last event, nil if
// it has none: all of it or nothing. ok is false when it had ended before; then
// nothing is changed.
func (s *Store) Finish(ctx context.Context, id string, state wire.State, v *verdict.Verdict, last *verdict.Event) (ok bool, err error) {
	var told any
	if v != nil {
		if told, err = encode(v); err != nil {
			return false, err
		}
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return false, fmt.Errorf("begin to finish run %s: %w", id, err)
	}
	defer func() { _ = tx.Rollback() }() // does nothing once committed
	result, err := tx.ExecContext(ctx, `
		UPDATE runs SET state = ?, verdict = ? WHERE id = ? AND state IN ('queued', 'running')`, string(state), told, id)
	if err != nil {
		return false, fmt.Errorf("finish run %s: %w", id, err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return false, err
	}
	if last != nil {
		if err := insert(ctx, tx, id, *last); err != nil {
			return false, err
		}
	}
	if err := tx.Commit(); err != nil {
		return false, fmt.Errorf("finish run %s: %w", id, err)
	}
	return true, nil
}

func insert(ctx context.Context, tx *sql.Tx, id string, e verdict.Event) error {
	body, err := encode(e)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO events (run, seq, body) VALUES (?, ?, ?)`, id, e.Seq, body); err != nil {
		return fmt.Errorf("keep event %d of run %s: %w", e.Seq, id, err)
	}
	return nil
}

// Append keeps events, which carry their numbers.
func (s *Store) Append(ctx context.Context, id string, events []verdict.Event) error {
	tx, err := s.fast.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin to keep events: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // does nothing once committed
	for _, e := range events {
		if err := insert(ctx, tx, id, e); err != nil {
			return err
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("keep events of run %s: %w", id, err)
	}
	return nil
}

// Events returns a run's events after a number, in order.
func (s *Store) Events(ctx context.Context, id string, after int64) ([]verdict.Event, error) {
	rows, err := s.fast.QueryContext(ctx, `SELECT body FROM events WHERE run = ? AND seq > ? ORDER BY seq`, id, after)
	if err != nil {
		return nil, fmt.Errorf("read events of run %s: %w", id, err)
	}
	defer func() { _ = rows.Close() }()
	events := []verdict.Event{}
	for rows.Next() {
		var body []byte
		if err := rows.Scan(&body); err != nil {
			return nil, fmt.Errorf("read an event of run %s: %w", id, err)
		}
		var e verdict.Event
		if err := json.Unmarshal(body, &e); err != nil {
			return nil, fmt.Errorf("decode an event of run %s: %w", id, err)
		}
		events = append(events, e)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read events of run %s: %w", id, err)
	}
	return events, nil
}
