package workspace

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/p95lab/p95lab/grader/sandbox"
	"github.com/p95lab/p95lab/labs"
)

func TestParse(t *testing.T) {
	output := "# github.com/p95lab/p95lab/labs/orders\n" +
		"labs/orders/store.go:12:5: undefined: x\n" +
		"labs/orders/api.go:3:8: \"fmt\" imported and not used\n" +
		"labs/orders/api.go:9:2: cannot use a (variable of type int) as string value:\n\thave int\n\twant string\n" +
		"labs/kit/service.go:4: too many errors\n" +
		"note: module requires Go 1.99\n"
	want := []Diagnostic{
		{"store.go", 12, 5, "undefined: x"},
		{"api.go", 3, 8, `"fmt" imported and not used`},
		{"api.go", 9, 2, "cannot use a (variable of type int) as string value:\nhave int\nwant string"},
		{"labs/kit/service.go", 4, 0, "too many errors"},
	}
	if diff := cmp.Diff(want, Parse(output, "labs/orders/")); diff != "" {
		t.Error(diff)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("labs/orders/store.go:12:5: undefined: x\n\tmore")
	f.Add("a.go:99999999999999999999:1: x\n:::\n\t")
	f.Fuzz(func(t *testing.T, output string) {
		found := Parse(output, "labs/orders/")
		if len(found) > maxDiagnostics {
			t.Fatalf("%d diagnostics", len(found))
		}
		for _, d := range found {
			if d.Line < 0 || d.Column < 0 || d.File == "" || d.Message == "" {
				t.Fatalf("%q gave %+v", output, d)
			}
		}
	})
}

func TestBuildIsKeptByContent(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a service")
	}
	b := NewBuilder(t.TempDir(), launcher(t))
	files, err := labs.Files("dashboard")
	if err != nil {
		t.Fatal(err)
	}
	changed := map[string][]byte{"api.go": append(files["api.go"], "\n// A remark.\n"...), "migrations/002.sql": []byte("SELECT 1;\n")}
	var builds [4]Binary
	var all sync.WaitGroup
	for i := range builds { // at once: equal builds are done once
		all.Go(func() {
			overlay := changed
			if i < 2 {
				overlay = nil
			}
			built, err := b.Build(t.Context(), "dashboard", overlay)
			if err != nil {
				t.Error(err)
			}
			builds[i] = built
		})
	}
	all.Wait()
	if builds[0].Path != builds[1].Path || builds[2].Path != builds[3].Path || builds[0].Path == builds[2].Path {
		t.Errorf("built %v", builds)
	}
	again, err := b.Build(t.Context(), "dashboard", changed)
	if err != nil || !again.Cached {
		t.Errorf("built again: %+v, %v", again, err)
	}
	if text, err := os.ReadFile(filepath.Join(again.Migrations, "002.sql")); err != nil || string(text) != "SELECT 1;\n" {
		t.Errorf("its migration: %q, %v", text, err)
	}
	left, err := filepath.Glob(filepath.Join(b.dir, "building-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestLayStaysInItsFolder(t *testing.T) {
	for _, name := range []string{"../kit/service.go", "/etc/x.go", "a/../../../x.go"} {
		dst := filepath.Join(t.TempDir(), "ws")
		if err := Lay(dst, "orders", map[string][]byte{name: []byte("package main")}); err == nil {
			t.Errorf("%s was written", name)
		}
	}
}

func TestCgoIsRefusedWithItsPlace(t *testing.T) {
	err := admit(map[string][]byte{"x.go": []byte("package main\n\nimport \"C\"\n")}, nil)
	var broken *BuildError
	if !errors.As(err, &broken) || broken.Diagnostics[0].Line != 3 {
		t.Errorf("got %v", err)
	}
}

func TestReadTakesWhatCounts(t *testing.T) {
	dir := t.TempDir()
	if err := Lay(filepath.Join(dir, "ws"), "orders", map[string][]byte{"more.go": []byte("package main\n")}); err != nil {
		t.Fatal(err)
	}
	service := Service(filepath.Join(dir, "ws"), "orders")
	for name, text := range map[string]string{"x_test.go": "package main", ".hidden.go": "package main", "notes.txt": "no"} {
		if err := os.WriteFile(filepath.Join(service, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(service, "link.go")); err != nil {
		t.Fatal(err)
	}
	// A whole workspace and the service's folder in it are the same to a reader.
	for _, from := range []string{filepath.Join(dir, "ws"), service} {
		files, err := Read(from, "orders")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"x_test.go", ".hidden.go", "notes.txt", "link.go"} {
			if _, ok := files[name]; ok {
				t.Errorf("%s was read", name)
			}
		}
		if files["more.go"] == nil || files["store.go"] == nil || files["migrations/001_cancelled_orders.sql"] == nil {
			t.Errorf("read %d files", len(files))
		}
	}
}

// launcher is one that confines where this machine can.
func launcher(t *testing.T) func() *sandbox.Launcher {
	l := sandbox.New(t.Context())
	return func() *sandbox.Launcher { return l }
}

// Whoever built the server alone has none of a service's modules: they are
// fetched once, for what is ours, and never by a learner's build.
func TestMissingModulesAreFetchedForOursAlone(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a service")
	}
	known, err := exec.CommandContext(t.Context(), "go", "env", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	// The modules that this machine has stand for the network.
	t.Setenv("GOPROXY", "file://"+filepath.ToSlash(filepath.Join(strings.TrimSpace(string(known)), "cache", "download")))
	t.Setenv("GOMODCACHE", t.TempDir())
	t.Setenv("GOSUMDB", "off")
	t.Setenv("GOFLAGS", "-modcacherw")
	b := NewBuilder(t.TempDir(), launcher(t))
	if _, err := b.Build(t.Context(), "ledger", nil); err == nil {
		t.Fatal("a learner's build found modules that are not there")
	}
	if _, err := b.BuildOurs(t.Context(), "ledger", nil); err != nil {
		t.Fatalf("our own build: %v", err)
	}
	files := map[string][]byte{"extra.go": []byte("package main\n")}
	if _, err := b.Build(t.Context(), "ledger", files); err != nil {
		t.Errorf("a learner's build afterwards: %v", err)
	}
}
