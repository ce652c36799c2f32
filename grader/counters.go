package grader

import (
	"math"

	"github.com/p95lab/p95lab/grader/duel"
	"github.com/p95lab/p95lab/grader/stats"
	"github.com/p95lab/p95lab/grader/verdict"
)

// counters lists what each side used over the pairs that count, with those that
// were dropped: they were served, too. A figure that a side does not tell leaves
// its line out.
func counters(m *measurement) []verdict.Counter {
	list := []verdict.Counter{}
	add := func(name, unit, per string, from verdict.Source, of func(which int) (float64, bool)) {
		c := verdict.Counter{Name: name, Unit: unit, Per: per, From: from}
		for which, to := range []*float64{&c.Before, &c.After} {
			v, ok := of(which)
			if !ok || !(v >= 0) || math.IsInf(v, 0) {
				return
			}
			*to = v
		}
		list = append(list, c)
	}
	requests := float64(m.Requests)
	if requests == 0 {
		return list
	}
	add("cpu", "ms", "request", verdict.Kernel, func(w int) (float64, bool) { return ms(m.cpu[w]) / requests, m.cpu[w] > 0 })
	add("memory", "bytes", "", verdict.Kernel, func(w int) (float64, bool) { return float64(m.memory[w]), m.memory[w] > 0 })
	add("written", "bytes", "request", verdict.Kernel, func(w int) (float64, bool) {
		// A kernel that does not tell says 0 of both.
		return float64(m.to[w].written-m.from[w].written) / requests, m.to[0].written+m.to[1].written > 0
	})
	grown := func(name string, scale float64) func(int) (float64, bool) {
		return func(w int) (float64, bool) {
			from, known := m.from[w].told[name]
			to, told := m.to[w].told[name]
			return scale * (to - from) / requests, known && told
		}
	}
	add("queries", "count", "request", verdict.Kit, func(w int) (float64, bool) { return m.queries[w], m.counted[w] })
	add("allocated", "bytes", "request", verdict.Service, grown("go_memstats_alloc_bytes_total", 1))
	add("objects", "count", "request", verdict.Service, grown("go_memstats_mallocs_total", 1))
	add("gc", "ms", "request", verdict.Service, grown("go_gc_cpu_seconds_total", 1000))
	add("locks", "ms", "request", verdict.Service, grown("go_mutex_wait_seconds_total", 1000))
	add("goroutines", "count", "", verdict.Service, func(w int) (float64, bool) {
		n, told := m.to[w].told["go_goroutines"]
		return n, told
	})
	return list
}

// endpoints tells how each kind of request was served, over the pairs that count.
func endpoints(m *measurement, names []string) []verdict.Endpoint {
	list := make([]verdict.Endpoint, len(names))
	for class, name := range names {
		list[class].Name = name
		for which, to := range []*verdict.Served{&list[class].Before, &list[class].After} {
			bad, n := duel.Errors(m.Pairs, class, which)
			if n == 0 {
				continue
			}
			to.N, to.Errors = n, float64(bad)/float64(n)
			latencies := whole(duel.Latencies(m.Pairs, class), which)
			to.P50, to.P95 = finite(stats.Quantile(latencies, 0.50)), finite(stats.Quantile(latencies, 0.95))
			for _, p := range m.Pairs {
				for _, s := range p.Samples[which] {
					if s.Class == class {
						to.Bytes += float64(s.Bytes) / float64(n)
					}
				}
			}
		}
	}
	return list
}
