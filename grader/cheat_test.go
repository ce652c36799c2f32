package grader

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/p95lab/p95lab/grader/sandbox"
	"github.com/p95lab/p95lab/grader/verdict"
	"github.com/p95lab/p95lab/grader/workspace"
)

// Whoever cheats earns nothing: either the verdict says what is wrong, or the
// cheat has no effect and the verdict is that of the starter beneath it.
func TestCheats(t *testing.T) {
	if testing.Short() {
		t.Skip("measures")
	}
	if !sandbox.New(t.Context()).Isolated() {
		t.Skip("this machine does not confine services")
	}
	shared.usual = usualBudget / 2 // nobody asks how much a cheat gains
	defer func() { shared.usual = usualBudget }()
	tests := []struct {
		name string
		// says is what the verdict tells; "" where the cheat must have no effect,
		// harm itself or be found out.
		says string
	}{
		{"answers-nothing", "A wrong answer"},
		{"cuts-answers", "A wrong answer"},
		{"remembers-at-start", "wrong answer"},
		{"remembers-under-load", "Under load a wrong answer"},
		{"knows-the-generator", ""},
		{"writes-later", "wrong answer"},
		{"prints-without-end", "printed more than"},
		{"writes-to-memory", "unsafe is not"},
		{"reaches-by-linkname", "linkname is not"},
		{"opens-by-itself", "not one of the modules"},
		{"starts-another-process", "no other programs"},
		{"burns-processors", ""},
		{"floods-memory", ""},
		{"syncs-without-end", ""},
		{"stops-others", ""},
		{"spoils-the-starter", ""},
		{"knocks-at-ports", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			files, err := workspace.Read(filepath.Join("testdata", "cheats", test.name), "orders")
			if err != nil {
				t.Fatal(err)
			}
			v, _ := grade(t, "missing-index", files)
			if v.Outcome == verdict.Passed || v.Score != 0 {
				t.Errorf("%s with score %.0f", v.Outcome, v.Score)
			}
			if test.says == "" && (v.Gate == verdict.Build || v.Gate == verdict.Start) {
				t.Errorf("it did not come to be measured: %s", v.Message)
			}
			if !strings.Contains(v.Message, test.says) || v.Next == "" {
				t.Errorf("the verdict does not say %q and what to do next: %s / %s", test.says, v.Message, v.Next)
			}
		})
	}
	entries, err := os.ReadDir(filepath.Join("testdata", "cheats"))
	if err != nil || len(entries) != len(tests) {
		t.Errorf("%d cheats and %d tests, %v", len(entries), len(tests), err)
	}
}
