//go:build linux

package workspace

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/p95lab/p95lab/grader/sandbox"
)

// What must not reach the go command is refused by its name or its first lines,
// before anything is written.
func TestFilesThatAreNotAdmitted(t *testing.T) {
	many := map[string][]byte{}
	for i := range maxFiles + 1 {
		many["f"+string(rune('a'+i%26))+strings.Repeat("x", i)+".go"] = []byte("package main\n")
	}
	text := []byte("package main\n")
	tests := []struct {
		name  string
		files map[string][]byte
		says  string
	}{
		{"a path upwards", map[string][]byte{"../kit/service.go": text}, "no path within"},
		{"an absolute path", map[string][]byte{"/etc/x.go": text}, "no path within"},
		{"a path up and down", map[string][]byte{"a/../../x.go": text}, "no path within"},
		{"a name with a zero byte", map[string][]byte{"x\x00.go": text}, "no path within"},
		{"a name with a line's end", map[string][]byte{"x\n.go": text}, "no path within"},
		{"a name for another system", map[string][]byte{`a\b.go`: text}, "no path within"},
		{"an empty name", map[string][]byte{"": text}, "no path within"},
		{"go.mod", map[string][]byte{"go.mod": []byte("module x\n")}, "not yours"},
		{"go.sum", map[string][]byte{"go.sum": nil}, "not yours"},
		{"go.work", map[string][]byte{"go.work": []byte("go 1.26\nuse /\n")}, "not yours"},
		{"a module of its own", map[string][]byte{"inner/go.mod": []byte("module x\n")}, "not yours"},
		{"vendor", map[string][]byte{"vendor/modernc.org/sqlite/x.go": text}, "not yours"},
		{"assembly", map[string][]byte{"x.s": nil}, "of this kind"},
		{"assembly with a preprocessor", map[string][]byte{"x.S": nil}, "of this kind"},
		{"C", map[string][]byte{"x.c": nil}, "of this kind"},
		{"a C header", map[string][]byte{"x.h": nil}, "of this kind"},
		{"C++", map[string][]byte{"x.cc": nil}, "of this kind"},
		{"Objective-C", map[string][]byte{"x.m": nil}, "of this kind"},
		{"Fortran", map[string][]byte{"x.f90": nil}, "of this kind"},
		{"SWIG", map[string][]byte{"x.swig": nil}, "of this kind"},
		{"an object", map[string][]byte{"x.syso": nil}, "of this kind"},
		{"an archive", map[string][]byte{"x.a": nil}, "of this kind"},
		{"a hidden file", map[string][]byte{".x.go": text}, "left out"},
		{"a file that go leaves out", map[string][]byte{"_x.go": text}, "left out"},
		{"cgo", map[string][]byte{"x.go": []byte("package main\n\nimport \"C\"\n")}, "no cgo here"},
		{"cgo with flags", map[string][]byte{"x.go": []byte("package main\n\n// #cgo LDFLAGS: -fplugin=/tmp/x.so\nimport \"C\"\n")}, "no cgo here"},
		{"a package that begins first", map[string][]byte{"early/early.go": []byte("package early\n")}, "package of its own"},
		{"unsafe", source(`import "unsafe"`, `_ = unsafe.Pointer(nil)`), "unsafe is not"},
		{"unsafe by another name", source(`import u "unsafe"`, `_ = u.Pointer(nil)`), "unsafe is not"},
		{"a link to another package's variable", source("", "}\n\n//go:linkname queries github.com/p95lab/p95lab/labs/kit.queries\nvar queries int\nfunc f() {"), "go:linkname is not"},
		{"an unsafe pointer that nobody imports", source(`import "reflect"`, `x := 1; p := reflect.ValueOf(&x).UnsafePointer(); *(*string)(p) = "y"`), "unsafe pointers"},
		{"a value of another type in its place", source(`import "reflect"`, `x := 1; _ = reflect.NewAt(reflect.TypeOf(""), reflect.ValueOf(&x).UnsafePointer())`), "unsafe pointers"},
		{"the memory by a system call", source(`import "syscall"`, `_, _ = syscall.Mmap(0, 0, 8, 3, 1)`), "signals and errors alone"},
		{"system calls without their name", source(`import . "syscall"`, `_, _ = Mmap(0, 0, 8, 3, 1)`), "by its name"},
		{"system calls by another package", source(`import "golang.org/x/sys/unix"`, `_ = unix.Getpid()`), "is not one of the modules"},
		{"another program", source(`import "os/exec"`, `_ = exec.Command("x")`), "no other programs"},
		{"another process", source(`import "os"`, `_, _ = os.StartProcess("x", nil, nil)`), "no other programs"},
		{"another process, as a value", source(`import o "os"`, `f := o.StartProcess; _ = f`), "no other programs"},
		{"the database engine itself", source(`import _ "modernc.org/sqlite"`, ``), "is not one of the modules"},
		{"the engine's inside", source(`import lib "modernc.org/sqlite/lib"`, `_ = lib.SQLITE_OK`), "is not one of the modules"},
		{"another engine", source(`import _ "github.com/mattn/go-sqlite3"`, ``), "is not one of the modules"},
		{"an uncounted pool", source(`import "database/sql"`, `_, _ = sql.Open("sqlite", "x")`), "kit.Open"},
		{"an uncounted connection", source(`import "database/sql"`, `var c *sql.Conn; _ = c.Raw(nil)`), "by way of the pool"},
		{"a driver of its own", source(`import "database/sql/driver"`, `var _ driver.Conn`), "kit.Open"},
		{"a plugin", source(`import "plugin"`, `_, _ = plugin.Open("x")`), "plugins"},
		{"what is refused, in a file that does not compile", source(`import "unsafe"`, `this is no Go`), "unsafe is not"},
		{"a large file", map[string][]byte{"x.go": make([]byte, maxFile+1)}, "larger"},
		{"many files", many, "more than"},
	}
	b := NewBuilder(t.TempDir(), sandbox.Open)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := b.Build(t.Context(), "orders", test.files)
			var broken *BuildError
			if !errors.As(err, &broken) || !strings.Contains(broken.Error(), test.says) {
				t.Errorf("got %v, want a build error that says %q", err, test.says)
			}
		})
	}
}

