package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/p95lab/p95lab/grader/verdict"
	"github.com/p95lab/p95lab/server/app"
	"github.com/p95lab/p95lab/server/wire"
)

// script is a run that a test writes as it goes on.
type script struct {
	app.Lab // for Follow and RunChanged

	mu     sync.Mutex
	info   wire.RunInfo
	events []verdict.Event
	more   chan struct{}
	looked func() // called once, when a viewer has looked at the events
	late   bool   // the queue does not know the run yet: no more is promised
}

func newScript() *script {
	return &script{info: wire.RunInfo{ID: "r", Challenge: "c", State: wire.Running}, more: make(chan struct{})}
}

// tell adds events and gives them their numbers.
func (s *script) tell(events ...verdict.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range events {
		e.Seq = int64(len(s.events)) + 1
		s.events = append(s.events, e)
	}
	close(s.more)
	s.more = make(chan struct{})
}

func (s *script) Active(context.Context, string) (string, error) { return "r", nil }

func (s *script) Run(_ context.Context, id string) (wire.Run, error) {
	if id != "r" {
		return wire.Run{}, &app.Error{Code: app.NotFound, Message: "There is no such run."}
	}
	return wire.Run{RunInfo: s.info}, nil
}

func (s *script) Events(ctx context.Context, id string, after int64) ([]verdict.Event, <-chan struct{}, error) {
	if _, err := s.Run(ctx, id); err != nil {
		return nil, nil, err
	}
	s.mu.Lock()
	events, more, looked := slices.Clone(s.events[min(after, int64(len(s.events))):]), s.more, s.looked
	s.looked = nil
	if s.late {
		more = nil
	}
	s.mu.Unlock()
	if looked != nil {
		looked()
	}
	return append([]verdict.Event{}, events...), more, nil
}

func gate(detail string) verdict.Event {
	return verdict.Event{Kind: "gate", Gate: &verdict.GateStep{Name: verdict.Load, State: "running", Detail: detail}}
}

func tick() verdict.Event {
	return verdict.Event{Kind: "tick", Tick: &verdict.Tick{Before: verdict.Window{Histogram: make([]int, 400)}}}
}

// buffer is what the kernel holds for a connection, each way: so little that a
// viewer that does not read is felt soon.
const buffer = 64 << 10

// serve serves the script.
func serve(t *testing.T, lab Lab) (*Handler, string) {
	t.Helper()
	h := New(lab, "v1", slog.New(slog.DiscardHandler), func(*http.Request) bool { return true })
	server := httptest.NewUnstartedServer(h)
	server.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		if tcp, ok := c.(*net.TCPConn); !ok || tcp.SetWriteBuffer(buffer) != nil {
			t.Error("cannot make the buffer small")
		}
		return ctx
	}
	server.Start()
	t.Cleanup(server.Close)
	t.Cleanup(h.Close)
	return h, strings.Replace(server.URL, "http", "ws", 1) + "/live?challenge=c"
}

type frame struct {
	Type    string          `json:"type"`
	Active  string          `json:"active"`
	Version string          `json:"version"`
	Run     json.RawMessage `json:"run"`
	Event   verdict.Event   `json:"event"`
	Events  []verdict.Event `json:"events"`
}

func dial(t *testing.T, url string) *websocket.Conn {
	t.Helper()
	dialer := websocket.Dialer{NetDialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if tcp, ok := conn.(*net.TCPConn); ok {
			err = errors.Join(err, tcp.SetReadBuffer(buffer))
		}
		return conn, err
	}}
	conn, response, err := dialer.Dial(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	t.Cleanup(func() { _ = conn.Close() })
	if hi := next(t, conn); hi.Type != "hello" || hi.Active != "r" || hi.Version != "v1" {
		t.Fatalf("greeted with %+v", hi)
	}
	return conn
}

func next(t *testing.T, conn *websocket.Conn) frame {
	t.Helper()
	var f frame
	err := errors.Join(conn.SetReadDeadline(time.Now().Add(20*time.Second)), conn.ReadJSON(&f))
	if err != nil {
		t.Fatalf("read a frame: %v", err)
	}
	return f
}

