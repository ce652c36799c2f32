package sandbox

import "strings"

// tail keeps the last lines of an output, and the one that tells why a Go program
// ended: the stacks of all its goroutines follow it, and may be longer than what
// is kept.
type tail struct {
	lines []string
	size  int
	cause string // the first line of a panic or a fatal error
	lost  bool   // that cause is no longer among lines
}

// tailSize is how many bytes of output a verdict carries.
const tailSize = 8 << 10

func (t *tail) add(line string) {
	if t.cause == "" && (strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ")) {
		t.cause = line
	}
	t.lines = append(t.lines, line)
	t.size += len(line)
	for t.size > tailSize && len(t.lines) > 1 {
		t.lost = t.lost || t.lines[0] == t.cause
		t.size -= len(t.lines[0])
		t.lines = t.lines[1:]
	}
}

// outOfMemory says that the program's runtime was refused memory.
func (t *tail) outOfMemory() bool {
	return strings.Contains(t.cause, "out of memory") || strings.Contains(t.cause, "cannot allocate memory")
}

func (t *tail) String() string {
	var b strings.Builder
	if t.lost {
		b.WriteString(t.cause)
		b.WriteString("[...]\n")
	}
	for _, l := range t.lines {
		b.WriteString(l)
	}
	return b.String()
}
