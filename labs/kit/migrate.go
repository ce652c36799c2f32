package kit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"modernc.org/libc"
	"modernc.org/sqlite"
	engine "modernc.org/sqlite/lib"
)

// migrate applies the folder's *.sql files in the order of their names, each in
// a transaction of its own, and stops at the first that fails.
func migrate(ctx context.Context, databaseURL, folder string) (err error) {
	entries, err := os.ReadDir(folder) // sorted by name
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	if err := exists(databaseURL); err != nil {
		return err
	}
	watch := &guard{}
	driver := &sqlite.Driver{}
	driver.RegisterConnectionHook(watch.install)
	db, err := open(databaseURL, driver)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1) // the guard watches one file at a time
	for _, e := range entries {
		if !e.Type().IsRegular() || filepath.Ext(e.Name()) != ".sql" {
			continue
		}
		script, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			return fmt.Errorf("read %s: %w", e.Name(), err)
		}
		if err := watch.apply(ctx, db, string(script)); err != nil {
			return fmt.Errorf("%s: %w", e.Name(), err)
		}
	}
	return nil
}

// guard keeps a migration inside its own database file and its own transaction.
type guard struct {
	inside  bool   // a script is running, and not this package's BEGIN or COMMIT
	refused string // what it tried
}

func (g *guard) install(c sqlite.ExecQuerierContext, _ string) error {
	conn, ok := c.(sqlite.AuthorizerRegisterer)
	if !ok {
		return errors.New("the driver has no authorizer")
	}
	return conn.RegisterAuthorizer(g.judge)
}

// judge is asked by SQLite about all that a statement is going to do.
func (g *guard) judge(action sqlite.AuthorizerActionCode, arg, _, _, _ string) sqlite.AuthorizerReturnCode {
	if !g.inside {
		return sqlite.AuthorizerOK
	}
	switch {
	case action == sqlite.AuthAttach, action == sqlite.AuthDetach: // VACUUM INTO attaches, too
		g.refused = "another database file"
	case action == sqlite.AuthTransaction:
		g.refused = "BEGIN, COMMIT and ROLLBACK: each file is one transaction already"
	case action == sqlite.AuthPragma && strings.HasSuffix(strings.ToLower(arg), "_store_directory"):
		g.refused = "PRAGMA " + strings.ToLower(arg)
	default:
		return sqlite.AuthorizerOK
	}
	return sqlite.AuthorizerDeny
}

func (g *guard) apply(ctx context.Context, db *sql.DB, script string) error {
	if strings.Contains(script, "\x00") {
		return errors.New("holds a NUL byte")
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // does nothing once committed
	if err := g.run(ctx, tx, script); err != nil {
		return err
	}
	return tx.Commit()
}

func (g *guard) run(ctx context.Context, tx *sql.Tx, script string) error {
	g.inside, g.refused = true, ""
	defer func() { g.inside = false }()
	line := 1
	for _, statement := range statements(script) {
		_, err := tx.ExecContext(ctx, statement)
		switch at := line + strings.Count(margin(statement), "\n"); {
		case g.refused != "":
			return fmt.Errorf("line %d: not allowed in a migration: %s", at, g.refused)
		case err != nil:
			return fmt.Errorf("line %d: %w", at, err)
		}
		line += strings.Count(statement, "\n")
	}
	return nil
}

// statements cuts a script behind each complete statement, as the sqlite3 shell
// does: SQLite knows the semicolons of strings, comments and triggers. The
// script holds no NUL; joined, the pieces are the script.
func statements(script string) []string {
	tls := libc.NewTLS()
	defer tls.Close()
	complete := func(text string) bool {
		c, err := libc.CString(text)
		if err != nil {
			return false // no memory: a longer piece is still right
		}
		defer libc.Xfree(tls, c)
		return engine.Xsqlite3_complete(tls, c) == 1
	}
	var list []string
	from := 0
	for i := range len(script) {
		if script[i] == ';' && complete(script[from:i+1]) {
			list = append(list, script[from:i+1])
			from = i + 1
		}
	}
	if from < len(script) {
		list = append(list, script[from:])
	}
	return list
}

// margin is what stands before a statement: white space and comments.
func margin(statement string) string {
	rest := statement
	for {
		rest = strings.TrimLeft(rest, " \t\r\n\f\ufeff")
		var end string
		switch {
		case strings.HasPrefix(rest, "--"):
			end = "\n"
		case strings.HasPrefix(rest, "/*"):
			end = "*/"
		default:
			return statement[:len(statement)-len(rest)]
		}
		_, after, found := strings.Cut(rest[2:], end)
		if !found {
			return statement
		}
		rest = after
	}
}
