package load

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Open is a request that is finished when it is sent, with what its user was
// told before: {{name}} in the path, a header or the body stands for the value
// of that name, and for nothing while nobody has told it.
type Open struct {
	Method, Host, Path string
	Header             map[string]string
	Body               []byte
	Closing            bool // see Closing
}

// Take is a value that a user keeps from an answer.
type Take struct {
	Name    string
	Header  string // the header that holds it, or
	Pointer string // where it is in a JSON body, RFC 6901
}

// longestValue bounds what is kept of one value, in bytes.
const longestValue = 4 << 10

// users are the people who ask, each with cookies and values of their own.
type users struct {
	at  *url.URL
	all []user
}

type user struct {
	mu     sync.Mutex
	jar    http.CookieJar // nil until the first cookie
	values map[string]string
}

func newUsers(n int, scheme, addr string) *users {
	return &users{at: &url.URL{Scheme: scheme, Host: addr, Path: "/"}, all: make([]user, n)}
}

// of returns who makes a request, nil for nobody.
func (u *users) of(p *Prepared) *user {
	if p.User < 1 || p.User > len(u.all) {
		return nil
	}
	return &u.all[p.User-1]
}

// raw is the request as it is to be written now.
func (u *users) raw(p *Prepared) []byte {
	who := u.of(p)
	if who == nil {
		return p.Raw
	}
	who.mu.Lock()
	defer who.mu.Unlock()
	raw := p.Raw
	if p.Open != nil {
		// It was prepared once without values, and none can break it.
		raw, _ = p.Open.with(who.values)
	}
	if who.jar == nil {
		return raw
	}
	return withCookies(raw, who.jar.Cookies(u.path(raw)))
}

// path is the address of a request, which decides which cookies go with it.
func (u *users) path(raw []byte) *url.URL {
	at := *u.at
	line, _, _ := bytes.Cut(raw, []byte("\r\n"))
	if parts := bytes.Split(line, []byte(" ")); len(parts) == 3 {
		if asked, err := url.ParseRequestURI(string(parts[1])); err == nil {
			at.Path = asked.Path
		}
	}
	return &at
}

// withCookies puts a Cookie header behind the request's first line.
func withCookies(raw []byte, cookies []*http.Cookie) []byte {
	if len(cookies) == 0 {
		return raw
	}
	line := bytes.IndexByte(raw, '\n') + 1
	out := make([]byte, 0, len(raw)+64*len(cookies))
	out = append(append(out, raw[:line]...), "Cookie: "...)
	for i, c := range cookies {
		if i > 0 {
			out = append(out, "; "...)
		}
		out = append(append(append(out, c.Name...), '='), c.Value...)
	}
	return append(append(out, "\r\n"...), raw[line:]...)
}

// with fills the values in.
func (o *Open) with(values map[string]string) ([]byte, error) {
	path, query, ok := strings.Cut(o.Path, "?")
	path = fill(path, values, url.PathEscape)
	if ok {
		path += "?" + fill(query, values, url.QueryEscape)
	}
	header := make(map[string]string, len(o.Header))
	for name, text := range o.Header {
		header[name] = fill(text, values, printable)
	}
	var body []byte
	if o.Body != nil {
		body = []byte(fill(string(o.Body), values, func(s string) string { return s }))
	}
	raw, err := Prepare(o.Method, o.Host, path, header, body)
	if err != nil {
		return nil, err
	}
	if o.Closing {
		raw = Closing(raw)
	}
	return raw, nil
}

// fill replaces each {{name}}.
func fill(text string, values map[string]string, escape func(string) string) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(text, "{{")
		name, after, closed := strings.Cut(rest, "}}")
		if !ok || !closed {
			b.WriteString(text)
			return b.String()
		}
		b.WriteString(before)
		b.WriteString(escape(values[name]))
		text = after
	}
}

// printable leaves out what would end a header.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
}

// told keeps what an answer tells its user.
func (u *users) told(p *Prepared, header func(string) []string, body []byte) {
	who := u.of(p)
	if who == nil {
		return
	}
	var cookies []*http.Cookie
	for _, line := range header("Set-Cookie") {
		if c, err := http.ParseSetCookie(line); err == nil {
			cookies = append(cookies, c)
		}
	}
	who.mu.Lock()
	defer who.mu.Unlock()
	if len(cookies) > 0 {
		if who.jar == nil {
			who.jar, _ = cookiejar.New(nil) // its error is always nil
		}
		at := u.at
		if len(p.Raw) > 0 {
			at = u.path(p.Raw)
		}
		who.jar.SetCookies(at, cookies)
	}
	var document any
	decoded := false
	for _, t := range p.Take {
		value := ""
		if t.Header != "" {
			if all := header(t.Header); len(all) > 0 {
				value = all[0]
			}
		} else {
			if !decoded {
				d := json.NewDecoder(bytes.NewReader(body))
				d.UseNumber()
				if err := d.Decode(&document); err != nil {
					document = nil // it has no values
				}
				decoded = true
			}
			value = at(document, t.Pointer)
		}
		// An answer without it, an error page for instance, takes nothing away.
		if value != "" && len(value) <= longestValue {
			if who.values == nil {
				who.values = map[string]string{}
			}
			who.values[t.Name] = value
		}
	}
}

// at is the value that a JSON pointer points at, as text; "" if there is none.
func at(document any, pointer string) string {
	for token := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		if pointer == "" {
			break
		}
		token = strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
		switch inside := document.(type) {
		case map[string]any:
			document = inside[token]
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(inside) {
				return ""
			}
			document = inside[i]
		default:
			return ""
		}
	}
	switch v := document.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// PrepareOpen returns a request of a user that is finished when it is sent. What
// is wrong with it is told now, as Prepare does.
func PrepareOpen(user int, o Open, take []Take) (Prepared, error) {
	if user < 1 {
		return Prepared{}, fmt.Errorf("user %d: users are numbered from 1", user)
	}
	raw, err := o.with(nil)
	if err != nil {
		return Prepared{}, err
	}
	for _, t := range take {
		if t.Name == "" || (t.Header == "") == (t.Pointer == "") || t.Pointer != "" && t.Pointer[0] != '/' {
			return Prepared{}, fmt.Errorf("what is taken as %q must name a header or a JSON pointer such as /token", t.Name)
		}
	}
	return Prepared{User: user, Raw: raw, Open: &o, Take: slices.Clone(take)}, nil
}
