package kit

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"

	"modernc.org/sqlite"
)

// queries counts the statements that were sent to the database. It is made before
// anything of the service itself runs, since this package is what the service is
// built on.
var queries = newTally(os.Getenv("STATEMENTS_FILE"))

// tally is a count. Where a file is named, the count lies in that file's first
// eight bytes, mapped into memory, so that who made the file can read it without
// asking the service. The file's name is gone once it is mapped: nothing else in
// this process can open it, and what does not use package unsafe cannot change it.
type tally struct{ n *atomic.Uint64 }

const tallySize = 8

// newTally ends the process where there is a file and it cannot be used: a count
// that is not kept must not look like a small one.
func newTally(file string) tally {
	if file == "" {
		return tally{new(atomic.Uint64)}
	}
	t, err := mapTally(file)
	if err != nil {
		fmt.Fprintf(os.Stderr, "count statements in %s: %v\n", file, err)
		os.Exit(1)
	}
	return t
}

// Statements is how many statements were sent to the database so far.
func Statements() uint64 { return queries.n.Load() }

// Inc counts one statement.
func (t tally) Inc() { t.n.Add(1) }

// add counts the statements of a text: one as a rule, and as many as there are
// where several are sent at once.
func (t tally) add(text string) {
	n := uint64(1)
	if end := strings.IndexByte(text, ';'); end >= 0 && end < len(text)-1 {
		n = 0
		for _, one := range statements(text) {
			if margin(one) != one {
				n++
			}
		}
	}
	t.n.Add(max(1, n))
}

func init() {
	// The driver registers itself for sql.Open, where nothing would be counted.
	sqlite.RegisterConnectionHook(func(sqlite.ExecQuerierContext, string) error { return errUncounted })
}

var errUncounted = errors.New("open the database with kit.Open, which counts what is asked of it")

// uncounted is the driver that a pool tells of: it opens nothing.
type uncounted struct{}

func (uncounted) Open(string) (driver.Conn, error) { return nil, errUncounted }
