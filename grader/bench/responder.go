package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// responderOptions of the bare responder.
type responderOptions struct {
	// Keep is for how many arrivals their time is kept.
	Keep int `json:"keep"`
}

// served is what a service saw since it was last asked.
type served struct {
	Answered int64 `json:"answered"`
	// Arrivals are the times at which requests were read, on the machine's
	// monotonic clock, in the order in which they were read.
	Arrivals []time.Duration `json:"arrivals,omitempty"`
}

// okAnswer is what every service of the bench answers.
var okAnswer = []byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nok")

// respond answers every request at once, with as little work as a Go program
// can: no parsing beyond the empty line that ends a request without a body.
func respond(ctx context.Context, options []byte, t *talk) error {
	var o responderOptions
	if err := json.Unmarshal(options, &o); err != nil {
		return fmt.Errorf("read the options: %w", err)
	}
	var answered atomic.Int64
	arrivals := make([]time.Duration, o.Keep)
	return listen(ctx, t, func(nc net.Conn, _ []byte) error {
		// The slot is taken before the answer is sent, so that a question that
		// comes after the last answer sees all.
		if n := answered.Add(1); n <= int64(len(arrivals)) {
			arrivals[n-1] = clock()
		}
		_, err := nc.Write(okAnswer)
		return err
	}, func() served {
		n := answered.Swap(0)
		s := served{Answered: n}
		if o.Keep > 0 {
			s.Arrivals = append(s.Arrivals, arrivals[:min(int(n), o.Keep)]...)
		}
		return s
	})
}

// listen serves connections until the talk ends. handle gets each request in the
// order of its connection; its buffer is its own until it returns.
func listen(ctx context.Context, t *talk, handle func(net.Conn, []byte) error, report func() served) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil { // closed below
				return
			}
			mu.Lock()
			open[nc] = true
			mu.Unlock()
			all.Go(func() {
				answerAll(nc, handle)
				mu.Lock()
				delete(open, nc)
				mu.Unlock()
				_ = nc.Close()
			})
		}
	})
	err = t.answer(struct{ Addr string }{l.Addr().String()}, func(string) (any, error) { return report(), nil })
	_ = l.Close()
	mu.Lock()
	for nc := range open {
		_ = nc.Close()
	}
	mu.Unlock()
	all.Wait()
	return err
}

// answerAll hands each request of a connection to handle. Requests have no body
// and are not pipelined.
func answerAll(nc net.Conn, handle func(net.Conn, []byte) error) {
	buf := make([]byte, 4096)
	for n := 0; ; {
		m, err := nc.Read(buf[n:])
		if err != nil {
			return
		}
		n += m
		if !bytes.HasSuffix(buf[:n], []byte("\r\n\r\n")) {
			if n == len(buf) {
				return
			}
			continue
		}
		if handle(nc, buf[:n]) != nil {
			return
		}
		n = 0
	}
}
