package grader

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/p95lab/p95lab/challenges"
	"github.com/p95lab/p95lab/grader/cache"
)

// What a power cut or a full disk spoiled of the cache is made again, without
// anyone's help and before it can spoil a verdict.
func TestADamagedCacheIsMadeAgain(t *testing.T) {
	if testing.Short() {
		t.Skip("builds services")
	}
	all, err := challenges.All()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	prepare := func() {
		t.Helper()
		if err := New(folder).Prepare(t.Context(), all[0]); err != nil {
			t.Fatal(err)
		}
	}
	kept := func() map[string]int64 {
		t.Helper()
		sizes := map[string]int64{}
		for _, pattern := range []string{"builds/*", "templates/*.db"} {
			found, err := filepath.Glob(filepath.Join(folder, pattern))
			if err != nil {
				t.Fatal(err)
			}
			for _, path := range found {
				if !cache.Whole(path) {
					t.Errorf("%s is not whole", path)
				}
				content := path
				if pattern == "builds/*" {
					content = filepath.Join(path, all[0].Lab)
				}
				info, err := os.Stat(content)
				if err != nil {
					t.Fatal(err)
				}
				sizes[content] = info.Size()
			}
		}
		return sizes
	}
	prepare()
	before := kept()
	if len(before) != 3 {
		t.Fatalf("kept are %v; want starter, reference and data", before)
	}
	for path, size := range before {
		if err := os.Truncate(path, size/2); err != nil {
			t.Fatal(err)
		}
	}
	prepare()
	after := kept()
	for path, size := range before {
		if after[path] != size {
			t.Errorf("%s had %d bytes and has %d", path, size, after[path])
		}
	}
}
