package app

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whatever a file is called, a write stays in the learner's own files.
func FuzzWritePath(f *testing.F) {
	for _, seed := range []string{"store.go", "migrations/2.sql", "../store.go", "migrations/../../kit/service.go", "/etc/passwd", "a\x00.go",
		".hidden.go", "migrations/.x.sql", "a//b.go", "store.go/x.go", "main.go", "store_test.go", strings.Repeat("a", 300) + ".go", "\xff.go", `a\b.go`, "con.go"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		c := subject(t)
		around := t.TempDir()
		w := NewWorkspaces(filepath.Join(around, "data"))
		_, err := w.Write(c, name, "package main // fuzz\n")
		var told *Error
		if err != nil {
			if errors.As(err, &told) && told.Message == "" {
				t.Errorf("%q is refused without a word", name)
			}
			return
		}
		if !c.Editable(name) {
			t.Fatalf("%q was written and is not the learner's", name)
		}
		text, err := os.ReadFile(filepath.Join(w.Folder(c), filepath.FromSlash(name)))
		if err != nil || string(text) != "package main // fuzz\n" {
			t.Errorf("%q was not written where it belongs: %q, %v", name, text, err)
		}
		files, _, err := w.Snapshot(c)
		if _, ok := files[name]; err != nil || !ok {
			t.Errorf("%q was written and a run would not see it, %v", name, err)
		}
		if beside, err := os.ReadDir(around); err != nil || len(beside) != 1 {
			t.Errorf("beside the data folder: %v, %v", beside, err)
		}
	})
}

// Formatting is stable, and what does not parse has a place.
func FuzzFormat(f *testing.F) {
	for _, seed := range []string{"package main\nfunc  f( ){}\n", "package", "", "package p\n/*", "\xff", "package p; var x = `", "func f() {", "//go:build x\n\npackage p"} {
		f.Add("store.go", seed)
	}
	f.Add("x.sql", "select 1")
	f.Fuzz(func(t *testing.T, name, text string) {
		got, err := Format(name, text)
		var told *Error
		if err != nil {
			if !errors.As(err, &told) || told.Message == "" {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		if again, err := Format(name, got); err != nil {
			t.Errorf("%q was formatted to %q, which does not parse: %v %q", text, got, err, again)
		}
	})
}
