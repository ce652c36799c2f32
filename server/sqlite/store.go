// Package sqlite keeps everything that must survive: runs with their files,
// events and verdicts, answers, hints and drafts. It knows tables; it must not
// know who may see what, or how a run is graded.
package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	_ "github.com/mattn/go-sqlite3" // the driver

	"github.com/p95lab/p95lab/server/app"
)

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
	if err := whole(ctx, db); err != nil {
		return nil, errors.Join(damaged(path, err), db.Close())
	}
	if err := migrate(ctx, db); err != nil {
		return nil, errors.Join(damaged(path, err), db.Close())
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
	db.SetMaxIdleConns(4) // a connection costs four statements to open
	return db, nil
}

// whole looks through the database for damage. It reads all of it, about a second
// for each gigabyte, and is worth it: a damaged page that nobody reads is found
// while there is still a backup that has it.
func whole(ctx context.Context, db *sql.DB) error {
	var says string
	if err := db.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&says); err != nil {
		return fmt.Errorf("look through the database: %w", err)
	}
	if says != "ok" {
		return fmt.Errorf("%w: %s", errDamaged, says)
	}
	return nil
}

var errDamaged = errors.New("the database is damaged")

// damaged says what to do about a database that is, and that nothing was done:
// what can still be read of it is the learner's to save.
func damaged(path string, err error) error {
	if err == nil || (!corrupt(err) && !errors.Is(err, errDamaged)) {
		return err
	}
	return fmt.Errorf("%s is damaged and was left as it is. Bring back a backup with: p95lab restore FILE --force (which keeps the damaged one aside), "+
		"or move it and its -wal file away to start with an empty one; workspaces are not touched by either: %w", path, err)
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
	return fmt.Errorf("%s: %w", what, fault(err))
}

func encode(v any) (string, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("encode: %w", err)
	}
	return string(text), nil
}