func watch(t *testing.T, conn *websocket.Conn, after int64) frame {
	t.Helper()
	if err := conn.WriteJSON(map[string]any{"type": "watch", "run": "r", "after": after}); err != nil {
		t.Fatal(err)
	}
	f := next(t, conn)
	if f.Type != "snapshot" {
		t.Fatalf("watch is answered by %s", f.Type)
	}
	return f
}

func TestSnapshotAndThenLive(t *testing.T) {
	s := newScript()
	_, url := serve(t, s)
	conn := dial(t, url)
	s.tell(gate("1"), gate("2"), gate("3"))
	if f := watch(t, conn, 1); len(f.Events) != 2 || f.Events[0].Seq != 2 {
		t.Errorf("the snapshot after 1 has %+v", f.Events)
	}
	s.tell(gate("4"))
	if f := next(t, conn); f.Type != "event" || string(f.Run) != `"r"` || f.Event.Seq != 4 {
		t.Errorf("live came %+v", f)
	}
	if f := watch(t, conn, 4); f.Events == nil || len(f.Events) != 0 {
		t.Errorf("nothing new is %+v, want an empty list", f.Events)
	}
}

// A viewer that does not read loses ticks, nothing else, and disturbs no one. A
// watch from where it is brings the lost ones back.
func TestASlowViewerLosesTicksAlone(t *testing.T) {
	const gates, ticks = 60, 60 // so many gates, with so many ticks before each
	s := newScript()
	_, url := serve(t, s)
	slow, quick := dial(t, url), dial(t, url)
	watch(t, slow, 0)
	watch(t, quick, 0)
	for g := range gates {
		for range ticks {
			s.tell(tick())
		}
		s.tell(gate(fmt.Sprint(g)))
	}
	const last = gates * (ticks + 1)
	follow := func(conn *websocket.Conn) (seen []int64, details []string) {
		for {
			f := next(t, conn)
			seen = append(seen, f.Event.Seq)
			if f.Event.Gate != nil {
				details = append(details, f.Event.Gate.Detail)
			}
			if f.Event.Seq == last {
				return seen, details
			}
		}
	}
	for _, v := range []struct {
		name string
		conn *websocket.Conn
	}{{"quick", quick}, {"slow", slow}} {
		seen, details := follow(v.conn)
		for i := 1; i < len(seen); i++ {
			if seen[i] <= seen[i-1] {
				t.Fatalf("%s: %d comes behind %d", v.name, seen[i], seen[i-1])
			}
		}
		if len(details) != gates {
			t.Errorf("%s saw %d gates of %d", v.name, len(details), gates)
		}
		if v.name == "slow" && len(seen) == last {
			t.Error("the slow viewer lost nothing: the test is not slow enough to tell")
		}
	}
	again := watch(t, slow, 0)
	for i, e := range again.Events {
		if e.Seq != int64(i)+1 {
			t.Fatalf("event %d of a new watch has the number %d", i+1, e.Seq)
		}
	}
	if len(again.Events) != last {
		t.Errorf("a new watch brings %d of %d", len(again.Events), last)
	}
}

// catchUp is the rule by itself: who is far behind gets all but old ticks.
func TestCatchUpSkipsOldTicks(t *testing.T) {
	s := newScript()
	_, url := serve(t, s)
	conn := dial(t, url)
	watch(t, conn, 0)
	burst := []verdict.Event{gate("first")}
	for range 3 * lagging {
		burst = append(burst, tick())
	}
	s.tell(append(burst, gate("last"))...)
	if f := next(t, conn); f.Event.Gate == nil || f.Event.Gate.Detail != "first" {
		t.Fatalf("the first is %+v", f.Event)
	}
	n := 0
	for f := next(t, conn); f.Event.Gate == nil; f = next(t, conn) {
		n++
	}
	if n != lagging-1 {
		t.Errorf("%d ticks of %d came; want the newest %d", n, 3*lagging, lagging-1)
	}
}

