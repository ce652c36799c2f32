package main

import (
	"strings"
	"testing"

	"github.com/p95lab/p95lab/grader/verdict"
)

// A service's words reach the terminal, and none of its commands.
func TestVerdictCommandsNoTerminal(t *testing.T) {
	const evil = "\x1b]52;c;ZXZpbA==\x07\x1b[2J\rpassed\u009b31m\x00\x7f"
	v := verdict.Verdict{
		Challenge: "c", Outcome: verdict.Failed, Gate: verdict.Check, Message: "m" + evil, Next: "n" + evil, Log: "line one\nline\ttwo" + evil,
		Mismatch:    &verdict.Mismatch{Request: "GET /" + evil, Want: "w" + evil, Got: "g" + evil},
		Diagnostics: []verdict.Diagnostic{{File: "x" + evil, Message: "d" + evil}},
	}
	var out strings.Builder
	if err := printVerdict(&out, v); err != nil {
		t.Fatal(err)
	}
	if i := strings.IndexAny(out.String(), "\x1b\x07\r\u009b\x00\x7f"); i >= 0 {
		t.Errorf("it commands: %q", out.String()[max(0, i-20):i+20])
	}
	if !strings.Contains(out.String(), "line one\nline\ttwo") {
		t.Errorf("lines and tabs are gone: %q", out.String())
	}
}

func FuzzPlain(f *testing.F) {
	f.Add("\x1b[2Jx\r\n\ty\u009b")
	f.Add("\xff\xfe")
	f.Fuzz(func(t *testing.T, text string) {
		for _, r := range plain(text) {
			if r != '\n' && r != '\t' && (r < ' ' || (r >= 0x7f && r < 0xa0)) {
				t.Errorf("%q keeps %q", text, r)
			}
		}
	})
}
