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
		return wire.RunInfo{}, fmt.Errorf("write the run: %w", fault(err))
	}
	return info, nil
}

// infoColumns are in the index runs_listed, all of them.
const infoColumns = `id, challenge, number, state, created_at, hypothesis, changed,
	outcome, gate, score, seconds, p95_before, p95_after, ratio, low, high`

// setSummary sets what the lists show of a verdict, to the values of summary.
const setSummary = `outcome = ?, gate = ?, score = ?, seconds = ?, p95_before = ?, p95_after = ?, ratio = ?, low = ?, high = ?`

func summary(i wire.RunInfo) []any {
	return []any{string(i.Outcome), string(i.Gate), i.Score, i.Seconds, i.P95Before, i.P95After, i.Ratio, i.Low, i.High}
}

func scanInfo(row interface{ Scan(...any) error }, more ...any) (wire.RunInfo, error) {
	var i wire.RunInfo
	var created string
	to := append([]any{&i.ID, &i.Challenge, &i.Number, &i.State, &created, &i.Hypothesis, &i.Changed,
		&i.Outcome, &i.Gate, &i.Score, &i.Seconds, &i.P95Before, &i.P95After, &i.Ratio, &i.Low, &i.High}, more...)
	if err := row.Scan(to...); err != nil {
		return i, err
	}
	var err error
	if i.CreatedAt, err = time.Parse(time.RFC3339Nano, created); err != nil {
		return i, fmt.Errorf("read the time of run %s: %w", i.ID, err)
	}
	return i, nil
}

// Run returns one run, app.ErrNotKept if there is none.
func (s *Store) Run(ctx context.Context, id string) (wire.Run, error) {
	var files string
	var told sql.NullString
	info, err := scanInfo(s.db.QueryRowContext(ctx, `SELECT `+infoColumns+`, files, verdict FROM runs WHERE id = ? AND learner = ?`, id, solo), &files, &told)
	if err != nil {
		return wire.Run{}, notKept(err, "read a run")
	}
	run := wire.Run{RunInfo: info}
	if err := json.Unmarshal([]byte(files), &run.Files); err != nil {
		return wire.Run{}, fmt.Errorf("read the files of run %s: %w", id, err)
	}
	if told.Valid {
		if err := json.Unmarshal([]byte(told.String), &run.Verdict); err != nil {
			return wire.Run{}, fmt.Errorf("read the verdict of run %s: %w", id, err)
		}
	}
	return run, nil
}

// Progress tells how far the learner is with each challenge that has runs, the one
// that was worked on last at first.
func (s *Store) Progress(ctx context.Context) ([]wire.Progress, error) {
	rows, err := s.db.QueryContext(ctx, `
		SELECT challenge, MAX(outcome = 'passed'), MAX(CASE WHEN outcome = 'passed' THEN ratio ELSE 0 END)
		FROM runs WHERE learner = ? GROUP BY challenge ORDER BY MAX(seq) DESC`, solo)
	if err != nil {
		return nil, fmt.Errorf("read the progress: %w", fault(err))
	}
	defer func() { _ = rows.Close() }()
	var all []wire.Progress
	for rows.Next() {
		var p wire.Progress
		if err := rows.Scan(&p.Challenge, &p.Passed, &p.Best); err != nil {
			return nil, fmt.Errorf("read the progress: %w", err)
		}
		all = append(all, p)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the progress: %w", fault(err))
	}
	return all, nil
}

// Runs lists a challenge's runs, newest first.
func (s *Store) Runs(ctx context.Context, challenge string) ([]wire.RunInfo, error) {
	return s.list(ctx, `SELECT `+infoColumns+` FROM runs WHERE learner = ? AND challenge = ? ORDER BY number DESC`, solo, challenge)
}

// Recover queues again what an earlier process was grading, and lists all runs
// that have not ended, in the order of submission.
func (s *Store) Recover(ctx context.Context) ([]wire.RunInfo, error) {
	if _, err := s.db.ExecContext(ctx, `UPDATE runs SET state = 'queued' WHERE state = 'running'`); err != nil {
		return nil, fmt.Errorf("queue again what was being graded: %w", fault(err))
	}
	return s.list(ctx, `SELECT `+infoColumns+` FROM runs WHERE state IN ('queued', 'running') ORDER BY seq`)
}

func (s *Store) list(ctx context.Context, query string, args ...any) ([]wire.RunInfo, error) {
	rows, err := s.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("list runs: %w", fault(err))
	}
	defer func() { _ = rows.Close() }()
	list := []wire.RunInfo{}
	for rows.Next() {
		info, err := scanInfo(rows)
		if err != nil {
			return nil, fmt.Errorf("read a run: %w", err)
		}
		list = append(list, info)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list runs: %w", fault(err))
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
		return 0, false, fmt.Errorf("begin run %s: %w", id, fault(err))
	}
	return attempt, true, nil
}

// GiveBack queues a run again whose attempt was broken off, and does not count it.
func (s *Store) GiveBack(ctx context.Context, id string) error {
	if _, err := s.db.ExecContext(ctx, `
		UPDATE runs SET state = 'queued', attempt = attempt - 1 WHERE id = ? AND state = 'running'`, id); err != nil {
		return fmt.Errorf("queue run %s again: %w", id, fault(err))
	}
	return nil
}

// Finish ends a run with a final state, its verdict and its last event, nil if
// it has none: all of it or nothing. ok is false when it had ended before; then
// nothing is changed.
func (s *Store) Finish(ctx context.Context, id string, state wire.State, v *verdict.Verdict, last *verdict.Event) (ok bool, err error) {
	var told any
	var shown wire.RunInfo
	if v != nil {
		shown.Conclude(*v)
		if told, err = encode(v); err != nil {
			return false, err
		}
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return false, fmt.Errorf("begin to finish run %s: %w", id, fault(err))
	}
	defer func() { _ = tx.Rollback() }() // does nothing once committed
	set := append(summary(shown), string(state), told, id)
	result, err := tx.ExecContext(ctx, `UPDATE runs SET `+setSummary+`, state = ?, verdict = ? WHERE id = ? AND state IN ('queued', 'running')`, set...)
	if err != nil {
		return false, fmt.Errorf("finish run %s: %w", id, fault(err))
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
		return false, fmt.Errorf("finish run %s: %w", id, fault(err))
	}
	return true, nil
}

func insert(ctx context.Context, tx *sql.Tx, id string, e verdict.Event) error {
	body, err := encode(e)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO events (run, seq, body) VALUES (?, ?, ?)`, id, e.Seq, body); err != nil {
		return fmt.Errorf("keep event %d of run %s: %w", e.Seq, id, fault(err))
	}
	return nil
}

// Append keeps events, which carry their numbers.
func (s *Store) Append(ctx context.Context, id string, events []verdict.Event) error {
	tx, err := s.fast.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin to keep events: %w", fault(err))
	}
	defer func() { _ = tx.Rollback() }() // does nothing once committed
	for _, e := range events {
		if err := insert(ctx, tx, id, e); err != nil {
			return err
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("keep events of run %s: %w", id, fault(err))
	}
	return nil
}

// Events returns a run's events after a number, in order.
func (s *Store) Events(ctx context.Context, id string, after int64) ([]verdict.Event, error) {
	rows, err := s.fast.QueryContext(ctx, `SELECT body FROM events WHERE run = ? AND seq > ? ORDER BY seq`, id, after)
	if err != nil {
		return nil, fmt.Errorf("read events of run %s: %w", id, fault(err))
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
		return nil, fmt.Errorf("read events of run %s: %w", id, fault(err))
	}
	return events, nil
}
