package load

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A shop with accounts: a login sets a cookie and returns a token, the cart asks
// for both.
func shop(t *testing.T) string {
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/login":
			name := r.URL.Query().Get("name")
			http.SetCookie(w, &http.Cookie{Name: "session", Value: "s-" + name, Path: "/"})
			http.SetCookie(w, &http.Cookie{Name: "admin", Value: "no", Path: "/admin"})
			w.Header().Set("X-Cart", "cart of/"+name)
			_, _ = fmt.Fprintf(w, `{"account": {"tokens": ["old", "t-%s"], "id": 12345678901234567890, "new": true}}`, name)
		case "/logout":
			http.SetCookie(w, &http.Cookie{Name: "session", MaxAge: -1, Path: "/"})
		default:
			body, _ := io.ReadAll(r.Body)
			_, _ = fmt.Fprintf(w, "%s %s|%s|%s|%s", r.Method, r.URL.RequestURI(), r.Header.Get("Cookie"), r.Header.Get("X-Token"), body)
		}
	})
}

func ask(t *testing.T, c *Client, p Prepared) string {
	t.Helper()
	p.KeepBody = true
	s := c.Do(t.Context(), p)
	if s.Err != nil || s.Status != 200 {
		t.Fatalf("status %d, %v", s.Status, s.Err)
	}
	return string(s.Body)
}