// source is one file with an import and a function.
func source(imports, body string) map[string][]byte {
	return map[string][]byte{"x.go": []byte("package main\n\n" + imports + "\n\nfunc init() {\n" + body + "\n}\n")}
}

// What a service may well use is admitted: what fixes are written with, and what
// the service itself does.
func TestFilesThatAreAdmitted(t *testing.T) {
	own := map[string][]byte{"store.go": []byte("package main\n\nimport \"example.test/redis\"\n")}
	for _, files := range []map[string][]byte{
		source("import (\n\"os/signal\"\n\"syscall\"\n)", "signal.Ignore(syscall.SIGTERM, syscall.SIGHUP); _ = syscall.EINTR"),
		source(`import "database/sql"`, "var _ *sql.DB; _ = sql.ErrNoRows"),
		source(`import "encoding/json"`, "var _ json.RawMessage"),
		source(`import "reflect"`, "_ = reflect.TypeOf(1)"),
		source(`import "os"`, `_ = os.Getenv("PORT")`),
		source(`import "golang.org/x/sync/singleflight"`, "var _ singleflight.Group"),
		source(`import "example.test/redis"`, ""),
		source("", "this is no Go"),
		{"migrations/002_index.sql": []byte("CREATE INDEX x ON y (z);")},
	} {
		if err := admit(files, own); err != nil {
			t.Errorf("%s is refused: %v", files, err)
		}
	}
}

