package sqlite

import (
	"context"
	"fmt"

	"github.com/p95lab/p95lab/grader/evidence"
)

// maxEvidence is of how many runs of a challenge the evidence is kept, the
// newest: half a megabyte each.
const maxEvidence = 60

// KeepEvidence replaces what is kept of a run. That of the oldest runs goes.
func (s *Store) KeepEvidence(ctx context.Context, run string, all []evidence.Artefact) error {
	// A run whose profiles a power cut has taken is a run without profiles.
	tx, err := s.fast.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin to keep evidence: %w", fault(err))
	}
	defer func() { _ = tx.Rollback() }() // does nothing once committed
	if _, err := tx.ExecContext(ctx, `DELETE FROM evidence WHERE run = ?`, run); err != nil {
		return fmt.Errorf("drop the evidence of an earlier attempt: %w", fault(err))
	}
	for _, a := range all {
		if _, err := tx.ExecContext(ctx, `INSERT INTO evidence (run, name, body) VALUES (?, ?, ?)`, run, a.Name, a.Body); err != nil {
			return fmt.Errorf("keep %s of run %s: %w", a.Name, run, fault(err))
		}
	}
	if _, err := tx.ExecContext(ctx, `
		DELETE FROM evidence WHERE run IN (
			SELECT old.id FROM runs old JOIN runs this ON this.id = ?1 AND old.learner = this.learner AND old.challenge = this.challenge
			ORDER BY old.number DESC LIMIT -1 OFFSET ?2)`, run, maxEvidence); err != nil {
		return fmt.Errorf("drop old evidence: %w", fault(err))
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("keep the evidence of run %s: %w", run, fault(err))
	}
	return nil
}

// Artefact returns one piece of a run's evidence, app.ErrNotKept where there is
// none.
func (s *Store) Artefact(ctx context.Context, run, name string) ([]byte, error) {
	var body []byte
	err := s.db.QueryRowContext(ctx, `
		SELECT body FROM evidence WHERE run = (SELECT id FROM runs WHERE id = ? AND learner = ?) AND name = ?`, run, solo, name).Scan(&body)
	if err != nil {
		return nil, notKept(err, "read evidence")
	}
	return body, nil
}
