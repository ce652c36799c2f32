package challenges

import (
	"path"
	"slices"
	"strings"
)

// Editable says whether the learner may write this path, slash-separated and
// relative to the service's folder: a file that edit lists, a file inside a
// folder that it lists, or a new *.go file beside main.go. Tests, hidden files
// and all but .go and .sql are refused, as is a path that is not in its
// shortest form: what is checked here must be what is opened later.
func (c Challenge) Editable(name string) bool {
	if !isOverlayPath(name) {
		return false
	}
	for _, e := range c.Edit {
		if e == name || strings.HasSuffix(e, "/") && strings.HasPrefix(name, e) {
			return true
		}
	}
	// A new file may not take the place of one of the service's own; while
	// those are unknown, nothing is new.
	taken := func(own string) bool { return strings.EqualFold(own, name) } // macOS and Windows ignore case
	return c.Starter != nil && path.Ext(name) == ".go" && !strings.Contains(name, "/") && !slices.ContainsFunc(c.Starter, taken)
}

// isOverlayPath holds for paths that are safe to join to a folder and of a kind
// that a learner may write at all.
func isOverlayPath(name string) bool {
	if len(name) > 200 || name == "" || path.IsAbs(name) || path.Clean(name) != name {
		return false
	}
	for i := range len(name) {
		switch c := name[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("_-./", c) >= 0:
		default:
			return false // also keeps out \, : and NUL, which mean something to some file systems
		}
	}
	for segment := range strings.SplitSeq(name, "/") {
		// The go command ignores files that begin with . or _, and a learner
		// would wonder why. A first - would read as a flag.
		if strings.IndexByte("._-", segment[0]) >= 0 || strings.HasSuffix(segment, ".") {
			return false
		}
	}
	// Compared without case, as macOS and Windows do.
	lower := strings.ToLower(name)
	if strings.HasSuffix(lower, "_test.go") || strings.HasPrefix(path.Base(lower), "main_test") {
		return false
	}
	return path.Ext(name) == ".go" || path.Ext(name) == ".sql"
}