// The page acts on a run's end, so it must have the verdict by then, also when
// both come while its viewer is busy.
func TestTheVerdictComesBeforeTheState(t *testing.T) {
	for range 20 { // either order would come up soon
		s := newScript()
		_, url := serve(t, s)
		conn := dial(t, url)
		let := make(chan struct{})
		s.looked = func() {
			s.tell(verdict.Event{Kind: "verdict", Verdict: &verdict.Verdict{}})
			s.RunChanged(wire.RunInfo{ID: "r", Challenge: "c", State: wire.Done})
			close(let)
		}
		watch(t, conn, 0)
		<-let
		if f := next(t, conn); f.Event.Verdict == nil {
			t.Fatalf("%s came before the verdict", f.Type)
		}
		if f := next(t, conn); f.Type != "run" || !strings.Contains(string(f.Run), `"done"`) {
			t.Fatalf("behind the verdict came %+v", f)
		}
	}
}

// A page may watch a run between its being kept and its being queued.
func TestARunThatIsWatchedEarlyIsFollowed(t *testing.T) {
	s := newScript()
	s.late = true
	_, url := serve(t, s)
	conn := dial(t, url)
	watch(t, conn, 0)
	s.mu.Lock()
	s.late = false
	s.mu.Unlock()
	s.tell(gate("1"))
	s.RunChanged(wire.RunInfo{ID: "r", Challenge: "c", State: wire.Running})
	if f := next(t, conn); f.Event.Seq != 1 {
		t.Fatalf("first came %+v", f)
	}
	if f := next(t, conn); f.Type != "run" {
		t.Fatalf("then came %+v", f)
	}
	s.tell(gate("2"))
	if f := next(t, conn); f.Event.Seq != 2 {
		t.Errorf("live came %+v", f)
	}
}

func TestBadFramesEndTheConnection(t *testing.T) {
	for name, bad := range map[string]struct {
		kind  int
		frame string
		code  int
	}{
		"not JSON":       {websocket.TextMessage, "watch r", websocket.ClosePolicyViolation},
		"another type":   {websocket.TextMessage, `{"type": "run"}`, websocket.ClosePolicyViolation},
		"an unknown run": {websocket.TextMessage, `{"type": "watch", "run": "nobody", "after": 0}`, websocket.ClosePolicyViolation},
		"before 0":       {websocket.TextMessage, `{"type": "watch", "run": "r", "after": -1}`, websocket.ClosePolicyViolation},
		"binary":         {websocket.BinaryMessage, `{"type": "watch", "run": "r"}`, websocket.ClosePolicyViolation},
		"too large":      {websocket.TextMessage, strings.Repeat(" ", frameLimit+1), websocket.CloseMessageTooBig},
	} {
		t.Run(name, func(t *testing.T) {
			h, url := serve(t, newScript())
			conn := dial(t, url)
			if err := conn.WriteMessage(bad.kind, []byte(bad.frame)); err != nil {
				t.Fatal(err)
			}
			_, _, err := conn.ReadMessage()
			if !websocket.IsCloseError(err, bad.code) {
				t.Errorf("ended with %v, want %d", err, bad.code)
			}
			h.Close() // waits for the viewer
			if n := h.Viewers(); n != 0 {
				t.Errorf("%d viewers are left", n)
			}
		})
	}
}

