package api

import (
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// class is a kind of request, by what it costs.
type class int

const (
	read   class = iota // pages, their parts, lists
	change              // writes of files, formatting, hints, answers
	submit              // a run: seconds of the whole machine
	watch               // the handshake of a websocket
	classes
)

// bound is a bucket of burst tokens that is filled at a rate.
type bound struct {
	perSecond float64
	burst     int
}

// bounds are how often each kind may come: from one address, and in all. A person
// with an editor that saves by itself stays below a tenth of them, and a room that
// reloads at once behind one address below all.
var bounds = [classes]struct{ each, all bound }{
	read:   {bound{200, 800}, bound{4000, 8000}},
	change: {bound{30, 120}, bound{1000, 2000}},
	submit: {bound{2, 30}, bound{50, 300}},
	watch:  {bound{100, 400}, bound{500, 2000}},
}

func classOf(r *http.Request) class {
	switch {
	case r.URL.Path == "/live":
		return watch
	case safe(r.Method):
		return read
	case r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/runs"):
		return submit
	default:
		return change
	}
}

// Limiter counts requests by address and in all. It is safe for concurrent use.
type Limiter struct {
	mu    sync.Mutex
	all   buckets
	each  map[netip.Prefix]*visitor
	swept time.Time
}

type buckets [classes]*rate.Limiter

type visitor struct {
	buckets buckets
	seen    time.Time
}

// Addresses are forgotten when they were quiet for so long, by when every bucket is
// full again. Beyond maxAddresses new ones share a bucket.
const (
	forgetAfter  = 2 * time.Minute
	maxAddresses = 10_000
)

// NewLimiter returns a limiter with full buckets.
func NewLimiter() *Limiter {
	l := &Limiter{each: map[netip.Prefix]*visitor{}}
	for c := range l.all {
		l.all[c] = rate.NewLimiter(rate.Limit(bounds[c].all.perSecond), bounds[c].all.burst)
	}
	return l
}

// take takes a token, or says how long to wait for one.
func (l *Limiter) take(c class, remote string, now time.Time) time.Duration {
	own := l.visitor(remote, now)[c]
	// First its own: a greedy address is refused without a part of what is there
	// for all.
	mine := own.ReserveN(now, 1)
	if wait := mine.DelayFrom(now); wait > 0 {
		mine.CancelAt(now)
		return wait
	}
	of := l.all[c].ReserveN(now, 1)
	if wait := of.DelayFrom(now); wait > 0 {
		of.CancelAt(now)
		mine.CancelAt(now)
		return wait
	}
	return 0
}

func (l *Limiter) visitor(remote string, now time.Time) buckets {
	key := origin(remote)
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.swept) > forgetAfter {
		l.swept = now
		for k, v := range l.each {
			if now.Sub(v.seen) > forgetAfter {
				delete(l.each, k)
			}
		}
	}
	v := l.each[key]
	if v == nil && len(l.each) >= maxAddresses {
		key = netip.Prefix{}
		v = l.each[key]
	}
	if v == nil {
		v = &visitor{}
		for c := range v.buckets {
			v.buckets[c] = rate.NewLimiter(rate.Limit(bounds[c].each.perSecond), bounds[c].each.burst)
		}
		l.each[key] = v
	}
	v.seen = now
	return v.buckets
}

// origin is whom an address stands for: an IPv4 address, or the network of an IPv6
// one, in which a single machine may have as many as it likes.
func origin(remote string) netip.Prefix {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Prefix{}
	}
	address, bits := at.Addr().Unmap().WithZone(""), 32
	if address.Is6() {
		bits = 64
	}
	network, err := address.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return network
}