// raw builds a workspace as somebody has left it who got past admit.
func raw(t *testing.T, change func(t *testing.T, src, secret string), confined bool) (output string, binary []byte, secret string, err error) {
	t.Helper()
	b := NewBuilder(t.TempDir(), launcher(t))
	if confined && !b.launcher().Isolated() {
		t.Skip(b.launcher().Report().Summary())
	}
	env, err := b.environment(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	work := filepath.Join(b.dir, "work")
	src, result := filepath.Join(work, "src"), filepath.Join(work, "out")
	if err := Lay(src, "orders", nil); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(result, 0o755); err != nil {
		t.Fatal(err)
	}
	secret = filepath.Join(t.TempDir(), "secret")
	put(t, filepath.Join(secret, "secret.go"), "TOPSECRET42\n")
	change(t, src, secret)
	compile := b.compile
	if confined {
		compile = b.compileConfined
	}
	out := filepath.Join(result, "orders")
	output, err = compile(t.Context(), env, src, out, "orders")
	binary, readErr := os.ReadFile(out)
	if readErr != nil && !errors.Is(readErr, fs.ErrNotExist) {
		t.Fatal(readErr)
	}
	return output, binary, secret, err
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func add(t *testing.T, path, text string) {
	t.Helper()
	was, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	put(t, path, string(was)+text)
}

// Behind the names stands the sandbox: what the go command could be led to read
// is not there.
func TestHostileBuilds(t *testing.T) {
	if testing.Short() {
		t.Skip("builds services")
	}
	const marker = "TOPSECRET42"
	tests := []struct {
		name   string
		change func(t *testing.T, src, secret string)
		fails  bool
		// leaks says that the marker gets out of a build that is not confined:
		// otherwise the case would show nothing of the sandbox.
		leaks bool
	}{
		{"nothing hostile", func(*testing.T, string, string) {}, false, false},
		{"a link to a file of the machine", func(t *testing.T, src, secret string) {
			if err := os.Symlink(filepath.Join(secret, "secret.go"), filepath.Join(src, "labs/orders/x.go")); err != nil {
				t.Fatal(err)
			}
		}, true, true},
		{"assembly that includes a file of the machine", func(t *testing.T, src, secret string) {
			put(t, filepath.Join(src, "labs/orders/x.s"), "#include \""+filepath.Join(secret, "secret.go")+"\"\n")
		}, true, true},
		{"a module replaced by a folder of the machine", func(t *testing.T, src, secret string) {
			put(t, filepath.Join(secret, "go.mod"), "module other.test/secret\n")
			put(t, filepath.Join(secret, "secret.go"), "package secret\n\nvar Word = \""+marker+"\"\n")
			add(t, filepath.Join(src, "go.mod"), "\nrequire other.test/secret v0.0.0\nreplace other.test/secret => "+secret+"\n")
			put(t, filepath.Join(src, "labs/orders/x.go"), "package main\nimport \"other.test/secret\"\nfunc init() { println(secret.Word) }\n")
		}, true, true},
		{"a workspace file", func(t *testing.T, src, secret string) {
			put(t, filepath.Join(src, "go.work"), "go 1.26\nuse (\n.\n"+secret+"\n)\n")
		}, false, false},
		{"a vendor folder", func(t *testing.T, src, _ string) {
			put(t, filepath.Join(src, "vendor/modernc.org/sqlite/x.go"), "package sqlite\nvar Word = \""+marker+"\"\n")
		}, false, false},
		{"an embedded link", func(t *testing.T, src, secret string) {
			if err := os.Symlink(filepath.Join(secret, "secret.go"), filepath.Join(src, "labs/orders/x.txt")); err != nil {
				t.Fatal(err)
			}
			put(t, filepath.Join(src, "labs/orders/x.go"), "package main\nimport _ \"embed\"\n//go:embed x.txt\nvar word string\nfunc init() { println(word) }\n")
		}, true, false},
		{"an embedded path upwards", func(t *testing.T, src, _ string) {
			put(t, filepath.Join(src, "labs/orders/x.go"), "package main\nimport _ \"embed\"\n//go:embed ../../go.mod\nvar word string\nfunc init() { println(word) }\n")
		}, true, false},
		{"a generator", func(t *testing.T, src, secret string) {
			put(t, filepath.Join(src, "labs/orders/x.go"), "package main\n//go:generate touch "+filepath.Join(secret, "made")+"\n")
		}, false, false},
		{"a newer toolchain", func(t *testing.T, src, _ string) {
			text, err := os.ReadFile(filepath.Join(src, "go.mod"))
			if err != nil {
				t.Fatal(err)
			}
			put(t, filepath.Join(src, "go.mod"), strings.Replace(string(text), "go 1.26.0", "go 1.99.0", 1))
		}, true, false},
		{"a module that is not there", func(t *testing.T, src, _ string) {
			put(t, filepath.Join(src, "labs/orders/x.go"), "package main\nimport _ \"other.test/nothing\"\n")
		}, true, false},
		{"flags for the linker", func(t *testing.T, src, _ string) {
			put(t, filepath.Join(src, "labs/orders/x.go"), "package main\n//go:cgo_ldflag \"-fplugin=/tmp/x.so\"\n")
		}, true, false},
		{"a tool in go.mod", func(t *testing.T, src, _ string) {
			add(t, filepath.Join(src, "go.mod"), "\ntool other.test/tool\n")
		}, false, false},
		{"an array of gigabytes", func(t *testing.T, src, _ string) {
			put(t, filepath.Join(src, "labs/orders/x.go"), "package main\nvar big = [1<<31]byte{1: 1}\nfunc init() { println(len(big), big[3]) }\n")
		}, true, false},
		{"a thousand errors", func(t *testing.T, src, _ string) {
			put(t, filepath.Join(src, "labs/orders/x.go"), "package main\nfunc init() {\n"+strings.Repeat("x()\n", 10_000)+"}\n")
		}, true, false},
		{"C that go leaves out", func(t *testing.T, src, secret string) {
			put(t, filepath.Join(src, "labs/orders/x.c"), "#include \""+filepath.Join(secret, "secret.go")+"\"\n")
		}, false, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			output, binary, secret, err := raw(t, test.change, true)
			t.Logf("%v: %.300s", err, output)
			if (err != nil) != test.fails {
				t.Errorf("fails: %v, want %v", err, test.fails)
			}
			if !test.fails && len(binary) == 0 {
				t.Error("there is no program")
			}
			if strings.Contains(output, marker) || bytes.Contains(binary, []byte(marker)) {
				t.Error("the secret got out")
			}
			if len(output) > maxOutput {
				t.Errorf("%d bytes of output", len(output))
			}
			if _, err := os.Stat(filepath.Join(secret, "made")); err == nil {
				t.Error("a command was run")
			}
			if !test.leaks {
				return
			}
			output, binary, _, _ = raw(t, test.change, false)
			if !strings.Contains(output, marker) && !bytes.Contains(binary, []byte(marker)) {
				t.Errorf("it does not get out of an open build either, so nothing was shown: %s", output)
			}
		})
	}
}

// A build that uses much is the learner's; one that a busy machine does not let
// work is ours, and no verdict on what was built.
func TestBuildTimeIsWorkDone(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a service")
	}
	b := NewBuilder(t.TempDir(), launcher(t))
	if !b.launcher().Isolated() {
		t.Skip(b.launcher().Report().Summary())
	}
	files := map[string][]byte{"extra.go": []byte("package main\n")}
	b.work = time.Millisecond
	_, err := b.Build(t.Context(), "orders", files)
	var broken *BuildError
	if !errors.As(err, &broken) || !strings.Contains(broken.Output, "processor time") {
		t.Errorf("a build that works too much gives %v", err)
	}
	b.work, b.patience = time.Minute, 20*time.Millisecond
	_, err = b.Build(t.Context(), "orders", files)
	if err == nil || errors.As(err, &broken) || !strings.Contains(err.Error(), "too busy") {
		t.Errorf("a build that was not given time gives %v", err)
	}
}

