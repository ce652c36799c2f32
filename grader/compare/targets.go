package compare

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/p95lab/p95lab/grader/load"
)

// Targets are the requests of a file.
type Targets struct {
	Requests []Request
	Notes    []string // what was left out of the file
}

// ReadTargets reads the requests of a file: Vegeta's targets, as text or as JSON,
// or a HAR 1.2. Which of them it is shows in its content. Hosts are left out, as
// each side has its own. body reads the files that Vegeta's text names with @.
// Errors say where in the file they are.
func ReadTargets(name string, text []byte, body func(path string) ([]byte, error)) (Targets, error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	start := bytes.TrimSpace(text)
	var t Targets
	var err error
	switch {
	case len(start) == 0:
		err = errors.New("there is nothing in it")
	case start[0] == '[':
		err = errors.New("it is a JSON array: Vegeta's JSON targets are one object after the other, and a HAR is one object with a log")
	case start[0] != '{':
		t.Requests, err = readText(text, body)
	case isHAR(start):
		t, err = readHAR(start)
	default:
		t.Requests, err = readObjects(text)
	}
	var at *place
	switch {
	case errors.As(err, &at):
		return Targets{}, fmt.Errorf("%s:%d: %w", name, at.line, at.err)
	case err != nil:
		return Targets{}, fmt.Errorf("%s: %w", name, err)
	case len(t.Requests) == 0:
		return Targets{}, fmt.Errorf("%s: there are no requests in it", name)
	}
	return t, nil
}

// place is an error with its line.
type place struct {
	line int
	err  error
}

func (p *place) Error() string { return fmt.Sprintf("line %d: %v", p.line, p.err) }

func (p *place) Unwrap() error { return p.err }

// readText reads Vegeta's text format: a line of method and address, headers,
// and @ with a file for the body; a line of # is a comment, an empty one ends a
// target.
func readText(text []byte, body func(string) ([]byte, error)) ([]Request, error) {
	var out []Request
	var header http.Header
	var began int
	var path string
	inside := false
	end := func() error {
		if !inside {
			return nil
		}
		inside = false
		r := &out[len(out)-1]
		if path != "" {
			content, err := body(path)
			if err != nil {
				return &place{began, fmt.Errorf("read the body: %w", err)}
			}
			r.Body = content
		}
		if err := r.finish(header); err != nil {
			return &place{began, err}
		}
		return nil
	}
	n := 0
	for raw := range strings.Lines(string(text)) {
		n++
		line := strings.TrimSpace(raw)
		switch {
		case strings.HasPrefix(line, "#"):
		case line == "":
			if err := end(); err != nil {
				return nil, err
			}
		case inside && line[0] == '@':
			if path != "" {
				return nil, &place{n, errors.New("a second body")}
			}
			if path = strings.TrimSpace(line[1:]); path == "" {
				return nil, &place{n, errors.New("@ names no file")}
			}
		case inside && isHeader(line):
			key, value, _ := strings.Cut(line, ":")
			header.Add(strings.TrimSpace(key), strings.TrimSpace(value))
		default:
			if err := end(); err != nil {
				return nil, err
			}
			method, target, ok := strings.Cut(line, " ")
			if !ok {
				return nil, &place{n, fmt.Errorf("%q is neither a method with an address, as in GET http://host/path, nor a header, nor @ with a file", line)}
			}
			asked, err := pathOf(strings.TrimSpace(target))
			if err != nil {
				return nil, &place{n, err}
			}
			out = append(out, Request{Method: strings.ToUpper(method), Path: asked})
			header, path, inside, began = http.Header{}, "", true, n
		}
	}
	return out, end()
}

// isHeader tells a header from the next target, whose address has a colon too.
func isHeader(line string) bool {
	key, _, ok := strings.Cut(line, ":")
	return ok && !strings.ContainsAny(strings.TrimSpace(key), " \t/")
}

// readObjects reads Vegeta's JSON format: objects of method, url, header and
// body, which is base64.
func readObjects(text []byte) ([]Request, error) {
	var out []Request
	d := json.NewDecoder(bytes.NewReader(text))
	for {
		began := line(text, d.InputOffset())
		var o struct {
			Method string      `json:"method"`
			URL    string      `json:"url"`
			Header http.Header `json:"header"`
			Body   []byte      `json:"body"`
		}
		err := d.Decode(&o)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			var syntax *json.SyntaxError
			switch {
			case errors.As(err, &syntax):
				began = line(text, syntax.Offset)
			case errors.Is(err, io.ErrUnexpectedEOF):
				began = line(text, int64(len(text)))
			}
			return nil, &place{began, fmt.Errorf("read a target: %w", err)}
		}
		began = line(text, d.InputOffset())
		if o.Method == "" || o.URL == "" {
			return nil, &place{began, errors.New("a target needs a method and a url")}
		}
		path, err := pathOf(o.URL)
		if err != nil {
			return nil, &place{began, err}
		}
		r := Request{Method: o.Method, Path: path, Body: o.Body}
		if err := r.finish(o.Header); err != nil {
			return nil, &place{began, err}
		}
		out = append(out, r)
	}
}

// line is the number of the line that an offset is in.
func line(text []byte, offset int64) int {
	return 1 + bytes.Count(text[:min(int64(len(text)), max(0, offset))], []byte("\n"))
}

// pathOf is the path and query of an address.
func pathOf(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", fmt.Errorf("the address %q: %w", address, err)
	}
	if u.Scheme != "" && u.Scheme != "http" && u.Scheme != "https" || u.Opaque != "" || u.Host == "" && !strings.HasPrefix(address, "/") {
		return "", fmt.Errorf("the address %q is neither http://host/path nor /path", address)
	}
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	if u.RawQuery != "" {
		path += "?" + u.RawQuery
	}
	return path, nil
}

// own are headers that the generator writes itself.
var own = []string{"Host", "Content-Length", "Connection"}

// finish takes the headers, names the request, and holds it to what can be sent.
func (r *Request) finish(header http.Header) error {
	r.Header = map[string]string{}
	for key, values := range header {
		if slices.Contains(own, http.CanonicalHeaderKey(key)) {
			continue
		}
		between := ", "
		if strings.EqualFold(key, "Cookie") {
			between = "; "
		}
		r.Header[key] = strings.Join(values, between)
	}
	r.Name = r.Method + " " + r.Path
	_, err := load.Prepare(r.Method, "host", r.Path, r.Header, r.Body)
	return err
}
