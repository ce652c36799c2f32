// Package live shows runs as they go on, over one websocket for each page. It
// knows the frames of docs/wire.md; it must not know how runs are kept or graded.
package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/time/rate"

	"github.com/p95lab/p95lab/grader/verdict"
	"github.com/p95lab/p95lab/server/app"
	"github.com/p95lab/p95lab/server/wire"
)

// Lab is what a page looks at.
type Lab interface {
	Active(ctx context.Context, slug string) (string, error)
	Run(ctx context.Context, id string) (wire.Run, error)
	Events(ctx context.Context, id string, after int64) ([]verdict.Event, <-chan struct{}, error)
	Follow(slug string) (*app.Reader, func())
}

// Times and limits of a connection.
const (
	pingEvery  = 15 * time.Second
	pongWait   = 40 * time.Second
	writeWait  = 10 * time.Second
	frameLimit = 16 << 10
	// maxViewers bounds connections; one page is one.
	maxViewers = 2000
	// lagging is how many events a viewer may be behind before it loses ticks.
	lagging = 50
	// A page sends a frame when its person chooses a run.
	framesPerSecond = 5
	framesAtOnce    = 30
)

// Handler serves websockets. Close ends them all.
type Handler struct {
	lab     Lab
	version string
	log     *slog.Logger
	up      websocket.Upgrader

	told told

	ctx     context.Context
	cancel  context.CancelFunc
	owned   sync.WaitGroup
	mu      sync.Mutex // guards against connections after Close
	viewers atomic.Int64
}

// New returns a handler. allowed says whether a request comes from a page of
// ours.
func New(lab Lab, version string, log *slog.Logger, allowed func(*http.Request) bool) *Handler {
	h := &Handler{lab: lab, version: version, log: log}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	h.up = websocket.Upgrader{ReadBufferSize: 4 << 10, WriteBufferSize: 16 << 10, CheckOrigin: allowed}
	return h
}

// Viewers is how many connections there are.
func (h *Handler) Viewers() int { return int(h.viewers.Load()) }

// Close tells every viewer that the server is going and waits for them.
func (h *Handler) Close() {
	h.mu.Lock()
	h.cancel()
	h.mu.Unlock()
	h.owned.Wait()
}

// ServeHTTP upgrades GET /live?challenge={slug}. The request's middleware has
// checked that the challenge exists.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	if h.ctx.Err() != nil {
		h.mu.Unlock()
		http.Error(w, "the server is stopping", http.StatusServiceUnavailable)
		return
	}
	h.owned.Add(1)
	h.mu.Unlock()
	defer h.owned.Done() // the last of all, so that Close has waited for the rest
	defer h.viewers.Add(-1)
	if h.viewers.Add(1) > maxViewers {
		http.Error(w, "too many pages are open", http.StatusServiceUnavailable)
		return
	}
	conn, err := h.up.Upgrade(w, r, nil)
	if err != nil { // Upgrade has answered
		h.log.Debug("refused a websocket", "error", err)
		return
	}
	v := &viewer{lab: h.lab, told: &h.told, slug: r.URL.Query().Get("challenge"), conn: conn, commands: make(chan command)}
	v.serve(h.ctx, h.version, h.log)
}

// command is what a page asks for: {"type": "watch", "run": id, "after": seq}.
type command struct {
	Type  string `json:"type"`
	Run   string `json:"run"`
	After int64  `json:"after"`
}

// parse reads a page's frame.
func parse(frame []byte) (command, error) {
	var c command
	if err := json.Unmarshal(frame, &c); err != nil {
		return c, fmt.Errorf("the frame is no JSON object as docs/wire.md has it: %w", err)
	}
	if c.Type != "watch" || c.Run == "" || len(c.Run) > 64 || c.After < 0 {
		return c, errors.New(`the only frame is {"type": "watch", "run": id, "after": number from 0}`)
	}
	return c, nil
}

// The frames to the page.
type (
	hello struct {
		Type    string `json:"type"`
		Active  string `json:"active"`
		Version string `json:"version"`
	}
	snapshot struct {
		Type   string          `json:"type"`
		Run    wire.RunInfo    `json:"run"`
		Events []verdict.Event `json:"events"`
	}
	event struct {
		Type  string        `json:"type"`
		Run   string        `json:"run"`
		Event verdict.Event `json:"event"`
	}
	runFrame struct {
		Type string       `json:"type"`
		Run  wire.RunInfo `json:"run"`
	}
	fileFrame struct {
		Type string `json:"type"`
		wire.FileChange
	}
)

// viewer is one connection. Its serve goroutine alone writes.
type viewer struct {
	lab      Lab
	told     *told
	slug     string
	conn     *websocket.Conn
	commands chan command

	run  string          // watched
	seen int64           // the last number that was sent, or skipped
	more <-chan struct{} // closed when there is more of the run
}

func (v *viewer) serve(ctx context.Context, version string, log *slog.Logger) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var reading sync.WaitGroup
	reading.Go(func() {
		defer cancel()
		if err := v.read(ctx); err != nil {
			log.Debug("a viewer left", "error", err)
		}
	})
	err := v.write(ctx, version)
	v.goodbye(err)
	cancel()
	_ = v.conn.Close() // wakes the reader
	reading.Wait()
}

