package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/p95lab/p95lab/challenges"
)

type exportCmd struct {
	Challenge string `arg:"" help:"A challenge's name, as in list, or a folder that holds one."`
	Vegeta    bool   `help:"Targets for Vegeta, one JSON object a line: vegeta attack -format=json -targets=FILE -rate=RATE -duration=30s | vegeta report" xor:"tool" required:""`
	K6        bool   `help:"A script for k6, an open loop: k6 run FILE" name:"k6" xor:"tool" required:""`
	Base      string `help:"Where the service listens, as grade up says." default:"http://127.0.0.1:8080"`
	Requests  int    `help:"How many requests to draw; the tool begins again behind the last." default:"2000"`
	Rate      int    `help:"Requests a second, of k6's script." default:"50"`
	Seconds   int    `help:"How long k6's script asks." default:"30"`
	Seed      uint64 `help:"Draws the same requests again." default:"1"`
}

// mostExported bounds an export: some hundred bytes each.
const mostExported = 1_000_000

func (c *exportCmd) Run(t *tool) error {
	challenge, err := find(c.Challenge)
	if err != nil {
		return err
	}
	base, err := url.Parse(c.Base)
	switch {
	case err != nil || base.Host == "" || (base.Scheme != "http" && base.Scheme != "https"):
		return usageError{fmt.Errorf("--base %q is no address of a service: http://127.0.0.1:8080 is one", c.Base)}
	case c.Requests < 1 || c.Requests > mostExported || c.Rate < 1 || c.Seconds < 1:
		return usageError{fmt.Errorf("--requests, --rate and --seconds are at least 1, and --requests is at most %d", mostExported)}
	}
	list, err := c.draw(challenge)
	if err != nil {
		return err
	}
	if c.K6 {
		return c.k6(t, challenge, list)
	}
	e := json.NewEncoder(t.out)
	e.SetEscapeHTML(false)
	for _, r := range list {
		if err := e.Encode(r); err != nil {
			return fmt.Errorf("write a target: %w", err)
		}
	}
	return nil
}

// target is a request in Vegeta's JSON format; its body is base64 there.
type target struct {
	Method string      `json:"method"`
	URL    string      `json:"url"`
	Body   []byte      `json:"body,omitempty"`
	Header http.Header `json:"header,omitempty"`
}

func (c *exportCmd) draw(challenge challenges.Challenge) ([]target, error) {
	mix, err := challenges.NewMix(challenge.Requests)
	if err != nil {
		return nil, fmt.Errorf("read the challenge's requests: %w", err)
	}
	rng := rand.New(rand.NewPCG(c.Seed, 0))
	list := make([]target, c.Requests)
	for i := range list {
		q := mix.Draw(rng)
		header := http.Header{}
		for name, value := range q.Header {
			header.Set(name, value)
		}
		list[i] = target{q.Method, strings.TrimSuffix(c.Base, "/") + q.Path, q.Body, header}
	}
	return list, nil
}

// k6Script asks in an open loop: a slow answer does not delay the next request.
const k6Script = `// The load of the challenge %s, by grade export. Run it with: k6 run FILE
import http from 'k6/http';
import exec from 'k6/execution';

export const options = {
  scenarios: {
    steady: { executor: 'constant-arrival-rate', rate: %d, timeUnit: '1s', duration: '%ds', preAllocatedVUs: 64, maxVUs: 512 },
  },
  summaryTrendStats: ['avg', 'med', 'p(95)', 'p(99)', 'max'],
};

// Method, address, body, headers.
const requests = [
%s];

export default function () {
  const [method, url, body, headers] = requests[exec.scenario.iterationInTest %% requests.length];
  http.request(method, url, body, { headers });
}
`

func (c *exportCmd) k6(t *tool, challenge challenges.Challenge, list []target) error {
	var lines strings.Builder
	for _, r := range list {
		headers := map[string]string{}
		for _, name := range slices.Sorted(maps.Keys(r.Header)) {
			headers[name] = r.Header.Get(name)
		}
		var body any
		if r.Body != nil {
			body = string(r.Body)
		}
		// JSON is JavaScript.
		line, err := json.Marshal([]any{r.Method, r.URL, body, headers})
		if err != nil {
			return errors.Join(errors.New("write a request"), err)
		}
		fmt.Fprintf(&lines, "  %s,\n", line)
	}
	if _, err := fmt.Fprintf(t.out, k6Script, challenge.Slug, c.Rate, c.Seconds, lines.String()); err != nil {
		return fmt.Errorf("write the script: %w", err)
	}
	return nil
}
