package kit

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/ngrok/sqlmw"
	"modernc.org/sqlite"
)

// Open opens the database of a URL like sqlite:/var/lib/orders.db. Each
// statement that goes through it is counted in db_queries_total, and timed while
// somebody records at /debug/statements.
func Open(databaseURL string) (*sql.DB, error) { return open(databaseURL, &sqlite.Driver{}) }

func open(databaseURL string, engine *sqlite.Driver) (*sql.DB, error) {
	path, err := file(databaseURL)
	if err != nil {
		return nil, err
	}
	settings := url.Values{"_txlock": {"immediate"}, "_pragma": {
		"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(NORMAL)", "foreign_keys(1)",
		// 16 MB of pages for each connection, and the file mapped into memory.
		"cache_size(-16000)", "mmap_size(268435456)",
	}}
	connect := connector{
		dsn:    "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + settings.Encode(),
		driver: sqlmw.Driver(engine, watching{}),
	}
	db := sql.OpenDB(connect)
	// As many readers as there are processors, and two more: SQLite
	// works inside this process, so more would only take turns.
	most := runtime.GOMAXPROCS(0) + 2
	db.SetMaxOpenConns(most)
	db.SetMaxIdleConns(most)
	return db, nil
}

// file is the path in a database's URL.
func file(databaseURL string) (string, error) {
	path, ok := strings.CutPrefix(databaseURL, "sqlite:")
	if !ok || path == "" {
		return "", errors.New("DATABASE_URL is not set to sqlite:<path>")
	}
	return path, nil
}

// exists tells of a missing database, which SQLite would make, empty.
func exists(databaseURL string) error {
	path, err := file(databaseURL)
	if err != nil {
		return err
	}
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("there is no database to open; seed makes one: %w", err)
	}
	return nil
}

type connector struct {
	dsn    string
	driver driver.Driver
}

func (c connector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.dsn) }
func (c connector) Driver() driver.Driver                        { return uncounted{} }

// maxScale keeps a slip of the keyboard from filling the disk.
const maxScale = 1000

func (s Service) seed(ctx context.Context, env func(string) string) (err error) {
	rows := Rows{Seed: 1, Scale: 1}
	if v := env("SEED"); v != "" {
		if rows.Seed, err = strconv.ParseUint(v, 10, 64); err != nil {
			return fmt.Errorf("SEED %q is no number", v)
		}
	}
	if v := env("SCALE"); v != "" {
		rows.Scale, err = strconv.ParseFloat(v, 64)
		if err != nil || !(rows.Scale > 0 && rows.Scale <= maxScale) { // NaN is neither
			return fmt.Errorf("SCALE %q is no number above 0 and up to %d", v, maxScale)
		}
	}
	db, err := Open(env("DATABASE_URL"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // does nothing once committed
	if _, err := tx.ExecContext(ctx, s.Schema); err != nil {
		return fmt.Errorf("create the tables: %w", err)
	}
	if err := s.Seed(ctx, tx, rows); err != nil {
		return fmt.Errorf("make the rows: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	// All of it into the one file, which can then be copied alone.
	if _, err := db.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return nil
}
