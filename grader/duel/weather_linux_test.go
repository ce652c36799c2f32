package duel

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestThrottled(t *testing.T) {
	for _, tc := range []struct {
		name  string
		files map[string]string
		want  time.Duration
	}{
		{"no groups", nil, 0},
		{"version 2, with those above", map[string]string{
			"proc/self/cgroup":           "0::/a/b\n",
			"sys/fs/cgroup/a/b/cpu.stat": "usage_usec 5\nnr_throttled 1\nthrottled_usec 1500\n",
			"sys/fs/cgroup/a/cpu.stat":   "usage_usec 5\nthrottled_usec 500\n",
			"sys/fs/cgroup/cpu.stat":     "usage_usec 5\n",
		}, 2 * time.Millisecond},
		{"version 1", map[string]string{
			"proc/self/cgroup":             "4:memory:/x\n3:cpu,cpuacct:/x\n0::/\n",
			"sys/fs/cgroup/cpu/x/cpu.stat": "nr_periods 7\nthrottled_time 3000000\n",
		}, 3 * time.Millisecond},
		{"damaged", map[string]string{
			"proc/self/cgroup":       "nonsense\n0::/\n",
			"sys/fs/cgroup/cpu.stat": "throttled_usec many\n",
		}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			root := t.TempDir()
			for name, text := range tc.files {
				path := filepath.Join(root, name)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if got := throttled(root); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}