// A page that floods is let go, whatever it sends, and the others are not.
func TestFloodsEndTheConnection(t *testing.T) {
	flood := func(send func(*websocket.Conn) error) func(*websocket.Conn) {
		return func(c *websocket.Conn) {
			for range 10 * framesAtOnce {
				if send(c) != nil { // the other side has closed already
					return
				}
			}
		}
	}
	for name, attack := range map[string]struct {
		send  func(*websocket.Conn)
		codes []int
	}{
		"many watches": {flood(func(c *websocket.Conn) error {
			return c.WriteJSON(map[string]any{"type": "watch", "run": "r", "after": 0})
		}), []int{websocket.ClosePolicyViolation}},
		"many pings": {flood(func(c *websocket.Conn) error {
			return c.WriteControl(websocket.PingMessage, []byte("x"), time.Now().Add(time.Second))
		}), []int{websocket.CloseGoingAway}},
		"a frame that is too large": {func(c *websocket.Conn) {
			_ = c.WriteMessage(websocket.TextMessage, make([]byte, frameLimit+1)) // it may be cut off
		}, []int{websocket.CloseMessageTooBig}},
	} {
		t.Run(name, func(t *testing.T) {
			h, url := serve(t, newScript())
			quiet, bad := dial(t, url), dial(t, url)
			go attack.send(bad)
			var err error
			for err == nil {
				_, _, err = bad.ReadMessage()
			}
			var closed *websocket.CloseError
			// The end may overtake its reason when the attacker is still sending.
			if errors.As(err, &closed) && !slices.Contains(attack.codes, closed.Code) && closed.Code != websocket.CloseAbnormalClosure {
				t.Errorf("ended with %v", err)
			}
			if err := quiet.WriteJSON(map[string]any{"type": "watch", "run": "r", "after": 0}); err != nil {
				t.Fatal(err)
			}
			for {
				var f frame
				if err := quiet.ReadJSON(&f); err != nil {
					t.Fatalf("the quiet one: %v", err)
				}
				if f.Type == "snapshot" {
					break
				}
			}
			if n := h.Viewers(); n > 2 {
				t.Errorf("%d viewers", n)
			}
		})
	}
}

// An event is encoded once, and each gets its own.
func TestEachEventHasItsOwnFrame(t *testing.T) {
	var kept told
	first, err := kept.frame("r", verdict.Event{Seq: 1, Kind: "log"})
	if err != nil {
		t.Fatal(err)
	}
	if again, err := kept.frame("r", verdict.Event{Seq: 1, Kind: "log"}); err != nil || again != first {
		t.Errorf("encoded again, %v", err)
	}
	for _, other := range []struct {
		run string
		seq int64
	}{{"s", 1}, {"r", 2}, {"r", 1 + recent}} {
		if frame, err := kept.frame(other.run, verdict.Event{Seq: other.seq}); err != nil || frame == first {
			t.Errorf("event %d of %s has another's frame, %v", other.seq, other.run, err)
		}
	}
}

func TestCloseSaysSo(t *testing.T) {
	h, url := serve(t, newScript())
	conn := dial(t, url)
	if n := h.Viewers(); n != 1 {
		t.Errorf("%d viewers, want 1", n)
	}
	h.Close()
	if _, _, err := conn.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseGoingAway) {
		t.Errorf("ended with %v", err)
	}
	_, response, err := websocket.DefaultDialer.Dial(url, nil)
	if err == nil || response == nil || response.StatusCode != http.StatusServiceUnavailable {
		t.Fatalf("a viewer after the end: %v", err)
	}
	_ = response.Body.Close()
}

func TestServerFramesAreTheWires(t *testing.T) {
	text := "package main\n"
	for _, c := range []struct {
		frame any
		want  string
	}{
		{hello{"hello", "", "v1"}, `{"type":"hello","active":"","version":"v1"}`},
		{fileFrame{"file", wire.FileChange{Path: "a.go"}}, `{"type":"file","path":"a.go","text":null}`},
		{fileFrame{"file", wire.FileChange{Path: "a.go", Text: &text}}, `{"type":"file","path":"a.go","text":"package main\n"}`},
	} {
		if got, err := json.Marshal(c.frame); err != nil || string(got) != c.want {
			t.Errorf("got %s, %v; want %s", got, err, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{`{"type": "watch", "run": "r", "after": 7}`, `{"type":"watch"}`, `[]`, `{"after": 1e30}`, "\xff", `{"type":"watch","run":"` + strings.Repeat("r", 65) + `"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parse(b)
		if err != nil {
			return
		}
		if c.Type != "watch" || c.Run == "" || len(c.Run) > 64 || c.After < 0 {
			t.Errorf("%q was read as %+v", b, c)
		}
	})
}
