package kit

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// database makes an empty database and returns its URL and path.
func database(t *testing.T) (url, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "it's 50% & #1?.db") // no character of a path may mean something
	db, err := Open("sqlite:" + path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER)`); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return "sqlite:" + path, path
}

// folder writes files by name.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// tables lists what a database holds.
func tables(t *testing.T, url string) string {
	t.Helper()
	db, err := Open(url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var names string
	if err := db.QueryRow(`SELECT group_concat(name, ' ') FROM (SELECT name FROM sqlite_schema ORDER BY name)`).Scan(&names); err != nil {
		t.Fatal(err)
	}
	return names
}

func TestMigrate(t *testing.T) {
	cases := []struct {
		name  string
		files map[string]string
		want  string // the error; "" for none
		holds string // what the database holds afterwards
	}{
		{"nothing to do", nil, "", "orders"},
		{"empty, a remark, no semicolon", map[string]string{"1.sql": "", "2.sql": "-- later\n", "3.sql": "CREATE TABLE a (x)"}, "", "a orders"},
		{"in order of the names", map[string]string{"002.sql": "DROP TABLE a;", "001.sql": "CREATE TABLE a (x);", "003.sql": "CREATE TABLE b (x);"}, "", "b orders"},
		{"other files", map[string]string{"README.md": "CREATE TABLE a (x);", "x.sql.bak": "nonsense"}, "", "orders"},
		{"a trigger has semicolons of its own", map[string]string{
			"1.sql": "CREATE TABLE a (x);\nCREATE TRIGGER t AFTER INSERT ON orders BEGIN\n INSERT INTO a VALUES (';');\n DELETE FROM a WHERE x = 1;\nEND;\nCREATE TABLE b (x);\n",
		}, "", "a b orders t"},
		{"statistics and savepoints", map[string]string{"1.sql": "INSERT INTO orders VALUES (1, 1); ANALYZE; PRAGMA optimize; SAVEPOINT a; ROLLBACK TO a; RELEASE a; CREATE TABLE a (x);"}, "", "a orders sqlite_stat1 sqlite_stat4"},
		{"a byte order mark and CRLF", map[string]string{"1.sql": "\ufeff-- why\r\nCREATE TABLE a (x);\r\nCREATE INDX b;\r\n"}, `1.sql: line 3: SQL logic error: near "INDX"`, "orders"},

		{"a file is all or nothing", map[string]string{"1.sql": "CREATE TABLE a (x);", "2.sql": "CREATE TABLE b (x);\n\n-- then; this\n/* and\nthis; */\nCREATE INDEX c ON orders (nope);\nCREATE TABLE d (x);"},
			"2.sql: line 6: SQL logic error: no such column: nope", "a orders"},
		{"an open string", map[string]string{"1.sql": "CREATE TABLE a (x);\nINSERT INTO a VALUES ('never;\n"}, "1.sql: line 2: SQL logic error: unrecognized token", "orders"},
		{"what follows a NUL", map[string]string{"1.sql": "CREATE TABLE a (x);\x00CREATE TABLE b (x);"}, "1.sql: holds a NUL byte", "orders"},

		{"out of its transaction", map[string]string{"1.sql": "CREATE TABLE a (x);\nCOMMIT;\nCREATE TABLE b (x);"}, "1.sql: line 2: not allowed in a migration: BEGIN, COMMIT", "orders"},
		{"rollback", map[string]string{"1.sql": "ROLLBACK; CREATE TABLE b (x);"}, "not allowed", "orders"},
		{"another file", map[string]string{"1.sql": "ATTACH 'stolen.db' AS s; CREATE TABLE s.a (x);"}, "1.sql: line 1: not allowed in a migration: another database file", "orders"},
		{"a copy to another file", map[string]string{"1.sql": "VACUUM INTO 'stolen.db';"}, "cannot VACUUM", "orders"},
		{"a copy after the transaction", map[string]string{"1.sql": "END; VACUUM INTO 'stolen.db';"}, "not allowed", "orders"},
		{"temporary files elsewhere", map[string]string{"1.sql": "PRAGMA Temp_Store_Directory = '.';"}, "not allowed in a migration: PRAGMA temp_store_directory", "orders"},
		{"a library", map[string]string{"1.sql": "SELECT load_extension('stolen.db');"}, "not authorized", "orders"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			url, path := database(t)
			migrations := folder(t, tc.files)
			t.Chdir(filepath.Dir(path)) // where a migration's relative paths lead
			err := migrate(t.Context(), url, migrations)
			if tc.want == "" && err != nil {
				t.Errorf("failed: %v", err)
			}
			if tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("error %v\nwant  %s", err, tc.want)
			}
			if got := tables(t, url); got != tc.holds {
				t.Errorf("holds %q, want %q", got, tc.holds)
			}
			left, err := os.ReadDir(filepath.Dir(path))
			if err != nil {
				t.Fatal(err)
			}
			if len(left) != 1 {
				t.Errorf("files beside the database: %v", left)
			}
		})
	}
}

func TestMigrateFollowsNoLinks(t *testing.T) {
	url, _ := database(t)
	elsewhere := folder(t, map[string]string{"a.sql": "CREATE TABLE a (x);"})
	migrations := t.TempDir()
	if err := os.Symlink(filepath.Join(elsewhere, "a.sql"), filepath.Join(migrations, "1.sql")); err != nil {
		t.Skip("no symbolic links here: ", err)
	}
	if err := migrate(t.Context(), url, migrations); err != nil {
		t.Fatal(err)
	}
	if got := tables(t, url); got != "orders" {
		t.Errorf("holds %q", got)
	}
}

func TestMigrateStopsWithItsContext(t *testing.T) {
	url, _ := database(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := migrate(ctx, url, folder(t, map[string]string{"1.sql": "CREATE TABLE a (x);"})); err == nil {
		t.Error("went on")
	}
	if got := tables(t, url); got != "orders" {
		t.Errorf("holds %q", got)
	}
}

// Cutting a script may lose nothing, and each piece but the last ends where
// SQLite says that a statement ends.
func FuzzStatements(f *testing.F) {
	f.Add("CREATE TABLE a (x); -- b;\nSELECT ';' /* ; */;")
	f.Add("CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; SELECT 2; END; SELECT 3")
	f.Add(";;\ufeff;'")
	f.Fuzz(func(t *testing.T, script string) {
		if strings.Contains(script, "\x00") || len(script) > 1<<12 {
			t.Skip()
		}
		pieces := statements(script)
		if joined := strings.Join(pieces, ""); joined != script {
			t.Fatalf("joined to %q", joined)
		}
		for i, piece := range pieces {
			if i < len(pieces)-1 && !strings.HasSuffix(piece, ";") {
				t.Errorf("piece %d of %q ends early: %q", i, script, piece)
			}
			if before := margin(piece); !strings.HasPrefix(piece, before) {
				t.Errorf("margin %q of %q", before, piece)
			}
		}
	})
}

// Running a script piece by piece does what SQLite does with the whole.
func TestPiecesDoWhatTheWholeDoes(t *testing.T) {
	const script = `CREATE TABLE log (text);
