package duel

import (
	"runtime"
	"testing"
	"time"
)

func TestWeatherDropsAPair(t *testing.T) {
	began := time.Now()
	all := time.Duration(runtime.NumCPU())
	const over = 200 * time.Millisecond
	late := func(n int, by time.Duration) []time.Duration {
		d := make([]time.Duration, 100)
		for i := range n {
			d[i] = by
		}
		return d
	}
	for _, tc := range []struct {
		name string
		now  vitals
		jump time.Duration
		late []time.Duration
		want string
	}{
		{name: "calm", now: vitals{at: began.Add(over)}, late: late(0, 0)},
		{name: "nothing was sent", now: vitals{at: began.Add(over)}},
		{name: "a little is always stolen", now: vitals{at: began.Add(over), stolen: over * all / 10}},
		{name: "a fifth is stolen, as on a busy host", now: vitals{at: began.Add(over), stolen: over * all / 5}},
		{name: "two fifths are stolen", now: vitals{at: began.Add(over), stolen: over * all * 2 / 5}, want: droppedSteal},
		{name: "a tenth is throttled", now: vitals{at: began.Add(over), throttled: over / 10}, want: droppedThrottle},
		{name: "others wait for processors, as a service may cause", now: vitals{at: began.Add(over), waited: over}},
		{name: "one late request of a hundred", now: vitals{at: began.Add(over)}, late: late(1, time.Second)},
		{name: "two of a hundred", now: vitals{at: began.Add(over)}, late: late(2, time.Second), want: droppedLate},
		{name: "all a little late", now: vitals{at: began.Add(over)}, late: late(100, 20*time.Millisecond)},
		{name: "the clock is adjusted", now: vitals{at: began.Add(over)}, jump: 100 * time.Microsecond},
		{name: "the clock was set forward", now: vitals{at: began.Add(over)}, jump: time.Second, want: droppedJump},
		{name: "the clock was set back", now: vitals{at: began.Add(over)}, jump: -time.Second, want: droppedJump},
	} {
		t.Run(tc.name, func(t *testing.T) {
			next := vitals{at: began, wall: began}
			w := &weather{read: func() vitals { return next }}
			w.begin()
			w.slice(tc.late)
			next = tc.now
			next.wall = tc.now.at.Add(tc.jump)
			if got := w.verdict(); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestWeatherIsSummedUpOverTime(t *testing.T) {
	var w Weather
	w.add(time.Second, 0.3, 0, 0.6)
	w.add(3*time.Second, 0.1, 0.4, 0.2)
	near := func(a, b float64) bool { return a-b < 1e-9 && b-a < 1e-9 }
	if !near(w.Stolen, 0.15) || !near(w.Throttled, 0.3) || !near(w.Waited, 0.3) {
		t.Errorf("%+v", w)
	}
}
