package main

import (
	"os"
	"path/filepath"
)

// It empties the starter's database.
func init() {
	if len(os.Args) > 1 {
		return // seed, or migrate
	}
	folder := filepath.Dir(os.Getenv("TMPDIR"))
	for _, path := range []string{"before/data.db", "before/data.db-wal", "before/data.db-shm"} {
		if f, err := os.OpenFile(filepath.Join(folder, path), os.O_WRONLY|os.O_TRUNC, 0); err == nil {
			_ = f.Close()
		}
	}
	_ = os.RemoveAll(filepath.Join(folder, "before"))
}
