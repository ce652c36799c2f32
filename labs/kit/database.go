package kit

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/ngrok/sqlmw"
	"modernc.org/sqlite"
)

// Open opens the database of a URL like sqlite:/var/lib/orders.db. Each
// statement that goes through it is counted in db_queries_total.
func Open(databaseURL string) (*sql.DB, error) { return open(databaseURL, &sqlite.Driver{}) }

func open(databaseURL string, engine *sqlite.Driver) (*sql.DB, error) {
	path, ok := strings.CutPrefix(databaseURL, "sqlite:")
	if !ok || path == "" {
		return nil, errors.New("DATABASE_URL is not set to sqlite:<path>")
	}
	settings := url.Values{"_txlock": {"immediate"}, "_pragma": {
		"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(NORMAL)", "foreign_keys(1)",
		// 16 MB of pages for each connection, and the file mapped into memory.
		"cache_size(-16000)", "mmap_size(268435456)",
	}}
	connect := connector{
		dsn:    "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + settings.Encode(),
		driver: sqlmw.Driver(engine, counting{}),
	}
	db := sql.OpenDB(connect)
	// As many readers as there are processors, and two more: SQLite
	// works inside this process, so more would only take turns.
	most := runtime.GOMAXPROCS(0) + 2
	db.SetMaxOpenConns(most)
	db.SetMaxIdleConns(most)
	return db, nil
}

type connector struct {
	dsn    string
	driver driver.Driver
}

func (c connector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.dsn) }
func (c connector) Driver() driver.Driver                        { return c.driver }

func (s Service) seed(ctx context.Context, env func(string) string) (err error) {
	rows := Rows{Seed: 1, Scale: 1}
	if v := env("SEED"); v != "" {
		if rows.Seed, err = strconv.ParseUint(v, 10, 64); err != nil {
			return fmt.Errorf("SEED %q is no number", v)
		}
	}
	if v := env("SCALE"); v != "" {
		if rows.Scale, err = strconv.ParseFloat(v, 64); err != nil || rows.Scale <= 0 {
			return fmt.Errorf("SCALE %q is no number above 0", v)
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

// migrate applies the folder's *.sql files in the order of their names, each in
// a transaction of its own.
func migrate(ctx context.Context, databaseURL, folder string) (err error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	var files []string
	for _, e := range entries {
		if e.Type().IsRegular() && filepath.Ext(e.Name()) == ".sql" {
			files = append(files, e.Name())
		}
	}
	slices.Sort(files)
	engine := &sqlite.Driver{}
	engine.RegisterConnectionHook(oneFile)
	db, err := open(databaseURL, engine)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join(folder, file))
		if err != nil {
			return fmt.Errorf("read %s: %w", file, err)
		}
		if err := apply(ctx, db, string(text)); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

func apply(ctx context.Context, db *sql.DB, text string) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // does nothing once committed
	if _, err := tx.ExecContext(ctx, text); err != nil {
		return err
	}
	return tx.Commit()
}

// oneFile keeps a migration inside its own database: attaching another file is
// refused, which VACUUM INTO needs, too.
func oneFile(c sqlite.ExecQuerierContext, _ string) error {
	guard, ok := c.(sqlite.AuthorizerRegisterer)
	if !ok {
		return errors.New("the driver has no authorizer")
	}
	return guard.RegisterAuthorizer(func(action sqlite.AuthorizerActionCode, _, _, _, _ string) sqlite.AuthorizerReturnCode {
		if action == sqlite.AuthAttach || action == sqlite.AuthDetach {
			return sqlite.AuthorizerDeny
		}
		return sqlite.AuthorizerOK
	})
}
