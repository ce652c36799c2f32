package load

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"testing"
)

func TestPrepare(t *testing.T) {
	raw, err := Prepare("POST", "127.0.0.1:80", "/a?b=c", map[string]string{"X-B": "2", "X-A": "1"}, []byte("body"))
	if want := "POST /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:80\r\nX-A: 1\r\nX-B: 2\r\nContent-Length: 4\r\n\r\nbody"; err != nil || string(raw) != want {
		t.Errorf("got %q, %v", raw, err)
	}
	cases := []struct {
		method, host, path string
		header             map[string]string
	}{
		{"GET /x HTTP/1.1\r\n", "h", "/", nil},
		{"", "h", "/", nil},
		{"GET", "h\r\nX: y", "/", nil},
		{"GET", "", "/", nil},
		{"GET", "h", "x", nil},
		{"GET", "h", "/ HTTP/1.1\r\nX: y\r\n\r\n", nil},
		{"GET", "h", "/a b", nil},
		{"GET", "h", "/é", nil},
		{"GET", "h", "/", map[string]string{"X": "a\r\nY: b"}},
		{"GET", "h", "/", map[string]string{"X": "a\nb"}},
		{"GET", "h", "/", map[string]string{"X\r\nY": "a"}},
		{"GET", "h", "/", map[string]string{"X:": "a"}},
		{"GET", "h", "/", map[string]string{"": "a"}},
		{"GET", "h", "/", map[string]string{"content-LENGTH": "3"}},
		{"GET", "h", "/", map[string]string{"Transfer-Encoding": "chunked"}},
	}
	for _, tc := range cases {
		if raw, err := Prepare(tc.method, tc.host, tc.path, tc.header, nil); err == nil {
			t.Errorf("%+v became %q", tc, raw)
		}
	}
}

// Whatever is put in, one request comes out.
func FuzzPrepare(f *testing.F) {
	f.Add("GET", "lab", "/x?y", "X-A", "value", []byte("body"))
	f.Add("GET", "lab", "/\r\n\r\n", "X\r\n", "a\r\nb", []byte(nil))
	f.Fuzz(func(t *testing.T, method, host, path, name, value string, body []byte) {
		raw, err := Prepare(method, host, path, map[string]string{name: value}, body)
		if err != nil {
			return
		}
		in := bufio.NewReader(bytes.NewReader(raw))
		r, err := http.ReadRequest(in)
		if err != nil {
			return // refused whole is also safe
		}
		got, err := io.ReadAll(r.Body)
		if err != nil || !bytes.Equal(got, body) || in.Buffered() != 0 || r.Method != method {
			t.Errorf("%q reads as %s with body %q and %d bytes after it, %v", raw, r.Method, got, in.Buffered(), err)
		}
	})
}
