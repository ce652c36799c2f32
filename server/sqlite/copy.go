package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// Copy writes the database at from to a new file at to, as it is at this moment
// and also while a server writes to it, and returns what Check says of the copy.
func Copy(ctx context.Context, from, to string) (Contents, error) {
	if _, err := os.Stat(from); err != nil {
		return Contents{}, fmt.Errorf("find the database: %w", err)
	}
	db, err := open(from, "FULL")
	if err != nil {
		return Contents{}, err
	}
	_, err = db.ExecContext(ctx, `VACUUM INTO ?`, to)
	if err = errors.Join(err, db.Close()); err != nil {
		return Contents{}, fmt.Errorf("copy the database: %w", damaged(from, fault(err)))
	}
	return Check(ctx, to)
}

// Contents says what a database holds.
type Contents struct {
	Version int64 // of the schema
	Runs    int
}

// Check looks through the database at path without changing it. One that is
// damaged, that a newer program wrote, or that is not the lab's, is an error.
func Check(ctx context.Context, path string) (c Contents, err error) {
	db, err := open(path, "FULL")
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var says string
	if err := db.QueryRowContext(ctx, `PRAGMA integrity_check(1)`).Scan(&says); err != nil {
		return c, fmt.Errorf("look through the database: %w", err)
	}
	if says != "ok" {
		return c, fmt.Errorf("%w: %s", errDamaged, says)
	}
	// goose would make its table in a database that is not ours.
	if err := db.QueryRowContext(ctx, `SELECT MAX(version_id) FROM goose_db_version`).Scan(&c.Version); err != nil {
		return c, fmt.Errorf("read the version of the database (is it one of P95 Lab?): %w", err)
	}
	provider, err := migrator(db)
	if err != nil {
		return c, err
	}
	if err := notNewer(provider, c.Version); err != nil {
		return c, err
	}
	if err := db.QueryRowContext(ctx, `SELECT COUNT(*) FROM runs`).Scan(&c.Runs); err != nil {
		return c, fmt.Errorf("count the runs: %w", err)
	}
	return c, nil
}
