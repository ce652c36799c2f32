package backup

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/p95lab/p95lab/grader/verdict"
	"github.com/p95lab/p95lab/server/sqlite"
	"github.com/p95lab/p95lab/server/wire"
)

func quiet(string) {}

// folder is a data folder with so many runs, and its open store.
func folder(t *testing.T, runs int) (string, *sqlite.Store) {
	t.Helper()
	data := t.TempDir()
	store, err := sqlite.Open(t.Context(), filepath.Join(data, database))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	for range runs {
		info, err := store.Create(t.Context(), wire.Run{RunInfo: wire.RunInfo{Challenge: "c"}, Files: map[string]string{"store.go": "package main\n"}})
		if err != nil {
			t.Fatal(err)
		}
		v := verdict.Verdict{Challenge: "c", Outcome: verdict.Passed, Metrics: []verdict.Metric{}}
		if _, err := store.Finish(t.Context(), info.ID, wire.Done, &v, nil); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(data, workspaces, "c", "labs", "orders", "store.go"), "package main // mine\n")
	write(t, filepath.Join(data, workspaces, ".new-1", "half.go"), "package")
	write(t, filepath.Join(data, "cache", "large"), "made again")
	return data, store
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

func backedUp(t *testing.T, data string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "lab.tar.gz")
	if _, err := (Backup{Data: data, File: file, Program: "test", Step: quiet}).Write(t.Context()); err != nil {
		t.Fatal(err)
	}
	return file
}

// A backup that was taken while the store is open and written to brings back the
// same runs and files.
func TestThereAndBack(t *testing.T) {
	data, store := folder(t, 3)
	file := backedUp(t, data)
	if _, err := store.Create(t.Context(), wire.Run{RunInfo: wire.RunInfo{Challenge: "c"}}); err != nil { // after the backup
		t.Fatal(err)
	}
	to := t.TempDir()
	var told []string
	m, err := Restore{File: file, Data: to, Step: func(s string) { told = append(told, s) }}.Do(t.Context())
	if err != nil || m.Runs != 3 || m.Files != 1 || m.Program != "test" || len(told) == 0 {
		t.Fatalf("%+v, %v, told %q", m, err, told)
	}
	if text, err := os.ReadFile(filepath.Join(to, workspaces, "c", "labs", "orders", "store.go")); err != nil || string(text) != "package main // mine\n" {
		t.Errorf("the workspace is %q, %v", text, err)
	}
	back, err := sqlite.Open(t.Context(), filepath.Join(to, database))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = back.Close() }()
	runs, err := back.Runs(t.Context(), "c")
	if err != nil || len(runs) != 3 || runs[0].Outcome != verdict.Passed {
		t.Errorf("%d runs, %v", len(runs), err)
	}
	left, err := os.ReadDir(to)
	for _, e := range left {
		if n := e.Name(); err != nil || (n != database && n != workspaces && !strings.HasPrefix(n, database+"-")) {
			t.Errorf("left behind: %s, %v", n, err)
		}
	}
}

func TestNothingIsOverwrittenUnasked(t *testing.T) {
	data, _ := folder(t, 1)
	file := backedUp(t, data)
	if _, err := (Backup{Data: data, File: file, Step: quiet}).Write(t.Context()); err == nil || !strings.Contains(err.Error(), "--force") {
		t.Errorf("a second backup: %v", err)
	}
	if _, err := (Backup{Data: data, File: file, Force: true, Step: quiet}).Write(t.Context()); err != nil {
		t.Errorf("a second backup by force: %v", err)
	}
	other, store := folder(t, 2)
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := (Restore{File: file, Data: other, Step: quiet}).Do(t.Context()); err == nil || !strings.Contains(err.Error(), "--force") {
		t.Errorf("over another lab: %v", err)
	}
	if c, err := sqlite.Check(t.Context(), filepath.Join(other, database)); err != nil || c.Runs != 2 {
		t.Errorf("it has %d runs, %v", c.Runs, err)
	}
	if _, err := (Restore{File: file, Data: other, Force: true, Step: quiet}).Do(t.Context()); err != nil {
		t.Fatalf("by force: %v", err)
	}
	if c, err := sqlite.Check(t.Context(), filepath.Join(other, database)); err != nil || c.Runs != 1 {
		t.Errorf("by force it has %d runs, %v", c.Runs, err)
	}
	aside, err := filepath.Glob(filepath.Join(other, "replaced-*", database))
	if err != nil || len(aside) != 1 {
		t.Fatalf("aside: %q, %v", aside, err)
	}
	if c, err := sqlite.Check(t.Context(), aside[0]); err != nil || c.Runs != 2 {
		t.Errorf("aside are %d runs, %v", c.Runs, err)
	}
	if _, err := (Backup{Data: t.TempDir(), File: file + ".2", Step: quiet}).Write(t.Context()); err == nil || !strings.Contains(err.Error(), "nothing to back up") {
		t.Errorf("an empty folder: %v", err)
	}
}

type entry struct {
	name, text string
	kind       byte
}

