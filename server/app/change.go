package app

import "github.com/p95lab/p95lab/server/wire"

// Change is something that the pages of a challenge want to know at once. One
// field is set.
type Change struct {
	Run  *wire.RunInfo
	File *wire.FileChange
}

// Reader receives a challenge's changes.
type Reader struct {
	// C is closed when the reader did not keep up; it should then start anew.
	C      chan Change
	lagged bool
}

// readerBuffer is how many changes a reader may be behind.
const readerBuffer = 64

// Follow begins to receive a challenge's changes. The caller calls the returned
// function when it is done.
func (l *Lab) Follow(slug string) (*Reader, func()) {
	r := &Reader{C: make(chan Change, readerBuffer)}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.readers == nil {
		l.readers = map[string]map[*Reader]struct{}{}
	}
	if l.readers[slug] == nil {
		l.readers[slug] = map[*Reader]struct{}{}
	}
	l.readers[slug][r] = struct{}{}
	return r, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.readers[slug], r)
	}
}

// RunChanged tells that a run was created or has a new state.
func (l *Lab) RunChanged(info wire.RunInfo) { l.tell(info.Challenge, Change{Run: &info}) }

// FileChanged tells that another program changed a file of a workspace.
func (l *Lab) FileChanged(slug string, f wire.FileChange) { l.tell(slug, Change{File: &f}) }

func (l *Lab) tell(slug string, c Change) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for r := range l.readers[slug] {
		if r.lagged {
			continue
		}
		select {
		case r.C <- c:
		default:
			r.lagged = true
			close(r.C)
		}
	}
}
