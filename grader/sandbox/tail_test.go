package sandbox

import (
	"strings"
	"testing"
)

// The stacks of many goroutines must not push out why a program ended.
func TestTailKeepsTheCause(t *testing.T) {
	var kept tail
	kept.add("ready\n")
	kept.add("fatal error: runtime: out of memory\n")
	for range 1000 {
		kept.add("goroutine 7 [runnable]:\n")
	}
	text := kept.String()
	if !strings.HasPrefix(text, "fatal error: runtime: out of memory\n[...]\ngoroutine 7") || strings.Contains(text, "ready") {
		t.Errorf("kept %.80q", text)
	}
	if !kept.outOfMemory() || len(text) > tailSize+200 {
		t.Errorf("out of memory: %v, %d bytes", kept.outOfMemory(), len(text))
	}
	var short tail
	short.add("panic: no\n")
	if got := short.String(); got != "panic: no\n" || short.outOfMemory() {
		t.Errorf("%q, out of memory: %v", got, short.outOfMemory())
	}
}
