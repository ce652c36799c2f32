package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/p95lab/p95lab/grader/verdict"
)

// The load: one run that is told ten times a second, to so many pages, beside so
// many learners who save about once a second and open a page now and then.
const (
	loadTicks    = 150
	loadEvery    = 100 * time.Millisecond
	loadViewers  = 1000
	loadLearners = 200
	// loadMemory is what the server may hold with all of them, in bytes.
	loadMemory = 512 << 20
)

// from dials from the n-th of many addresses of this machine, as people do who do
// not share one.
func from(n int) func(context.Context, string, string) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 1, byte(n>>8), byte(n))}}
	return d.DialContext
}

// watcher is one page that looks at the run.
type watcher struct {
	seen     []int64
	verdicts int
	err      error
}

// look reads until the verdict.
func (w *watcher) look(ctx context.Context, base, run string, n int, watching func()) {
	told := sync.OnceFunc(watching)
	defer told()
	dialer := websocket.Dialer{NetDialContext: from(n)}
	conn, _, err := dialer.DialContext(ctx, strings.Replace(base, "http", "ws", 1)+"/live?challenge=missing-index", nil)
	if err != nil {
		w.err = err
		return
	}
	defer func() { _ = conn.Close() }()
	if w.err = conn.WriteJSON(map[string]any{"type": "watch", "run": run, "after": 0}); w.err != nil {
		return
	}
	type numbered struct {
		Seq     int64           `json:"seq"`
		Verdict json.RawMessage `json:"verdict"`
	}
	for w.verdicts == 0 {
		if w.err = conn.SetReadDeadline(time.Now().Add(time.Minute)); w.err != nil { // the end of one that failed
			return
		}
		_, text, err := conn.ReadMessage()
		if err != nil {
			w.err = err
			return
		}
		var f struct {
			Type   string     `json:"type"`
			Event  numbered   `json:"event"`
			Events []numbered `json:"events"`
		}
		if w.err = json.Unmarshal(text, &f); w.err != nil {
			return
		}
		if f.Type == "snapshot" {
			told()
		}
		for _, e := range append(f.Events, f.Event) {
			if e.Seq > 0 {
				w.seen = append(w.seen, e.Seq)
			}
			if len(e.Verdict) > 0 && string(e.Verdict) != "null" {
				w.verdicts++
			}
		}
	}
}

// latencies of one kind of request.
type latencies struct {
	mu      sync.Mutex
	all     []time.Duration
	refused int
}

func (l *latencies) add(took time.Duration, status int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if status != http.StatusOK {
		l.refused++
		return
	}
	l.all = append(l.all, took)
}

func (l *latencies) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.all) == 0 {
		return "none"
	}
	slices.Sort(l.all)
	at := func(q float64) time.Duration {
		return l.all[min(len(l.all)-1, int(q*float64(len(l.all))))].Round(100 * time.Microsecond)
	}
	return fmt.Sprintf("%d, P50 %s, P95 %s, P99 %s, slowest %s, refused %d", len(l.all), at(0.5), at(0.95), at(0.99), l.all[len(l.all)-1].Round(time.Millisecond), l.refused)
}

// learn saves and reads like a person with an editor, until ctx ends.
func learn(ctx context.Context, base string, n int, pages, saves *latencies) {
	client := &http.Client{Transport: &http.Transport{DialContext: from(2000 + n)}}
	defer client.CloseIdleConnections()
	rng := rand.New(rand.NewPCG(95, uint64(n)))
	do := func(method, path, body string, into *latencies) {
		r, err := http.NewRequestWithContext(ctx, method, base+path, strings.NewReader(body))
		if err != nil {
			return
		}
		r.Header.Set("Content-Type", "application/json")
		began := time.Now()
		response, err := client.Do(r)
		if err != nil {
			if ctx.Err() == nil {
				into.add(0, 0)
			}
			return
		}
		_, err = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
		if err == nil {
			into.add(time.Since(began), response.StatusCode)
		}
	}
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Duration(500+rng.IntN(1000)) * time.Millisecond):
		}
		if i%5 == n%5 {
			do("GET", "/challenges/missing-index", "", pages)
		} else {
			do("PUT", first+"/files/store.go", fmt.Sprintf(`{"text": "package main\n\n// %d of %d\n"}`, i, n), saves)
		}
	}
}

