package evidence_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/p95lab/p95lab/grader/evidence"
)

func TestStatementsAreBounded(t *testing.T) {
	text := "[" + strings.TrimSuffix(strings.Repeat(`{"sql":"SELECT 1","calls":2},`, 500), ",") + "]"
	all, err := evidence.Statements([]byte(text))
	if err != nil || len(all) != evidence.MaxStatements || all[0].Calls != 2 {
		t.Errorf("%d statements, %v", len(all), err)
	}
	if got := evidence.SQL("\n\t\tSELECT a\n\t\tFROM b\n"); got != "SELECT a FROM b" {
		t.Errorf("told as %q", got)
	}
	if got := evidence.SQL(strings.Repeat("ü", 5000)); len(got) > 2100 || !utf8.ValidString(got) {
		t.Errorf("told in %d bytes", len(got))
	}
	if _, err := evidence.Plans([]byte(`[{"steps":[]}]`), 2); err == nil {
		t.Error("one plan is that of two statements")
	}
}

// What a service says of its statements, and a plan that its data leads to, are
// read or refused.
func FuzzStatements(f *testing.F) {
	f.Add([]byte(`[{"sql":"SELECT 1","calls":1,"rows":1,"seconds":0.1,"p95_seconds":0.1}]`))
	f.Add([]byte(`[{"steps":[{"id":2,"parent":0,"detail":"SCAN orders","rows":300000}]}]`))
	f.Add([]byte(`[null]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if all, err := evidence.Statements(text); err == nil && len(all) > evidence.MaxStatements {
			t.Errorf("%d statements", len(all))
		}
		if all, err := evidence.Plans(text, 1); err == nil && len(all) != 1 {
			t.Errorf("%d plans", len(all))
		}
		if sql := evidence.SQL(string(text)); !utf8.ValidString(sql) {
			t.Errorf("told as %q", sql)
		}
	})
}
