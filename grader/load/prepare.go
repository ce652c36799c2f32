package load

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Prepared is one request, ready to be written.
type Prepared struct {
	Class    int    // the caller's kind of request; handed back in the sample
	ID       int    // the caller's number; handed back in the sample
	Raw      []byte // a full HTTP/1.1 request, as Prepare returns it
	KeepBody bool   // keep the answer's body in the sample, not only its hash
	// User is the virtual user who asks, from 1 to Options.Users: the cookies that
	// this user was told go with it. 0 is nobody.
	User int
	Open *Open  // if not nil, what is sent in place of Raw; see PrepareOpen
	Take []Take // what the user keeps of the answer
}

// Prepare returns the bytes of an HTTP/1.1 request on a connection that is kept
// alive. Whatever could make one request look like two is refused: control
// characters, spaces in the path, and the headers that frame a message, which
// are written here.
func Prepare(method, host, path string, header map[string]string, body []byte) ([]byte, error) {
	if !isToken(method) {
		return nil, fmt.Errorf("method %q is not an HTTP token", method)
	}
	if !strings.HasPrefix(path, "/") || strings.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '#' }) {
		return nil, fmt.Errorf("path %q must begin with / and be percent-encoded", path)
	}
	if host == "" || strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '/' }) {
		return nil, fmt.Errorf("host %q is not a host", host)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, path, host)
	for _, name := range slices.Sorted(maps.Keys(header)) {
		value := header[name]
		if !isToken(name) {
			return nil, fmt.Errorf("header name %q is not an HTTP token", name)
		}
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			return nil, fmt.Errorf("header %s has a control character in its value", name)
		}
		switch strings.ToLower(name) {
		case "host", "content-length", "transfer-encoding", "connection", "expect", "upgrade":
			return nil, fmt.Errorf("header %s frames the message and cannot be given", name)
		}
		fmt.Fprintf(&b, "%s: %s\r\n", name, value)
	}
	if body != nil || method == "POST" || method == "PUT" || method == "PATCH" {
		b.WriteString("Content-Length: " + strconv.Itoa(len(body)) + "\r\n")
	}
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes(), nil
}

// Closing returns a prepared request that asks the server to close the
// connection after its answer.
func Closing(raw []byte) []byte {
	line := bytes.IndexByte(raw, '\n') + 1
	return slices.Concat(raw[:line], []byte("Connection: close\r\n"), raw[line:])
}

// isToken holds for a token of RFC 9110, section 5.6.2.
func isToken(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}

// isHead says that the answer has no body, whatever its headers say.
func (p *Prepared) isHead() bool { return bytes.HasPrefix(p.Raw, []byte("HEAD ")) }

// ErrTimeout is the error of a request that was not answered within
// Options.Timeout of its intended start.
var ErrTimeout = errors.New("no answer in time")

// ErrTooMuch is the error of a request whose answer no longer fitted
// Options.KeepLimit.
var ErrTooMuch = errors.New("the answers are too large together")

// ErrClosed is the error of a request that was cut off by Close.
var ErrClosed = errors.New("the client was closed")