// goodbye says why the connection ends, if anyone listens.
func (v *viewer) goodbye(err error) {
	code, why := websocket.CloseGoingAway, "the server is stopping"
	var bad *badFrame
	switch {
	case errors.As(err, &bad):
		code, why = websocket.ClosePolicyViolation, bad.Error()
	case err != nil:
		code, why = websocket.CloseTryAgainLater, "connect again"
	}
	// The peer may be gone, which is why we are here.
	_ = v.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, why), time.Now().Add(time.Second))
}

type badFrame struct{ error }

var errTooOften = errors.New("frames came too often")

// read takes the page's frames until it leaves.
func (v *viewer) read(ctx context.Context) error {
	v.conn.SetReadLimit(frameLimit)
	alive := func(string) error { return v.conn.SetReadDeadline(time.Now().Add(pongWait)) }
	if err := alive(""); err != nil {
		return err
	}
	v.conn.SetPongHandler(alive)
	frames := rate.NewLimiter(framesPerSecond, framesAtOnce)
	answer := v.conn.PingHandler()
	v.conn.SetPingHandler(func(data string) error { // each is answered by a frame
		if !frames.Allow() {
			return errTooOften
		}
		return answer(data)
	})
	for {
		kind, frame, err := v.conn.ReadMessage()
		if err != nil {
			return err
		}
		c, err := parse(frame)
		if !frames.Allow() {
			c, err = command{Type: "often"}, nil
		}
		if kind != websocket.TextMessage || err != nil {
			c = command{Type: "bad"}
		}
		select {
		case v.commands <- c:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// write sends what happens until something fails or ctx ends.
func (v *viewer) write(ctx context.Context, version string) error {
	// Before the first look, so that no change falls between.
	changes, done := v.lab.Follow(v.slug)
	defer done()
	active, err := v.lab.Active(ctx, v.slug)
	if err != nil {
		return err
	}
	if err := v.send(hello{"hello", active, version}); err != nil {
		return err
	}
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case c := <-v.commands:
			if c.Type == "often" {
				return &badFrame{errTooOften}
			}
			if c.Type == "bad" {
				return &badFrame{errors.New(`send {"type": "watch", "run": id, "after": number}`)}
			}
			err = v.watch(ctx, c)
		case <-v.more:
			err = v.catchUp(ctx)
		case change, ok := <-changes.C:
			if !ok {
				return errors.New("the viewer did not keep up")
			}
			err = v.tell(ctx, change)
		case <-ping.C:
			err = v.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(writeWait))
		}
		if err != nil {
			return err
		}
	}
}

// watch begins to show a run, or goes on with it behind a number.
func (v *viewer) watch(ctx context.Context, c command) error {
	v.run, v.more = "", nil
	// Before the events: a run that has ended by now has its verdict in them.
	run, err := v.lab.Run(ctx, c.Run)
	var unknown *app.Error
	if errors.As(err, &unknown) {
		return &badFrame{unknown}
	}
	if err != nil {
		return err
	}
	events, more, err := v.lab.Events(ctx, c.Run, c.After)
	if err != nil {
		return err
	}
	v.run, v.more, v.seen = c.Run, more, c.After
	if n := len(events); n > 0 {
		v.seen = events[n-1].Seq
	}
	return v.send(snapshot{"snapshot", run.RunInfo, events})
}

// catchUp sends what is new. A viewer that is far behind loses ticks, and nothing
// else; a later watch brings them back.
func (v *viewer) catchUp(ctx context.Context) error {
	events, more, err := v.lab.Events(ctx, v.run, v.seen)
	if err != nil {
		return err
	}
	v.more = more
	for i, e := range events {
		v.seen = e.Seq
		if e.Tick != nil && len(events)-i > lagging {
			continue
		}
		frame, err := v.told.frame(v.run, e)
		if err != nil {
			return err
		}
		if err := v.conn.SetWriteDeadline(time.Now().Add(writeWait)); err != nil {
			return err
		}
		if err := v.conn.WritePreparedMessage(frame); err != nil {
			return err
		}
	}
	return nil
}

// tell sends a change. A page acts on the end of the run that it watches, so it
// has that run's verdict by then.
func (v *viewer) tell(ctx context.Context, c app.Change) error {
	switch {
	case c.Run != nil:
		// Also when no more was to come: a run that was kept and not queued yet when
		// it was watched has begun by now.
		if c.Run.ID == v.run {
			if err := v.catchUp(ctx); err != nil {
				return err
			}
		}
		return v.send(runFrame{"run", *c.Run})
	case c.File != nil:
		return v.send(fileFrame{"file", *c.File})
	}
	return nil
}

func (v *viewer) send(frame any) error {
	if err := v.conn.SetWriteDeadline(time.Now().Add(writeWait)); err != nil {
		return err
	}
	return v.conn.WriteJSON(frame)
}
