package compare

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// har is what is used of an HTTP archive, version 1.2.
type har struct {
	Log *struct {
		Entries []struct {
			Request struct {
				Method   string    `json:"method"`
				URL      string    `json:"url"`
				Headers  []harPair `json:"headers"`
				PostData *struct {
					MimeType string    `json:"mimeType"`
					Text     string    `json:"text"`
					Params   []harPair `json:"params"`
				} `json:"postData"`
			} `json:"request"`
		} `json:"entries"`
	} `json:"log"`
}

type harPair struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// isHAR says that an object has a log.
func isHAR(text []byte) bool {
	var h struct {
		Log json.RawMessage `json:"log"`
	}
	return json.Unmarshal(text, &h) == nil && h.Log != nil
}

// perConnection are headers that belong to the connection that was recorded.
var perConnection = []string{"Transfer-Encoding", "Expect", "Upgrade", "Keep-Alive", "Proxy-Connection", "Te", "Http2-Settings", "Upgrade-Insecure-Requests"}

// readHAR takes the requests to the host of the first one: a page asks others
// too, which neither side is.
func readHAR(text []byte) (Targets, error) {
	var h har
	if err := json.Unmarshal(text, &h); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return Targets{}, &place{line(text, syntax.Offset), err}
		}
		return Targets{}, fmt.Errorf("read the HAR: %w", err)
	}
	if h.Log == nil {
		return Targets{}, errors.New("the HAR has no log")
	}
	var t Targets
	host, others := "", 0
	for i, e := range h.Log.Entries {
		wrong := func(err error) error { return fmt.Errorf("log.entries[%d].request: %w", i, err) }
		u, err := url.Parse(e.Request.URL)
		if err != nil {
			return Targets{}, wrong(err)
		}
		if host == "" && u.Host != "" {
			host = u.Host
		}
		if u.Host != host || u.Scheme != "http" && u.Scheme != "https" {
			others++
			continue
		}
		path, err := pathOf(e.Request.URL)
		if err != nil {
			return Targets{}, wrong(err)
		}
		r := Request{Method: e.Request.Method, Path: path}
		header := http.Header{}
		for _, p := range e.Request.Headers {
			if strings.HasPrefix(p.Name, ":") || slices.Contains(perConnection, http.CanonicalHeaderKey(p.Name)) {
				continue
			}
			header.Add(p.Name, p.Value)
		}
		if post := e.Request.PostData; post != nil {
			r.Body = []byte(post.Text)
			if post.Text == "" && len(post.Params) > 0 {
				form := url.Values{}
				for _, p := range post.Params {
					form.Add(p.Name, p.Value)
				}
				r.Body = []byte(form.Encode())
			}
			if header.Get("Content-Type") == "" && post.MimeType != "" {
				header.Set("Content-Type", post.MimeType)
			}
		}
		if err := r.finish(header); err != nil {
			return Targets{}, wrong(err)
		}
		t.Requests = append(t.Requests, r)
	}
	if others > 0 {
		t.Notes = append(t.Notes, fmt.Sprintf("%d of %d entries of the HAR were left out, as they are not http requests to %s.", others, len(h.Log.Entries), host))
	}
	return t, nil
}
