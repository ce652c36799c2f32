package queue

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/p95lab/p95lab/grader/verdict"
)

// flushEvery is how long an event may wait to be kept and seen.
const flushEvery = 50 * time.Millisecond

// maxEvents bounds a run's log: about half an hour of ticks. Beyond it ticks and
// lines of output are left out before they get a number; what decides a run never
// is.
const maxEvents = 20_000

// eventLog is a run's events, numbered without gaps. Each is kept in the store
// before anyone can see it, so that a number that was seen is never given again,
// also when the process is killed.
type eventLog struct {
	id    string
	store EventStore
	log   *slog.Logger

	mu      sync.Mutex
	next    int64 // the next number; 0 until the store was asked
	taken   int   // events so far: kept, on their way to the store, or pending
	pending []verdict.Event
	kept    []verdict.Event // of this process, for those who watch
	more    chan struct{}   // closed when kept grows or the run ends
	timer   *time.Timer     // runs while something is pending
	ended   bool
	last    verdict.Gate
	placed  int // the place that was told last, plus one
	flushes sync.Mutex
}

func newEventLog(id string, store EventStore, log *slog.Logger) *eventLog {
	return &eventLog{id: id, store: store, log: log, more: make(chan struct{})}
}

// add takes an event. It does not wait for the store.
func (l *eventLog) add(e verdict.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return
	}
	if (e.Tick != nil || e.Log != nil) && l.taken >= maxEvents {
		return
	}
	l.taken++
	if e.Gate != nil {
		l.last = e.Gate.Name
	}
	l.pending = append(l.pending, e)
	if l.timer == nil {
		l.timer = time.AfterFunc(flushEvery, func() {
			if err := l.flush(context.Background()); err != nil {
				l.log.Error("keep events, tried again with the next", "submission", l.id, "error", err)
			}
		})
	}
}

// place tells how many runs are before this one, if that is news.
func (l *eventLog) place(ahead int) {
	l.mu.Lock()
	news := l.placed != ahead+1
	l.placed = ahead + 1
	l.mu.Unlock()
	if news {
		l.add(verdict.Event{Kind: "queued", Queued: &verdict.Queued{Ahead: ahead}})
	}
}

// gate is the last gate that was entered.
func (l *eventLog) gate() verdict.Gate {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// flush numbers and keeps what is pending, and then shows it. What could not be
// kept stays pending, in its place.
func (l *eventLog) flush(ctx context.Context) error {
	l.flushes.Lock() // batches stay in order
	defer l.flushes.Unlock()
	return l.flushLocked(ctx)
}

// flushLocked is flush for a caller that holds flushes.
func (l *eventLog) flushLocked(ctx context.Context) error {
	l.mu.Lock()
	batch := l.pending
	l.pending = nil
	if l.timer != nil {
		l.timer.Stop()
		l.timer = nil
	}
	l.mu.Unlock()
	if len(batch) == 0 {
		return nil
	}
	if err := l.keep(ctx, batch); err != nil {
		l.mu.Lock()
		l.pending = append(batch, l.pending...)
		l.mu.Unlock()
		return err
	}
	l.show(batch)
	return nil
}

func (l *eventLog) keep(ctx context.Context, batch []verdict.Event) error {
	if err := l.resume(ctx); err != nil {
		return err
	}
	l.mu.Lock()
	next := l.next
	l.mu.Unlock()
	for i := range batch {
		batch[i].Seq = next + int64(i)
	}
	return l.store.Append(ctx, l.id, batch)
}

// resume goes on behind what an earlier process told of this run. The caller
// holds flushes.
func (l *eventLog) resume(ctx context.Context) error {
	l.mu.Lock()
	known := l.next > 0
	l.mu.Unlock()
	if known {
		return nil
	}
	before, err := l.store.Events(ctx, l.id, 0)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kept, l.next = before, int64(len(before))+1
	l.taken += len(before)
	return nil
}

// show makes events that are kept visible.
func (l *eventLog) show(batch []verdict.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next += int64(len(batch))
	l.kept = append(l.kept, batch...)
	close(l.more)
	l.more = make(chan struct{})
}

// end keeps what is pending, and then the run's end with its last event: the
// verdict, if there is one, has the highest number. keep says whether this was
// the end that counts; only then the verdict is shown.
func (l *eventLog) end(ctx context.Context, v *verdict.Verdict, keep func(last *verdict.Event) (bool, error)) error {
	l.flushes.Lock()
	defer l.flushes.Unlock()
	if err := l.flushLocked(ctx); err != nil {
		return err
	}
	if v == nil {
		_, err := keep(nil)
		return err
	}
	if err := l.resume(ctx); err != nil {
		return err
	}
	l.mu.Lock()
	last := verdict.Event{Seq: l.next, At: v.Seconds, Kind: "verdict", Verdict: v}
	l.mu.Unlock()
	counts, err := keep(&last)
	if err != nil || !counts {
		return err
	}
	l.show([]verdict.Event{last})
	return nil
}

// close ends the log; those who watch are told.
func (l *eventLog) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	close(l.more)
	l.more = make(chan struct{})
	if l.timer != nil {
		l.timer.Stop()
	}
}

// after returns the events after a number and a channel that is closed once there
// are more, nil when the run has ended.
func (l *eventLog) after(ctx context.Context, seq int64) ([]verdict.Event, <-chan struct{}, error) {
	l.mu.Lock()
	if l.next == 0 && len(l.kept) == 0 {
		// Nothing was told in this process yet; an earlier one may have.
		more := l.more
		ended := l.ended
		l.mu.Unlock()
		events, err := l.store.Events(ctx, l.id, seq)
		if ended {
			more = nil
		}
		return events, more, err
	}
	defer l.mu.Unlock()
	events := []verdict.Event{}
	if int64(len(l.kept)) > seq {
		events = append(events, l.kept[max(0, seq):]...) // number n is at n-1
	}
	if l.ended {
		return events, nil, nil
	}
	return events, l.more, nil
}
