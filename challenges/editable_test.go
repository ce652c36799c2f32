package challenges

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestEditable(t *testing.T) {
	c := Challenge{Edit: []string{"store.go", "migrations/", "cache/lru.go"}, Starter: []string{"main.go", "store.go", "store_test.go", "cache/lru.go", "cache/key.go"}}
	cases := []struct {
		path string
		want bool
	}{
		{"store.go", true},
		{"migrations/002_index.sql", true},
		{"migrations/deep/er.sql", true},
		{"cache/lru.go", true},
		{"batch.go", true},
		{"Batch2.go", true},

		{"", false},
		{".", false},
		{"main.go", false},
		{"MAIN.GO", false},
		{"Main.go", false},
		{"Store.go", false},
		{"cache/new.go", false},
		{"cache/key.go", false},
		{"migrations", false},
		{"migrations/", false},
		{"migrations/../main.go", false},
		{"migrations/..", false},
		{"./store.go", false},
		{"store.go/", false},
		{"store.go/x.go", false},
		{"migrations//a.sql", false},
		{"../store.go", false},
		{"..", false},
		{"/store.go", false},
		{"/etc/x.go", false},
		{`..\store.go`, false},
		{`migrations\..\..\x.go`, false},
		{"C:x.go", false},
		{"store_test.go", false},
		{"batch_test.go", false},
		{"batch_TEST.go", false},
		{"migrations/x_test.go", false},
		{"main_test.go", false},
		{"main_test_helper.go", false},
		{".hidden.go", false},
		{"migrations/.hidden.sql", false},
		{"migrations/.git/x.sql", false},
		{"_x.go", false},
		{"-x.go", false},
		{"go.mod", false},
		{"go.sum", false},
		{"x.s", false},
		{"x.c", false},
		{"x.GO", false},
		{"new.sql", false},
		{"migrations/run.sh", false},
		{"migrations/a.sql\x00.go", false},
		{"a b.go", false},
		{"bätch.go", false},
		{"a\n.go", false},
		{strings.Repeat("a", 300) + ".go", false},
	}
	for _, tc := range cases {
		if got := c.Editable(tc.path); got != tc.want {
			t.Errorf("Editable(%q) = %v", tc.path, got)
		}
	}
	c.Starter = nil
	if c.Editable("main.go") || c.Editable("batch.go") {
		t.Error("a new file is writable though the service's own files are unknown")
	}
}

func FuzzEditable(f *testing.F) {
	f.Add("migrations/../../x.go")
	f.Add("x.go")
	c := Challenge{Edit: []string{"store.go", "migrations/"}, Starter: []string{"main.go"}}
	f.Fuzz(func(t *testing.T, name string) {
		if !c.Editable(name) {
			return
		}
		if !filepath.IsLocal(filepath.FromSlash(name)) || filepath.ToSlash(filepath.Clean(name)) != name || strings.EqualFold(name, "main.go") {
			t.Errorf("%q may be written", name)
		}
	})
}