// attack harasses the server in all the ways at once, until ctx ends. It returns
// how many oversized frames were sent.
func attack(ctx context.Context, address, run string) (owned *sync.WaitGroup, oversized *atomic.Int64) {
	owned, oversized = &sync.WaitGroup{}, &atomic.Int64{}
	for i := range 50 { // headers that never end
		owned.Go(func() {
			for ctx.Err() == nil {
				conn, err := from(3000+i)(ctx, "tcp", address)
				if err != nil {
					return
				}
				_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: "+address+"\r\n")
				for err == nil && ctx.Err() == nil {
					select {
					case <-ctx.Done():
					case <-time.After(300 * time.Millisecond):
						_, err = io.WriteString(conn, "x")
					}
				}
				_ = conn.Close()
			}
		})
	}
	live := func(n int, use func(*websocket.Conn)) {
		dialer := websocket.Dialer{NetDialContext: from(n)}
		conn, _, err := dialer.DialContext(ctx, "ws://"+address+"/live?challenge=missing-index", nil)
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		use(conn)
	}
	owned.Go(func() { // frames that are far too large
		frame := make([]byte, 1<<20)
		for ctx.Err() == nil {
			live(3100, func(c *websocket.Conn) {
				_ = c.WriteMessage(websocket.TextMessage, frame) // it is cut off
				oversized.Add(1)
			})
			select {
			case <-ctx.Done():
			case <-time.After(50 * time.Millisecond):
			}
		}
	})
	owned.Go(func() { // one that never reads
		live(3200, func(c *websocket.Conn) {
			_ = c.WriteJSON(map[string]any{"type": "watch", "run": run, "after": 0}) // it may have been let go
			<-ctx.Done()
		})
	})
	return owned, oversized
}

// gauge reads a figure that the server tells of itself.
func gauge(t *testing.T, base, name string) float64 {
	t.Helper()
	_, text := ask(t, "GET", base+"/metrics", nil)
	for lines := bufio.NewScanner(strings.NewReader(string(text))); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			v, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
	}
	return 0
}

// A thousand pages, two hundred learners and three attackers at once: each page
// sees every event but ticks that it was too slow for, and the verdict once; and
// the server's memory stays bounded. It prints the figures of docs/server.md.
func TestThousandViewers(t *testing.T) {
	if testing.Short() {
		t.Skip("a load of half a minute")
	}
	if runtime.GOOS != "linux" {
		t.Skip("needs the many loopback addresses of Linux")
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "SERVE_DATA="+t.TempDir(), "SERVE_LOAD=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatal("the server does not start")
	}
	base := lines.Text()

	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	busy, quiet := context.WithCancel(ctx)
	defer quiet()
	info := submit(t, base, first)
	attackers, oversized := attack(busy, strings.TrimPrefix(base, "http://"), info.ID)
	var learners, watchers, watching sync.WaitGroup
	var pages, saves latencies
	for n := range loadLearners {
		learners.Go(func() { learn(busy, base, n, &pages, &saves) })
	}
	all := make([]watcher, loadViewers)
	watching.Add(loadViewers)
	for n := range all {
		watchers.Go(func() { all[n].look(ctx, base, info.ID, n%100, watching.Done) })
	}
	watching.Wait()
	began := len(get[[]verdict.Event](t, base+"/api/runs/"+info.ID+"/events"))
	most, clients := 0.0, 0.0
	ended := make(chan struct{})
	go func() { watchers.Wait(); close(ended) }()
	for sample := time.NewTicker(500 * time.Millisecond); ; {
		select {
		case <-sample.C:
			most, clients = max(most, gauge(t, base, "process_resident_memory_bytes")), max(clients, gauge(t, base, "p95lab_websocket_clients"))
			continue
		case <-ended:
			sample.Stop()
		}
		break
	}
	run := wait(t, base, info.ID)
	quiet()
	learners.Wait()
	attackers.Wait()

	events := get[[]verdict.Event](t, base+"/api/runs/"+info.ID+"/events")
	numbered(t, events)
	lost, behind := 0, 0
	for n := range all {
		w := &all[n]
		if w.err != nil || w.verdicts != 1 {
			t.Errorf("page %d saw %d verdicts, %v", n, w.verdicts, w.err)
			continue
		}
		next, missed := int64(1), 0
		for _, seq := range w.seen {
			if seq < next {
				t.Fatalf("page %d saw %d where %d was to come", n, seq, next)
			}
			for ; next < seq; next++ {
				if missed++; events[next-1].Tick == nil {
					t.Errorf("page %d missed event %d, %s", n, next, events[next-1].Kind)
				}
			}
			next++
		}
		lost += missed
		if missed > 0 {
			behind++
		}
	}
	if run.Outcome != verdict.Passed || clients < loadViewers || oversized.Load() == 0 || len(saves.all) == 0 || len(pages.all) == 0 || saves.refused+pages.refused > 0 {
		t.Errorf("this was not the load: outcome %s, %.0f pages at once, %d oversized frames, saves %s, pages %s", run.Outcome, clients, oversized.Load(), &saves, &pages)
	}
	if most > loadMemory {
		t.Errorf("the server held %.0f MiB", most/(1<<20))
	}
	t.Logf("%d pages (all there after %d of %d events), %d ticks lost by %d of them", len(all), began, len(events), lost, behind)
	t.Logf("pages: %s", &pages)
	t.Logf("saves: %s", &saves)
	t.Logf("server: at most %.0f MiB; %d oversized frames, 50 slow headers, 1 page that never reads", most/(1<<20), oversized.Load())
}
