package kit

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHandle(t *testing.T) {
	for _, c := range []struct {
		name   string
		f      func(*http.Request) (int, any, error)
		status int
		body   string
	}{
		{"an answer", func(*http.Request) (int, any, error) { return http.StatusCreated, map[string]int{"n": 1}, nil }, 201, `{"n":1}`},
		{"what the caller may see", func(*http.Request) (int, any, error) { return 0, nil, NotFound("book") }, 404, `{"error":"no such book"}`},
		{"the same inside another error", func(*http.Request) (int, any, error) {
			return 0, nil, fmt.Errorf("lend: %w", BadRequest("lent already"))
		}, 400, `{"error":"lent already"}`},
		{"what is nobody's business", func(*http.Request) (int, any, error) {
			return 0, nil, errors.New("disk 3 is full")
		}, 500, `{"error":"internal error"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			Handle(c.f)(w, httptest.NewRequest(http.MethodGet, "/", nil))
			if w.Code != c.status || strings.TrimSpace(w.Body.String()) != c.body {
				t.Errorf("%d %s, want %d %s", w.Code, w.Body, c.status, c.body)
			}
			if got := w.Header().Get("Content-Type"); got != "application/json" {
				t.Errorf("Content-Type is %q", got)
			}
		})
	}
}

func TestDecode(t *testing.T) {
	for _, c := range []struct {
		name, body string
		ok         bool
	}{
		{"what was asked for", `{"title": "Emma"}`, true},
		{"nothing", ``, false},
		{"half an object", `{"title": `, false},
		{"a number for a text", `{"title": 1}`, false},
		{"a field that nobody knows", `{"title": "Emma", "colour": "red"}`, false},
		{"as much as is read", `{"title": "` + strings.Repeat("a", maxBody-13) + `"}`, true},
		{"more than is read", `{"title": "` + strings.Repeat("a", maxBody) + `"}`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var book struct {
				Title string `json:"title"`
			}
			err := Decode(httptest.NewRequest(http.MethodPost, "/", strings.NewReader(c.body)), &book)
			if c.ok {
				if err != nil || book.Title == "" {
					t.Errorf("%q, %v", book.Title, err)
				}
				return
			}
			var failure Failure
			if !errors.As(err, &failure) || failure.Status != http.StatusBadRequest {
				t.Errorf("%v, want a bad request", err)
			}
		})
	}
}
