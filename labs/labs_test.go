package labs_test

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/p95lab/p95lab"
	"github.com/p95lab/p95lab/labs"
)

func TestFilesAreTheStarter(t *testing.T) {
	if got := labs.Names(); !slices.Equal(got, []string{"dashboard", "ledger", "orders", "pricing"}) {
		t.Fatalf("services %q: add the new one to the tables of these tests", got)
	}
	for _, name := range labs.Names() {
		files, err := labs.Files(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"main.go", "api.go", "store.go", "schema.sql", "seed.go"} {
			if len(files[want]) == 0 {
				t.Errorf("%s has no %s", name, want)
			}
		}
		migrations := 0
		for file, text := range files {
			onDisk, err := os.ReadFile(filepath.Join(name, filepath.FromSlash(file)))
			if err != nil || !bytes.Equal(onDisk, text) {
				t.Errorf("%s/%s is not the repository's: %v", name, file, err)
			}
			if strings.HasSuffix(file, "_test.go") {
				t.Errorf("%s hands out its test %s", name, file)
			}
			if strings.HasPrefix(file, "migrations/") {
				migrations++
			}
		}
		if migrations == 0 {
			t.Errorf("%s has no migration, so a learner sees no folder to add to", name)
		}
	}
}

func TestAnUnknownServiceIsNamed(t *testing.T) {
	for _, name := range []string{"", "kit", "none", "../orders", "orders/"} {
		_, filesErr := labs.Files(name)
		_, hashErr := labs.Hash(name)
		dst := t.TempDir()
		for what, err := range map[string]error{"Files": filesErr, "Hash": hashErr, "Materialise": labs.Materialise(dst, name)} {
			if err == nil || !strings.Contains(err.Error(), "dashboard, ledger, orders, pricing") {
				t.Errorf("%s(%q): error %v, want one that names the services", what, name, err)
			}
		}
		if left, err := os.ReadDir(dst); err != nil || len(left) > 0 {
			t.Errorf("Materialise(%q) left %v (%v)", name, left, err)
		}
	}
}

// written reads all files below a folder by their slash-separated names.
func written(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		files[filepath.ToSlash(rel)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestMaterialiseWritesOneServiceAndTheKit(t *testing.T) {
	hashes := map[string]string{}
	for _, name := range labs.Names() {
		dst := filepath.Join(t.TempDir(), "new", "folder")
		if err := labs.Materialise(dst, name); err != nil {
			t.Fatal(err)
		}
		files := written(t, dst)
		if files["go.mod"] != string(p95lab.GoMod) || files["go.sum"] != string(p95lab.GoSum) {
			t.Errorf("%s: go.mod and go.sum are not the repository's", name)
		}
		for file := range files {
			inside := file == "go.mod" || file == "go.sum" ||
				strings.HasPrefix(file, "labs/kit/") || strings.HasPrefix(file, "labs/"+name+"/")
			if !inside || strings.HasSuffix(file, "_test.go") {
				t.Errorf("%s: wrote %s", name, file)
			}
		}
		if err := labs.Materialise(dst, name); err != nil {
			t.Errorf("%s a second time: %v", name, err)
		}
		if again := written(t, dst); !maps.Equal(again, files) {
			t.Errorf("%s: the second time wrote something else", name)
		}
		hash, err := labs.Hash(name)
		if err != nil {
			t.Fatal(err)
		}
		if again, _ := labs.Hash(name); again != hash || len(hash) != 64 {
			t.Errorf("%s: hashes %q and %q", name, hash, again)
		}
		if other, taken := hashes[hash]; taken {
			t.Errorf("%s and %s have one hash", name, other)
		}
		hashes[hash] = name
	}
}
