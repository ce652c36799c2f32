package sandbox

// tail keeps the last lines of an output.
type tail struct {
	lines []string
	size  int
}

// tailSize is how many bytes of output a verdict carries.
const tailSize = 8 << 10

func (t *tail) add(line string) {
	t.lines = append(t.lines, line)
	t.size += len(line)
	for t.size > tailSize && len(t.lines) > 1 {
		t.size -= len(t.lines[0])
		t.lines = t.lines[1:]
	}
}

func (t *tail) String() string {
	var n int
	for _, l := range t.lines {
		n += len(l)
	}
	out := make([]byte, 0, n)
	for _, l := range t.lines {
		out = append(out, l...)
	}
	return string(out)
}
