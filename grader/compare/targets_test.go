package compare

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/p95lab/p95lab/grader/load"
)

func bodies(path string) ([]byte, error) {
	if path == "new.json" {
		return []byte(`{"sku": "tea"}`), nil
	}
	return nil, errors.New("no such file")
}

const asText = `# two things
GET http://old.example:8080/search?q=a+b&page=2
Accept: text/html
X-List: a
X-List: b
Host: old.example

POST http://old.example/orders
Content-Type: application/json
# the body
@new.json
DELETE /orders/7
`

const asJSON = `{"method": "GET", "url": "http://old.example:8080/search?q=a+b&page=2", "header": {"Accept": ["text/html"], "X-List": ["a", "b"], "Host": ["old.example"]}}
{"method": "POST", "url": "http://old.example/orders", "body": "eyJza3UiOiAidGVhIn0=", "header": {"Content-Type": ["application/json"]}}

{"method": "DELETE", "url": "/orders/7"}`

const asHAR = `{"log": {"version": "1.2", "entries": [
 {"request": {"method": "GET", "url": "https://old.example/search?q=a+b&page=2", "headers": [
   {"name": ":authority", "value": "old.example"}, {"name": "accept", "value": "text/html"}, {"name": "Connection", "value": "keep-alive"},
   {"name": "X-List", "value": "a"}, {"name": "x-list", "value": "b"}, {"name": "Upgrade-Insecure-Requests", "value": "1"}]}},
 {"request": {"method": "GET", "url": "https://cdn.example/font.woff2"}},
 {"request": {"method": "GET", "url": "data:image/png;base64,AAAA"}},
 {"request": {"method": "POST", "url": "https://old.example/orders", "headers": [{"name": "Content-Length", "value": "14"}],
   "postData": {"mimeType": "application/json", "text": "{\"sku\": \"tea\"}"}}},
 {"request": {"method": "DELETE", "url": "https://old.example/orders/7", "headers": []}},
 {"request": {"method": "POST", "url": "https://old.example/form", "postData": {"mimeType": "application/x-www-form-urlencoded", "params": [{"name": "a b", "value": "ü"}]}}}
]}}`

func TestReadTargets(t *testing.T) {
	want := []Request{
		{Name: "GET /search?q=a+b&page=2", Method: "GET", Path: "/search?q=a+b&page=2", Header: map[string]string{"Accept": "text/html", "X-List": "a, b"}},
		{Name: "POST /orders", Method: "POST", Path: "/orders", Header: map[string]string{"Content-Type": "application/json"}, Body: []byte(`{"sku": "tea"}`)},
		{Name: "DELETE /orders/7", Method: "DELETE", Path: "/orders/7", Header: map[string]string{}},
	}
	form := Request{
		Name: "POST /form", Method: "POST", Path: "/form", Header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, Body: []byte("a+b=%C3%BC"),
	}
	for _, tc := range []struct {
		name, text string
		want       []Request
		notes      int
	}{
		{"text", asText, want, 0},
		{"text of Windows", "\ufeff" + strings.ReplaceAll(asText, "\n", "\r\n"), want, 0},
		{"JSON", asJSON, want, 0},
		{"HAR", asHAR, append(want[:3:3], form), 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := ReadTargets("f", []byte(tc.text), bodies)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got.Requests); diff != "" {
				t.Error(diff)
			}
			if len(got.Notes) != tc.notes {
				t.Errorf("notes %q", got.Notes)
			}
		})
	}
}

func TestReadTargetsSaysWhereItIsWrong(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"", "f: there is nothing in it"},
		{"# only this\n", "f: there are no requests in it"},
		{"[]", "f: it is a JSON array"},
		{"GET /a\n\nGET\n", `f:3: "GET" is neither`},
		{"GET /a\nGET ftp://x/\n", "f:2: the address"},
		{"GET a/b\n", "f:1: the address"},
		{"GET http://x/%zz\n", "f:1: the address"},
		{"GET /a\n\nPOST /b\n@gone\n", "f:3: read the body: no such file"},
		{"POST /b\n@\n", "f:2: @ names no file"},
		{"POST /b\n@new.json\n@new.json\n", "f:3: a second body"},
		{"GET /a\nTransfer-Encoding: chunked\n", "f:1: header Transfer-Encoding"},
		{`{"method": "GET", "url": "/a"}` + "\n" + `{"method": "GET"}`, "f:2: a target needs"},
		{`{"method": "GET", "url": "/a"}` + "\n" + `{"method": 7}`, "f:"},
		{`{"method": "GET", "url": "/a"}` + "\n\n{", "f:3: read a target"},
		{`{"method": "G T", "url": "/a"}`, "f:1: method"},
		{`{"log": {"entries": []}}`, "f: there are no requests in it"},
		{`{"log": {"entries": [{"request": {"method": "GET", "url": "http://x/"}}, {"request": {"method": "", "url": "http://x/"}}]}}`, "f: log.entries[1].request: method"},
		{`{"log": {"entries": 7}}`, "f: read the HAR"},
		{`{"log": null}`, "f: the HAR has no log"},
	} {
		got, err := ReadTargets("f", []byte(tc.text), bodies)
		if err == nil || !strings.HasPrefix(err.Error(), tc.want) {
			t.Errorf("%q: %v, %v, want %s", tc.text, got, err, tc.want)
		}
	}
}

// Whatever is read can be sent, as one request each.
func FuzzReadTargets(f *testing.F) {
	for _, text := range []string{asText, asJSON, asHAR, "GET /\n@x", "{\"log\":{}}", "\ufeff{}", "GET //x\nA:b\nGET ?"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		targets, err := ReadTargets("f", text, bodies)
		if err != nil {
			return
		}
		for _, r := range targets.Requests {
			raw, err := load.Prepare(r.Method, "h", r.Path, r.Header, r.Body)
			if err != nil {
				t.Fatalf("%+v: %v", r, err)
			}
			head, _, _ := strings.Cut(string(raw), "\r\n\r\n")
			if strings.Count(head, "\n") > 2+len(r.Header) || r.Name == "" {
				t.Fatalf("%q of %+v", raw, r)
			}
		}
	})
}