CREATE TRIGGER a AFTER INSERT ON orders WHEN new.id > 0 BEGIN
	INSERT INTO log SELECT CASE WHEN new.id > 1 THEN 'END;' ELSE ';' END;
	INSERT INTO log VALUES ("it's");
END;
CREATE TEMP TABLE "semi;colon" ([;] INTEGER); /* ; */
INSERT INTO orders VALUES (1, 1), (2, 2); -- done;
INSERT INTO log VALUES ('a''b;c')`
	dump := func(run func(*sql.DB) error) (got string) {
		url, _ := database(t)
		db, err := Open(url)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		db.SetMaxOpenConns(1)
		if err := run(db); err != nil {
			t.Fatal(err)
		}
		if err := db.QueryRow(`SELECT group_concat(text, '|') FROM log`).Scan(&got); err != nil {
			t.Fatal(err)
		}
		return got
	}
	whole := dump(func(db *sql.DB) error { _, err := db.Exec(script); return err })
	pieces := dump(func(db *sql.DB) error {
		for _, s := range statements(script) {
			if _, err := db.Exec(s); err != nil {
				return err
			}
		}
		return nil
	})
	if n := len(statements(script)); whole != pieces || n != 5 {
		t.Errorf("%d pieces made %q, the whole %q", n, pieces, whole)
	}
}