func TestUsersRememberWhatTheyWereTold(t *testing.T) {
	addr := shop(t)
	c := dial(t, addr, Options{Users: 2})
	login := func(user int, name string) Prepared {
		p, err := PrepareOpen(user, Open{Method: "GET", Host: addr, Path: "/login?name=" + name}, []Take{
			{Name: "token", Pointer: "/account/tokens/1"}, {Name: "id", Pointer: "/account/id"},
			{Name: "cart", Header: "x-cart"}, {Name: "gone", Pointer: "/account/none/1"},
		})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	cart := func(user int) Prepared {
		p, err := PrepareOpen(user, Open{
			Method: "POST", Host: addr, Path: "/{{cart}}/add?id={{id}}&cart={{cart}}",
			Header: map[string]string{"X-Token": "{{token}}{{gone}}"}, Body: []byte(`{"user": "{{id}}", "open": "{{"}`),
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	if got, want := ask(t, c, cart(1)), `POST //add?id=&cart=|||{"user": "", "open": "{{"}`; got != want {
		t.Errorf("before any answer: %s, want %s", got, want)
	}
	ask(t, c, login(1, "ann"))
	ask(t, c, login(2, "bob"))
	for user, name := range []string{"ann", "bob"} {
		want := fmt.Sprintf(`POST /cart%%20of%%2F%[1]s/add?id=12345678901234567890&cart=cart+of%%2F%[1]s|session=s-%[1]s|t-%[1]s|{"user": "12345678901234567890", "open": "{{"}`, name)
		if got := ask(t, c, cart(user+1)); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	// A plain request of a user has the cookies too; one of nobody has none.
	plain := get(t, "/admin/x")
	plain.User = 1
	if got := ask(t, c, plain); !strings.Contains(got, "admin=no; session=s-ann") {
		t.Errorf("got %s", got)
	}
	if got := ask(t, c, get(t, "/x")); got != "GET /x|||" {
		t.Errorf("got %s", got)
	}
	logout := get(t, "/logout")
	logout.User = 1
	ask(t, c, logout)
	if got := ask(t, c, cart(1)); strings.Contains(got, "session") || !strings.Contains(got, "t-ann") {
		t.Errorf("after the logout: %s", got)
	}
	// The same holds in a slice and in the closed loop.
	r, err := c.Slice(t.Context(), []Prepared{login(1, "eve"), cart(2)}, []Arrival{{0, 0}, {0, 1}, {100 * time.Millisecond, 1}}, nil)
	if err != nil || r.Samples[2].Status != 200 {
		t.Fatal(err, r.Samples)
	}
	c.Saturate(t.Context(), func() Prepared { return login(2, "zoe") }, 1, time.Second)
	if got := ask(t, c, cart(2)); !strings.Contains(got, "|session=s-zoe|t-zoe|") {
		t.Errorf("after the closed loop: %s", got)
	}
}

func TestPrepareOpenRefuses(t *testing.T) {
	fine := Open{Method: "GET", Host: "x", Path: "/{{a}}"}
	for name, tc := range map[string]struct {
		user int
		o    Open
		take []Take
	}{
		"nobody":        {0, fine, nil},
		"two lines":     {1, Open{Method: "GET", Host: "x", Path: "/", Header: map[string]string{"A": "b\r\nC: d"}}, nil},
		"a blank path":  {1, Open{Method: "GET", Host: "x", Path: "/a b"}, nil},
		"no name":       {1, fine, []Take{{Header: "X"}}},
		"no place":      {1, fine, []Take{{Name: "a"}}},
		"two places":    {1, fine, []Take{{Name: "a", Header: "X", Pointer: "/x"}}},
		"not a pointer": {1, fine, []Take{{Name: "a", Pointer: "x"}}},
	} {
		if p, err := PrepareOpen(tc.user, tc.o, tc.take); err == nil {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

// Whatever a server tells, a request stays one request.
func FuzzOpen(f *testing.F) {
	f.Add("/{{a}}?q={{a}}", "{{a}}", "x: {{a}}", "a\r\nHost: b")
	f.Add("/{{a}}?\x01={{a}}", "{{a}}", "x", "a") // was prepared as nothing at all
	f.Add("/%zz{{a}", "}}{{", "{{{{a}}}}", "\x00\xff?#")
	f.Fuzz(func(t *testing.T, path, body, header, value string) {
		o := Open{Method: "POST", Host: "h", Path: path, Header: map[string]string{"X-A": header}, Body: []byte(body)}
		p, err := PrepareOpen(1, o, nil)
		if err != nil {
			return
		}
		u := newUsers(1, "http", "h")
		u.all[0].values = map[string]string{"a": value}
		raw := string(u.raw(&p))
		head, rest, ok := strings.Cut(raw, "\r\n\r\n")
		lines := strings.Split(head, "\r\n")
		if !ok || len(lines) != 4 || strings.Count(lines[0], " ") != 2 {
			t.Fatalf("%q", raw)
		}
		if want := fmt.Sprintf("Content-Length: %d", len(rest)); lines[3] != want {
			t.Fatalf("%q, want %q", lines[3], want)
		}
	})
}

func FuzzPointer(f *testing.F) {
	f.Add(`{"a": [1, {"b/c": "d"}]}`, "/a/1/b~1c")
	f.Add(`[]`, "/-1")
	f.Add(`"x"`, "")
	f.Fuzz(func(_ *testing.T, document, pointer string) {
		var v any
		if json.Unmarshal([]byte(document), &v) == nil {
			at(v, pointer)
		}
	})
}

func TestPointer(t *testing.T) {
	var document any
	if err := json.Unmarshal([]byte(`{"a": [1.5, {"b/c~d": "e"}], "": true, "n": null}`), &document); err != nil {
		t.Fatal(err)
	}
	for pointer, want := range map[string]string{
		"/a/1/b~1c~0d": "e", "/": "true", "/n": "", "/a": "", "/a/9": "", "/a/x": "", "/a/1/none/deep": "", "": "",
	} {
		if got := at(document, pointer); got != want {
			t.Errorf("%s is %q, want %q", pointer, got, want)
		}
	}
}

// Whatever cookies a server sets, the next request stays one request.
func FuzzCookies(f *testing.F) {
	f.Add("session=1; Path=/; HttpOnly", "b=2; Domain=h")
	f.Add("a=\"x\r\nHost: y\"", "=;;=")
	f.Add("a=b; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=-1", "\x00=\xff")
	f.Fuzz(func(t *testing.T, one, two string) {
		p, err := PrepareOpen(1, Open{Method: "POST", Host: "h", Path: "/x", Body: []byte("body")}, nil)
		if err != nil {
			t.Fatal(err)
		}
		u := newUsers(1, "http", "h")
		u.told(&p, func(name string) []string {
			if strings.EqualFold(name, "Set-Cookie") {
				return []string{one, two}
			}
			return nil
		}, nil)
		raw := string(u.raw(&p))
		head, rest, ok := strings.Cut(raw, "\r\n\r\n")
		if lines := strings.Split(head, "\r\n"); !ok || rest != "body" || len(lines) > 4 || strings.Contains(head, "\x00") {
			t.Fatalf("%q", raw)
		}
	})
}
