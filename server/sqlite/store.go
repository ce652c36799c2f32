// Package sqlite keeps everything that must survive: runs with their files,
// events and verdicts, answers, hints and drafts. It knows tables; it must not
// know who may see what, or how a run is graded.
package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"time"

	_ "github.com/mattn/go-sqlite3" // the driver
	"github.com/pressly/goose/v3"

	"github.com/p95lab/p95lab/server/app"
)

//go:embed migrations/*.sql
var migrations embed.FS

// solo is the one learner of this version. The column is there so that more can
// come without moving anybody's data.
const solo = "solo"

// Store is the database. It is safe for concurrent use.
type Store struct {
	db *sql.DB // each commit is on disk before it returns
	// fast is for events: a commit survives the end of this process, and after a
	// loss of power the last few may be missing. Waiting for the disk ten times a
	// second would disturb the run that is being measured.
	fast *sql.DB
}

// Open opens or creates the database at path and brings it up to date.
func Open(ctx context.Context, path string) (*Store, error) {
	db, err := open(path, "FULL")
	if err != nil {
		return nil, err
	}
	if err := migrate(ctx, db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	fast, err := open(path, "NORMAL")
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &Store{db: db, fast: fast}, nil
}

func open(path, synchronous string) (*sql.DB, error) {
	settings := url.Values{
		"_journal_mode": {"WAL"}, "_synchronous": {synchronous}, "_busy_timeout": {"10000"},
		"_foreign_keys": {"on"}, "_txlock": {"immediate"},
	}
	db, err := sql.Open("sqlite3", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+settings.Encode())
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	db.SetMaxOpenConns(4)
	return db, nil
}

func migrate(ctx context.Context, db *sql.DB) error {
	folder, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, folder)
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	known := provider.ListSources()
	have, err := provider.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("read the database's version (is it a database of P95 Lab?): %w", err)
	}
	if newest := known[len(known)-1].Version; have > newest {
		return fmt.Errorf("the database has version %d and this program knows %d: start the newer program that wrote it, or another --data folder", have, newest)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("bring the database up to date: %w", err)
	}
	return nil
}

// Close closes the database.
func (s *Store) Close() error { return errors.Join(s.fast.Close(), s.db.Close()) }

// newID returns a name that nobody can guess: 130 random bits.
func newID() string { return rand.Text() }

func now() string { return time.Now().UTC().Format(time.RFC3339Nano) }

// notKept turns sql.ErrNoRows into the application's own.
func notKept(err error, what string) error {
	if errors.Is(err, sql.ErrNoRows) {
		return app.ErrNotKept
	}
	return fmt.Errorf("%s: %w", what, err)
}

func encode(v any) (string, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("encode: %w", err)
	}
	return string(text), nil
}
