package compare

import (
	"fmt"
	"math/rand/v2"

	"github.com/p95lab/p95lab/challenges"
)

// Request is one question to both sides.
type Request struct {
	Name   string // what people read: "GET /search"
	Method string
	// Path is what follows each side's own address, with the query; "" is the
	// address itself.
	Path   string
	Header map[string]string
	Body   []byte
}

// Source gives the requests of a comparison.
type Source interface {
	// Request is the nth request, from 0. It draws from rng what it draws.
	Request(rng *rand.Rand, n int) Request
	// Examples is how many first requests show every kind that there is.
	Examples() int
}

// list is requests in their order, again and again.
type list struct {
	requests []Request
	users    int
}

// InOrder gives requests in their order, again and again. With several users
// each of them goes through all of it: what a user asks then follows what the
// same user asked before.
func InOrder(requests []Request, users int) (Source, error) {
	if len(requests) == 0 {
		return nil, fmt.Errorf("there are no requests")
	}
	return list{requests, max(1, users)}, nil
}

func (l list) Request(_ *rand.Rand, n int) Request { return l.requests[n/l.users%len(l.requests)] }

func (l list) Examples() int { return len(l.requests) * l.users }

// mixed draws requests with variables.
type mixed struct {
	mix      *challenges.Mix
	examples int
}

// Drawn gives requests whose variables are drawn anew for each, as those of
// challenges are.
func Drawn(requests []challenges.Request) (Source, error) {
	mix, err := challenges.NewMix(requests)
	if err != nil {
		return nil, fmt.Errorf("read the requests: %w", err)
	}
	return mixed{mix, 10 * len(requests)}, nil
}

func (m mixed) Request(rng *rand.Rand, _ int) Request {
	d := m.mix.Draw(rng)
	return Request{Name: d.Name, Method: d.Method, Path: d.Path, Header: d.Header, Body: d.Body}
}

func (m mixed) Examples() int { return m.examples }
