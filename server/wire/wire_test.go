package wire

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/p95lab/p95lab/grader/verdict"
)

// Whatever a verdict in the store is, it is read or refused, and what it is summed
// up to can be written again.
func FuzzVerdict(f *testing.F) {
	for _, seed := range []string{
		`{"challenge":"c","outcome":"passed","gate":"compare","score":97,"seconds":14.5,"metrics":[{"name":"p95","of":"history","unit":"ms","before":40,"after":4,"ratio":10,"low":9,"high":11,"target":"≥ 8×","met":true}]}`,
		`{"metrics":[{"unit":"ms","ratio":1e308},{"name":"p95","unit":"ms","ratio":-1}]}`, `{"load":{"before":{"p95_ms":1},"after":{}}}`,
		`null`, `[]`, `{"metrics":null,"load":null}`, `{"score":"x"}`, "\xff",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var v verdict.Verdict
		if json.Unmarshal(text, &v) != nil {
			return
		}
		var info RunInfo
		info.Conclude(v)
		if _, err := json.Marshal(info); err != nil {
			t.Errorf("%s is summed up to %+v: %v", text, info, err)
		}
		if _, err := json.Marshal(v); err != nil {
			t.Errorf("%s cannot be told again: %v", text, err)
		}
		if info.Ratio < 0 || math.IsNaN(info.Ratio) {
			t.Errorf("%s has the ratio %v", text, info.Ratio)
		}
	})
}
