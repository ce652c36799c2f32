package load

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"
)

// A request that is larger than the send buffer must arrive whole, and a body in
// many pieces too.
func TestSaturateSendsAndReadsLargeMessages(t *testing.T) {
	body := bytes.Repeat([]byte("0123456789abcdef"), 1<<18) // 4 MiB
	wrong := make(chan string, 1)
	addr := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got, err := io.ReadAll(r.Body)
		if err != nil || !bytes.Equal(got, body) {
			select {
			case wrong <- fmt.Sprintf("%d bytes, %v", len(got), err):
			default:
			}
		}
		_, _ = w.Write(got)
	})
	raw, err := Prepare("POST", addr, "/", nil, body)
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, addr, Options{})
	s := c.Saturate(t.Context(), func() Prepared { return Prepared{Raw: raw} }, 2, 500*time.Millisecond)
	select {
	case w := <-wrong:
		t.Fatalf("the server received %s", w)
	default:
	}
	if s.Completed == 0 || s.Errors != 0 {
		t.Errorf("%d completed, %d errors", s.Completed, s.Errors)
	}
}

// A server that closes after every answer costs a connection each, and no
// request.
func TestSaturateOnConnectionsThatEnd(t *testing.T) {
	addr := serveRaw(t, answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
	c := dial(t, addr, Options{})
	p := get(t, "/")
	s := c.Saturate(t.Context(), func() Prepared { return p }, 4, 200*time.Millisecond)
	if s.Completed < 4 || s.Errors != 0 {
		t.Errorf("%d completed, %d errors", s.Completed, s.Errors)
	}
}
