//go:build cgo

package sqlite

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/mattn/go-sqlite3"

	"github.com/p95lab/p95lab/server/app"
)

// fault names what the machine refused, so that callers can tell it from a defect.
func fault(err error) error {
	var known sqlite3.Error
	if !errors.As(err, &known) {
		return err
	}
	switch known.Code {
	case sqlite3.ErrFull:
		return fmt.Errorf("%w: %w", app.ErrNoRoom, err)
	case sqlite3.ErrReadonly:
		return fmt.Errorf("%w: %w", app.ErrReadOnly, err)
	case sqlite3.ErrCantOpen:
		if known.SystemErrno == syscall.EMFILE || known.SystemErrno == syscall.ENFILE {
			return fmt.Errorf("%w: %w", app.ErrBusy, err)
		}
	}
	return err
}

// corrupt tells whether SQLite found damage.
func corrupt(err error) bool {
	var known sqlite3.Error
	return errors.As(err, &known) && (known.Code == sqlite3.ErrCorrupt || known.Code == sqlite3.ErrNotADB)
}