// archive packs entries as somebody else might.
func archive(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var out bytes.Buffer
	squeeze := gzip.NewWriter(&out)
	tw := tar.NewWriter(squeeze)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Typeflag: e.kind, Mode: 0o644, Size: int64(len(e.text))}
		if e.kind == tar.TypeSymlink {
			h.Linkname, h.Size = e.text, 0
		}
		if err := tw.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			if _, err := tw.Write([]byte(e.text)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := errors.Join(tw.Close(), squeeze.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func described(m Manifest) entry {
	text, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return entry{manifest, string(text), tar.TypeReg}
}

// What is no backup of ours changes nothing, wherever it breaks.
func TestBadBackupsChangeNothing(t *testing.T) {
	data, _ := folder(t, 1)
	good, err := os.ReadFile(backedUp(t, data))
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(good)
	flipped[len(flipped)/2] ^= 0x40
	one := described(Manifest{Format: format, Files: 1})
	store := entry{database, "not a database", tar.TypeReg}
	for name, c := range map[string]struct {
		bytes []byte
		says  string
	}{
		"another file":      {[]byte("hello"), "no backup"},
		"cut off":           {good[:len(good)/2], "unexpected EOF"},
		"a bit flipped":     {flipped, "nothing was changed"},
		"another tar":       {archive(t, entry{"a.txt", "x", tar.TypeReg}), "does not begin with"},
		"a newer format":    {archive(t, described(Manifest{Format: 2, Program: "v9"})), "v9"},
		"no store":          {archive(t, one, entry{"workspaces/c/x.go", "x", tar.TypeReg}), "no store"},
		"files are missing": {archive(t, one, store), "0 files"},
		"a damaged store":   {archive(t, described(Manifest{Format: format}), store), "its store"},
		"two stores":        {archive(t, one, store, store), "once"},
		"a way out":         {archive(t, one, entry{"workspaces/../../evil", "x", tar.TypeReg}), "no plain file"},
		"an absolute name":  {archive(t, one, entry{"/etc/evil", "x", tar.TypeReg}), "no plain file"},
		"a link":            {archive(t, one, entry{"workspaces/l", "/etc", tar.TypeSymlink}), "no plain file"},
		"another name":      {archive(t, one, entry{"lock", "x", tar.TypeReg}), "no backup has"},
		"a huge file":       {archive(t, one, entry{"workspaces/c/x.go", strings.Repeat("x", maxFile+1), tar.TypeReg}), "larger"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "b.tar.gz")
			write(t, file, string(c.bytes))
			to, other := folder(t, 2)
			if err := other.Close(); err != nil {
				t.Fatal(err)
			}
			before, err := os.ReadDir(to)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Restore{File: file, Data: to, Force: true, Step: quiet}.Do(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("says %v, want %q", err, c.says)
			}
			after, err := os.ReadDir(to)
			if err != nil || len(after) != len(before) || Unfinished(to) != nil {
				t.Errorf("the folder was %v and is %v, %v", before, after, err)
			}
			if c, err := sqlite.Check(t.Context(), filepath.Join(to, database)); err != nil || c.Runs != 2 {
				t.Errorf("it has %d runs, %v", c.Runs, err)
			}
		})
	}
}

// Cut off between the old and the new, a folder is not to be served from.
func TestAnUnfinishedRestoreIsTold(t *testing.T) {
	data, store := folder(t, 1)
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	file := backedUp(t, data)
	write(t, filepath.Join(data, unfinished), "")
	if err := Unfinished(data); err == nil || !strings.Contains(err.Error(), "p95lab restore") {
		t.Errorf("says %v", err)
	}
	if _, err := (Restore{File: file, Data: data, Force: true, Step: quiet}).Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := Unfinished(data); err != nil {
		t.Errorf("after another: %v", err)
	}
}

// Whatever a backup holds, nothing is written beside the folder to unpack in.
func FuzzUnpack(f *testing.F) {
	one := described(Manifest{Format: format, Files: 1})
	f.Add(archive(f, one, entry{database, "x", tar.TypeReg}, entry{"workspaces/c/x.go", "x", tar.TypeReg}))
	f.Add(archive(f, one, entry{"workspaces/../../evil", "x", tar.TypeReg}))
	f.Add(archive(f, one, entry{"workspaces/l", "/", tar.TypeSymlink}, entry{"workspaces/l/evil", "x", tar.TypeReg}))
	f.Add([]byte("hello"))
	f.Fuzz(func(t *testing.T, packed []byte) {
		around := t.TempDir()
		to := filepath.Join(around, "to")
		if err := os.Mkdir(to, 0o755); err != nil {
			t.Fatal(err)
		}
		m, err := unpack(t.Context(), bytes.NewReader(packed), to)
		if entries, readErr := os.ReadDir(around); readErr != nil || len(entries) != 1 {
			t.Fatalf("beside the folder: %v, %v", entries, readErr)
		}
		if err != nil {
			return
		}
		files := 0
		err = fs.WalkDir(os.DirFS(to), workspaces, func(_ string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				files++
			}
			return err
		})
		if err != nil || files != m.Files {
			t.Errorf("accepted with %d files of %d, %v", files, m.Files, err)
		}
	})
}
