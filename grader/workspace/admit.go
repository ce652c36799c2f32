package workspace

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// kinds are the files that a learner may hand in. What is not here does not
// reach the go command: assembly and C would be compiled or linked without a
// word, archives and objects linked.
var kinds = map[string]bool{
	".go": true, ".sql": true, ".yaml": true, ".yml": true, ".json": true, ".toml": true, ".conf": true, ".txt": true, ".md": true,
	".html": true, ".tmpl": true, ".css": true,
}

// reserved are names that the go command gives a meaning of its own.
var reserved = map[string]bool{"vendor": true, "go.mod": true, "go.sum": true, "go.work": true, "go.work.sum": true, "internal": true}

// admit tells of files that a build must not see, before anything is written. own
// are the service's files as they were.
func admit(files, own map[string][]byte) error {
	if len(files) > maxFiles {
		return refusal("", 0, 0, fmt.Sprintf("%d files are more than the %d that a fix may have", len(files), maxFiles))
	}
	given := imports(own)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if why := refuseName(name); why != "" {
			return refusal(name, 0, 0, why)
		}
		if len(files[name]) > maxFile {
			return refusal(name, 0, 0, fmt.Sprintf("it is larger than %d KiB", maxFile>>10))
		}
		if path.Ext(name) == ".go" {
			if err := refuseSource(name, files[name], given); err != nil {
				return err
			}
		}
	}
	return nil
}

// refuseName says what is wrong with a file's name, "" if nothing is.
func refuseName(name string) string {
	if !fs.ValidPath(name) || strings.ContainsAny(name, "\\:\x00\r\n") || len(name) > 200 {
		return "it is no path within the service's folder"
	}
	for _, part := range strings.Split(name, "/") {
		switch {
		case strings.HasPrefix(part, ".") || strings.HasPrefix(part, "_"):
			return "names that begin with a dot or an underline are left out by the go command"
		case reserved[part]:
			return part + " is not yours to change: modules and their versions are given"
		}
	}
	if path.Ext(name) == ".go" && strings.Contains(name, "/") {
		// It would begin before the kit does, which counts what the service asks.
		return "a package of its own is not built here: put the file beside the service's own"
	}
	if !kinds[path.Ext(name)] {
		return "files of this kind are not built here: write it in Go or SQL"
	}
	return ""
}

// refusal is what the compiler would say, had it been asked.
func refusal(name string, line, column int, why string) *BuildError {
	d := Diagnostic{File: name, Line: line, Column: column, Message: why}
	return &BuildError{Diagnostics: []Diagnostic{d}, Output: fmt.Sprintf("%s:%d:%d: %s", name, line, column, why)}
}