// A build that finds no room on this machine's disk is no fault of the learner's.
func TestBuildOnAFullDiskIsOurs(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a service")
	}
	l := launcher(t)
	if !l().Isolated() {
		t.Skip(l().Report().Summary())
	}
	dir := t.TempDir()
	if err := syscall.Mount("lab", dir, "tmpfs", 0, "size=4m"); err != nil { // less than a program takes
		t.Skipf("cannot make a small disk: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	_, err := NewBuilder(dir, l).Build(t.Context(), "orders", map[string][]byte{"extra.go": []byte("package main\n")})
	var broken *BuildError
	if !errors.Is(err, syscall.ENOSPC) || errors.As(err, &broken) {
		t.Errorf("got %v", err)
	}
}

// What a learner's build puts into the go command's cache is gone with it.
func TestCacheIsNotPoisoned(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a service")
	}
	b := NewBuilder(t.TempDir(), launcher(t))
	if !b.launcher().Isolated() {
		t.Skip(b.launcher().Report().Summary())
	}
	env, err := b.environment(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cache := ""
	for _, e := range env {
		if value, ok := strings.CutPrefix(e, "GOCACHE="); ok {
			cache = value
		}
	}
	// The cache's first entry, of which a build is to change the content.
	victim := filepath.Join(cache, "README")
	was, err := os.ReadFile(victim)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	shell, err := os.ReadFile("/bin/sh")
	if err != nil {
		t.Skip("no shell to write with")
	}
	program := filepath.Join(t.TempDir(), "sh")
	if err := os.WriteFile(program, shell, 0o755); err != nil {
		t.Fatal(err)
	}
	printed, err := b.launcher().Run(t.Context(), sandbox.Spec{
		Path: program, Dir: dir, Writable: []string{dir}, Overlays: []string{cache}, Memory: 256 << 20, Output: 1 << 20,
		Args: []string{"-c", "echo poison > " + cache + "/00/p95lab-poison && read x < " + cache + "/00/p95lab-poison && echo seen $x; echo poison > " + victim},
	})
	if !strings.Contains(printed, "seen poison") {
		t.Errorf("a build cannot write to its cache: %v, %s", err, printed)
	}
	if _, err := os.Stat(filepath.Join(cache, "00", "p95lab-poison")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the next build would see it: %v", err)
	}
	if now, err := os.ReadFile(victim); err != nil || !bytes.Equal(now, was) {
		t.Errorf("an entry was changed: %v", err)
	}
}

// Only a regular file of a sensible size is taken out of the folder of a build.
func TestCollect(t *testing.T) {
	tests := []struct {
		name string
		make func(path string) error
	}{
		{"nothing", func(string) error { return nil }},
		{"a link to a file of the machine", func(p string) error { return os.Symlink("/etc/passwd", p) }},
		{"a link upwards", func(p string) error { return os.Symlink("../../secret", p) }},
		{"a link within", func(p string) error {
			return errors.Join(os.WriteFile(p+"2", []byte("x"), 0o600), os.Symlink("orders2", p))
		}},
		{"a pipe", func(p string) error { return syscall.Mkfifo(p, 0o600) }},
		{"a folder", func(p string) error { return os.Mkdir(p, 0o700) }},
		{"an empty file", func(p string) error { return os.WriteFile(p, nil, 0o600) }},
		{"a hole of a terabyte", func(p string) error { return errors.Join(os.WriteFile(p, []byte("x"), 0o600), os.Truncate(p, 1<<40)) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			yard := t.TempDir()
			if err := test.make(filepath.Join(yard, "orders")); err != nil {
				t.Fatal(err)
			}
			to := filepath.Join(t.TempDir(), "orders")
			err := collect(yard, "orders", to)
			var none *refusedArtefact
			if !errors.As(err, &none) {
				t.Errorf("got %v", err)
			}
			if _, err := os.Lstat(to); err == nil {
				t.Error("it was kept")
			}
		})
	}
	yard, to := t.TempDir(), filepath.Join(t.TempDir(), "orders")
	if err := os.WriteFile(filepath.Join(yard, "orders"), []byte("program"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := collect(yard, "orders", to); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(to); err != nil || string(text) != "program" {
		t.Errorf("kept %q, %v", text, err)
	}
}

func FuzzAdmit(f *testing.F) {
	f.Add("store.go", []byte("package main"))
	f.Add("../x.go", []byte("import \"C\""))
	f.Add("a/b/c.sql", []byte(""))
	f.Fuzz(func(t *testing.T, name string, text []byte) {
		if admit(map[string][]byte{name: text}, nil) != nil {
			return
		}
		if !fs.ValidPath(name) || strings.Contains(name, "..") && !filepath.IsLocal(name) || !kinds[filepath.Ext(name)] {
			t.Errorf("%q was admitted", name)
		}
	})
}
