package cache

import (
	"os"
	"path/filepath"
	"testing"
)

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestWhole(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *testing.T, path string)
		want  bool
	}{
		"as it was": {func(*testing.T, string) {}, true},
		"a bit":     {func(t *testing.T, path string) { put(t, path, "TEXT") }, false},
		"cut off":   {func(t *testing.T, path string) { put(t, path, "tex") }, false},
		"empty":     {func(t *testing.T, path string) { put(t, path, "") }, false},
		"gone": {func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}, false},
		"more": {func(t *testing.T, path string) { put(t, path+"2", "x") }, true}, // beside a file; in a folder it is a change
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "folder")
			inside, alone := filepath.Join(dir, "sub", "file"), filepath.Join(t.TempDir(), "file")
			put(t, inside, "text")
			put(t, alone, "text")
			for _, path := range []string{dir, alone} {
				if err := Seal(path); err != nil || !Whole(path) {
					t.Fatalf("%s is not whole: %v", path, err)
				}
			}
			c.spoil(t, inside)
			c.spoil(t, alone)
			if got := Whole(alone); got != c.want {
				t.Errorf("the file is whole: %v", got)
			}
			if got := Whole(dir); got != (c.want && name != "more") {
				t.Errorf("the folder is whole: %v", got)
			}
			for _, path := range []string{dir, alone} {
				if err := Drop(path); err != nil || Whole(path) {
					t.Errorf("dropped: %v", err)
				}
			}
			if left, err := filepath.Glob(alone + ".*"); err != nil || len(left) > 0 {
				t.Errorf("left behind: %q, %v", left, err)
			}
		})
	}
	if Whole(filepath.Join(t.TempDir(), "never")) {
		t.Error("what was never there is whole")
	}
}
