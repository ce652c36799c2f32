package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
)

// Answer keeps the first answer to a challenge's diagnosis and returns the one
// that is kept.
func (s *Store) Answer(ctx context.Context, challenge string, answer int) (int, error) {
	var kept int
	err := s.db.QueryRowContext(ctx, `
		INSERT INTO notes (learner, challenge, answer) VALUES (?, ?, ?)
		ON CONFLICT (learner, challenge) DO UPDATE SET answer = COALESCE(answer, excluded.answer)
		RETURNING answer`, solo, challenge, answer).Scan(&kept)
	if err != nil {
		return 0, fmt.Errorf("keep an answer: %w", fault(err))
	}
	return kept, nil
}

// Answered returns the answer that is kept, nil if there is none.
func (s *Store) Answered(ctx context.Context, challenge string) (*int, error) {
	var answer *int
	err := s.db.QueryRowContext(ctx, `SELECT answer FROM notes WHERE learner = ? AND challenge = ?`, solo, challenge).Scan(&answer)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("read an answer: %w", fault(err))
	}
	return answer, nil
}

// OpenHints notes that the first hints were opened; it never closes one.
func (s *Store) OpenHints(ctx context.Context, challenge string, upTo int) error {
	_, err := s.db.ExecContext(ctx, `
		INSERT INTO notes (learner, challenge, hints) VALUES (?, ?, ?)
		ON CONFLICT (learner, challenge) DO UPDATE SET hints = MAX(hints, excluded.hints)`, solo, challenge, upTo)
	if err != nil {
		return fmt.Errorf("note a hint: %w", fault(err))
	}
	return nil
}

// HintsOpened returns how many hints were opened.
func (s *Store) HintsOpened(ctx context.Context, challenge string) (int, error) {
	var n int
	err := s.db.QueryRowContext(ctx, `SELECT hints FROM notes WHERE learner = ? AND challenge = ?`, solo, challenge).Scan(&n)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("read how many hints were opened: %w", fault(err))
	}
	return n, nil
}

// maxDrafts is how many states are kept for each challenge, the newest.
const maxDrafts = 50

// KeepDraft keeps a state of a workspace and returns its name. The oldest go.
func (s *Store) KeepDraft(ctx context.Context, challenge string, files map[string]string) (string, error) {
	text, err := encode(files)
	if err != nil {
		return "", err
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return "", fmt.Errorf("begin to keep a draft: %w", fault(err))
	}
	defer func() { _ = tx.Rollback() }() // does nothing once committed
	id := newID()
	if _, err := tx.ExecContext(ctx, `INSERT INTO drafts (id, learner, challenge, kept_at, files) VALUES (?, ?, ?, ?, ?)`,
		id, solo, challenge, now(), text); err != nil {
		return "", fmt.Errorf("keep a draft: %w", fault(err))
	}
	if _, err := tx.ExecContext(ctx, `
		DELETE FROM drafts WHERE learner = ?1 AND challenge = ?2 AND seq <= (
			SELECT seq FROM drafts WHERE learner = ?1 AND challenge = ?2 ORDER BY seq DESC LIMIT 1 OFFSET ?3)`,
		solo, challenge, maxDrafts); err != nil {
		return "", fmt.Errorf("drop old drafts: %w", fault(err))
	}
	if err := tx.Commit(); err != nil {
		return "", fmt.Errorf("keep a draft: %w", fault(err))
	}
	return id, nil
}

// Draft returns a state that KeepDraft kept, app.ErrNotKept if there is none.
func (s *Store) Draft(ctx context.Context, challenge, id string) (map[string]string, error) {
	var text string
	err := s.db.QueryRowContext(ctx, `SELECT files FROM drafts WHERE id = ? AND learner = ? AND challenge = ?`, id, solo, challenge).Scan(&text)
	if err != nil {
		return nil, notKept(err, "read a draft")
	}
	var files map[string]string
	if err := json.Unmarshal([]byte(text), &files); err != nil {
		return nil, fmt.Errorf("decode a draft: %w", fault(err))
	}
	return files, nil
}
