package grader

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// statements is the count of what a service asks of its database. It lies in a
// file of the grader's, which the kit maps into memory and takes the name off
// before anything of the learner's runs; see labs/kit. Nothing that the service
// says is believed.
type statements struct {
	folder string // holds nothing else, and nobody's code has run with it in sight
	file   *os.File
}

// statementsSize is the count's own, in bytes.
const statementsSize = 8

func newStatements(folder string) (statements, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return statements{}, fmt.Errorf("make the folder of a count: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(folder, "count"), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o644)
	if err != nil {
		return statements{}, fmt.Errorf("make a count: %w", err)
	}
	if err := file.Truncate(statementsSize); err != nil {
		return statements{}, errors.Join(fmt.Errorf("make a count: %w", err), file.Close())
	}
	return statements{folder: folder, file: file}, nil
}

// variable is the environment entry that tells the kit where to count.
func (s statements) variable() string { return "STATEMENTS_FILE=" + s.file.Name() }

// read returns how many statements there were; ok is false where nobody counts.
func (s statements) read() (n uint64, ok bool) {
	if s.file == nil {
		return 0, false
	}
	if _, err := os.Lstat(s.file.Name()); !errors.Is(err, fs.ErrNotExist) {
		return 0, false // the kit has not begun
	}
	var count [statementsSize]byte
	if _, err := s.file.ReadAt(count[:], 0); err != nil {
		return 0, false
	}
	return binary.NativeEndian.Uint64(count[:]), true
}

func (s statements) close() {
	if s.file != nil {
		_ = s.file.Close() // only read
	}
}
