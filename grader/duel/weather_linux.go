package duel

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

func readVitals() vitals {
	v := clocks()
	v.stolen, v.throttled, v.waited = Stolen(), throttled("/"), waited()
	return v
}

// Stolen is the processor time that the hypervisor took away so far.
func Stolen() time.Duration { return processors(7) }

// Busy is the processor time that all processes of the machine used so far.
func Busy() time.Duration { return processors(0, 1, 2, 5, 6) }

// processors sums columns of the first line of /proc/stat, proc(5), which are
// user, nice, system, idle, iowait, irq, softirq and steal in ticks of 10 ms. It
// is 0 where they cannot be read.
func processors(columns ...int) time.Duration {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	fields := bytes.Fields(line)
	var ticks int64
	for _, c := range columns {
		if c+1 >= len(fields) {
			return 0
		}
		n, err := strconv.ParseInt(string(fields[c+1]), 10, 64)
		if err != nil {
			return 0
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / 100
}

// waited is how long some process had to wait for a processor so far, from
// /proc/pressure/cpu; 0 where the kernel does not tell.
func waited() time.Duration {
	text, err := os.ReadFile("/proc/pressure/cpu")
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(text), "\n")
	_, total, ok := strings.Cut(line, "total=")
	if n, err := strconv.ParseInt(total, 10, 64); ok && err == nil {
		return time.Duration(n) * time.Microsecond
	}
	return 0
}

// throttled is how long quotas have held back the group that this process is
// in, and those above it, so far: throttled_usec of version 2's cpu.stat,
// throttled_time (ns) of version 1's. root is where the file systems are found.
func throttled(root string) time.Duration {
	text, err := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	if err != nil {
		return 0
	}
	var sum time.Duration
	for line := range strings.Lines(string(text)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			continue
		}
		base, key, unit := "sys/fs/cgroup", "throttled_usec ", time.Microsecond
		if fields[1] != "" {
			if !strings.Contains(","+fields[1]+",", ",cpu,") {
				continue
			}
			base, key, unit = "sys/fs/cgroup/cpu", "throttled_time ", time.Nanosecond
		}
		for dir := filepath.Clean("/" + fields[2]); ; dir = filepath.Dir(dir) {
			sum += time.Duration(counter(filepath.Join(root, base, dir, "cpu.stat"), key)) * unit
			if dir == "/" {
				break
			}
		}
	}
	return sum
}

// counter reads the number behind a key of a flat file, 0 where there is none.
func counter(path, key string) int64 {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, key); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
			if err == nil {
				return n
			}
		}
	}
	return 0
}
