package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"

	"github.com/p95lab/p95lab/grader/verdict"
	"github.com/p95lab/p95lab/server/wire"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrator reads all migrations: the SQL files and those in Go.
func migrator(db *sql.DB) (*goose.Provider, error) {
	folder, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("read the migrations: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, folder, goose.WithGoMigrations(
		goose.NewGoMigration(3, &goose.GoFunc{RunTx: summarise}, &goose.GoFunc{RunTx: func(context.Context, *sql.Tx) error { return nil }}),
	))
	if err != nil {
		return nil, fmt.Errorf("read the migrations: %w", err)
	}
	return provider, nil
}

func migrate(ctx context.Context, db *sql.DB) error {
	provider, err := migrator(db)
	if err != nil {
		return err
	}
	have, err := provider.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("read the database's version (is it a database of P95 Lab?): %w", err)
	}
	if err := notNewer(provider, have); err != nil {
		return err
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("bring the database up to date: %w", err)
	}
	return nil
}

func notNewer(provider *goose.Provider, have int64) error {
	known := provider.ListSources()
	if newest := known[len(known)-1].Version; have > newest {
		return fmt.Errorf("the database has version %d and this program knows %d: start the newer program that wrote it, or another --data folder", have, newest)
	}
	return nil
}

// summarise fills the summaries of runs that ended before there were any. A
// verdict that cannot be read is left for whoever opens that run.
func summarise(ctx context.Context, tx *sql.Tx) error {
	rows, err := tx.QueryContext(ctx, `SELECT seq, verdict FROM runs WHERE verdict IS NOT NULL AND outcome = ''`)
	if err != nil {
		return fmt.Errorf("read the verdicts: %w", err)
	}
	defer func() { _ = rows.Close() }()
	told := map[int64]wire.RunInfo{}
	for rows.Next() {
		var seq int64
		var text []byte
		if err := rows.Scan(&seq, &text); err != nil {
			return fmt.Errorf("read a verdict: %w", err)
		}
		var v verdict.Verdict
		if json.Unmarshal(text, &v) == nil {
			var info wire.RunInfo
			info.Conclude(v)
			told[seq] = info
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the verdicts: %w", err)
	}
	for seq, info := range told {
		if _, err := tx.ExecContext(ctx, `UPDATE runs SET `+setSummary+` WHERE seq = ?`, append(summary(info), seq)...); err != nil {
			return fmt.Errorf("keep a summary: %w", err)
		}
	}
	return nil
}
