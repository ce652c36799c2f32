package bench

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math"
	"net"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
)

// workOptions of the service that works.
type workOptions struct {
	// Factor multiplies the work of every request: 1.1 is ten per cent slower.
	Factor float64 `json:"factor"`
	// Rounds is the work of a typical request, in hashes of one block.
	Rounds int `json:"rounds"`
}

// work answers GET /N after work that depends on N alone: the same request costs
// the same on every instance, times the factor. It is real work of a
// processor; nothing sleeps.
func work(ctx context.Context, options []byte, t *talk) error {
	var o workOptions
	if err := json.Unmarshal(options, &o); err != nil {
		return fmt.Errorf("read the options: %w", err)
	}
	if !(o.Factor > 0) || o.Rounds <= 0 {
		return fmt.Errorf("work of %d rounds times %v", o.Rounds, o.Factor)
	}
	var answered atomic.Int64
	return listen(ctx, t, func(nc net.Conn, request []byte) error {
		n, ok := number(request)
		if !ok {
			_, err := nc.Write([]byte("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"))
			return err
		}
		toil(int(o.Factor * float64(o.Rounds) * weight(n)))
		answered.Add(1)
		_, err := nc.Write(okAnswer)
		return err
	}, func() served { return served{Answered: answered.Load()} })
}

// number reads N of "GET /N HTTP/1.1".
func number(request []byte) (uint64, bool) {
	rest, ok := bytes.CutPrefix(request, []byte("GET /"))
	if !ok {
		return 0, false
	}
	digits, _, ok := bytes.Cut(rest, []byte(" "))
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(string(digits), 10, 64)
	return n, err == nil
}

// workSigma is the deviation of the logarithm of the work.
const workSigma = 0.5

// weight is the work of request n in typical requests, drawn from n: log-normal
// with a deviation of a half, so that the P95 is 2.3 times the median.
func weight(n uint64) float64 {
	// SplitMix64, Steele, Lea, Flood 2014: near numbers give unlike draws.
	z := n + 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	z ^= z >> 31
	u := (float64(z>>11) + 0.5) / (1 << 53)
	return math.Exp(workSigma * math.Sqrt2 * math.Erfinv(2*u-1))
}

// toil hashes its own result so many times.
func toil(rounds int) {
	var sum [sha256.Size]byte
	for range rounds {
		sum = sha256.Sum256(sum[:])
	}
	runtime.KeepAlive(sum)
}

// hogOptions of the busy neighbour.
type hogOptions struct {
	// Threads is how many processors it tries to use.
	Threads int `json:"threads"`
}

// hog uses processors until its input ends, and serves nobody: a build that runs
// beside the measurement.
func hog(_ context.Context, options []byte, t *talk) error {
	var o hogOptions
	if err := json.Unmarshal(options, &o); err != nil {
		return fmt.Errorf("read the options: %w", err)
	}
	var stop atomic.Bool
	var all sync.WaitGroup
	for range max(1, o.Threads) {
		all.Go(func() {
			for !stop.Load() {
				toil(10_000)
			}
		})
	}
	err := t.answer(struct{ Addr string }{}, func(string) (any, error) { return struct{}{}, nil })
	stop.Store(true)
	all.Wait()
	return err
}
