package live

import (
	"encoding/json"
	"fmt"
	"sync"

	"github.com/gorilla/websocket"

	"github.com/p95lab/p95lab/grader/verdict"
)

// told keeps the frames of the last events, so that an event that a thousand pages
// watch is encoded once. It is safe for concurrent use.
type told struct {
	mu   sync.Mutex
	keys [recent]eventKey
	of   [recent]*websocket.PreparedMessage
}

// recent is how many frames are kept: a few seconds of a run, since all viewers
// are within moments of each other.
const recent = 64

type eventKey struct {
	run string
	seq int64
}

// frame returns an event's frame.
func (t *told) frame(run string, e verdict.Event) (*websocket.PreparedMessage, error) {
	key, at := eventKey{run, e.Seq}, e.Seq%recent
	t.mu.Lock()
	defer t.mu.Unlock() // also while encoding: the others need the same frame
	if t.of[at] != nil && t.keys[at] == key {
		return t.of[at], nil
	}
	text, err := json.Marshal(event{"event", run, e})
	if err != nil {
		return nil, fmt.Errorf("encode an event: %w", err)
	}
	frame, err := websocket.NewPreparedMessage(websocket.TextMessage, text)
	if err != nil {
		return nil, fmt.Errorf("frame an event: %w", err)
	}
	t.keys[at], t.of[at] = key, frame
	return frame, nil
}
