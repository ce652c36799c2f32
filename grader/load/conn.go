package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"hash/crc64"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

const (
	// readBuffer bounds an answer's headers, in bytes.
	readBuffer = 16 << 10
	// inlineWrite is the largest request that the pacer writes itself: it fits
	// the empty send buffer of a kept connection, so the write cannot block.
	inlineWrite = 64 << 10
	// largeBody is the buffer that a connection keeps for its next answer.
	largeBody = 256 << 10
)

// conn is one connection. Its serve goroutine alone reads, and alone ends the
// request that the connection is busy with.
type conn struct {
	c    *Client
	nc   net.Conn
	in   *bufio.Reader
	resp fasthttp.Response

	// writing is held from take until the request is written, maybe by another
	// goroutine: until then the sample and the connection are the writer's too.
	writing sync.Mutex

	// Guarded by Client.mu.
	busy  bool
	job   job
	cause error // why abort was called
}

func newConn(c *Client, nc net.Conn) *conn {
	return &conn{c: c, nc: nc, in: bufio.NewReaderSize(nc, readBuffer)}
}

// take makes the connection busy with j; write must follow. Client.mu is held.
func (k *conn) take(j job) {
	k.writing.Lock() // free: an idle connection has no writer
	k.busy, k.job = true, j
	// The error would be that of a closed connection, which serve meets too.
	_ = k.nc.SetDeadline(j.deadline)
}

// abort cuts the connection off. Client.mu is held.
func (k *conn) abort(cause error) {
	k.cause = cause
	cut(k.nc) // serve returns from reading and cleans up
}

// write sends j's request and returns when that began.
func (k *conn) write(j job) time.Duration {
	raw := k.c.users.raw(j.request)
	sent := j.run.now()
	if s := &j.run.samples[j.index]; s.Sent == 0 { // or it left with its connection
		s.Sent = sent
	}
	if j.large() {
		go k.send(raw) // serve waits for it, by writing
	} else {
		k.send(raw)
	}
	return sent
}

// send writes a request. Its error is not used: a connection that cannot be
// written to also wakes its reader, with the server's last words if there were
// any, which say more.
func (k *conn) send(raw []byte) {
	_, _ = k.nc.Write(raw)
	k.writing.Unlock()
}

// large says that writing the request may block.
func (j job) large() bool { return len(j.request.Raw) > inlineWrite }

// serve reads the answers, from the connection's first request to its end, and
// returns what its slot goes on with. A connection that was opened without a
// request is idle from the start.
func (k *conn) serve(j job) (job, bool) {
	if j.opened != nil {
		j.opened <- nil
	} else {
		k.write(j)
	}
	for {
		j, err := k.await()
		if j.run == nil {
			k.hangUp()
			return k.c.next()
		}
		reusable := false
		if err == nil {
			reusable, err = k.read(j.request)
		}
		now := j.run.now()
		reusable = reusable && k.written(j)
		if !reusable {
			k.hangUp() // which also ends a write that is blocked
		}
		k.writing.Lock() // waits for the writer, whose sample it still is
		if err != nil {
			j.run.fail(j, k.explain(j, err))
		} else {
			k.record(j, now)
		}
		k.writing.Unlock()
		if !reusable {
			return k.c.next()
		}
		if next, ok := k.turn(); ok {
			k.write(next)
		}
	}
}

// await blocks until an answer begins or the connection ends, and returns the
// request that it is busy with, if any. Bytes that nobody asked for come with
// no request: they end the connection.
func (k *conn) await() (job, error) {
	for {
		_, err := k.in.Peek(1)
		k.c.mu.Lock()
		j := k.job
		late := errors.Is(err, os.ErrDeadlineExceeded)
		if late && !k.busy {
			// The deadline of an earlier request, left in place to spare a call
			// for each request.
			_ = k.nc.SetDeadline(time.Time{})
			k.c.mu.Unlock()
			continue
		}
		k.c.mu.Unlock()
		if late && time.Now().Before(j.deadline) {
			continue // likewise, and a new request came at that moment
		}
		return j, err
	}
}

// read reads one answer, and says whether the connection can carry another
// request.
func (k *conn) read(p *Prepared) (reusable bool, err error) {
	k.resp.Reset()
	k.resp.SkipBody = p.isHead()
	if err := k.resp.ReadLimitBody(k.in, k.c.o.BodyLimit); err != nil {
		return false, err
	}
	// The library takes any three digits; RFC 9110, section 15, does not.
	if code := k.resp.StatusCode(); code < 100 || code > 599 {
		return false, fmt.Errorf("malformed answer: status %03d", code)
	}
	// After the answer there must be silence: what is left over would be taken
	// for the answer to a request that has not been sent.
	return !k.c.o.NewConnections && !k.resp.ConnectionClose() && k.resp.StatusCode() != fasthttp.StatusSwitchingProtocols && k.in.Buffered() == 0, nil
}

// written says whether the request was written whole. One that was answered
// early leaves its rest on the connection, where the next would follow it. A
// small one is on its way in any case.
func (k *conn) written(j job) bool {
	if !j.large() {
		return true
	}
	ok := k.writing.TryLock()
	if ok {
		k.writing.Unlock()
	}
	return ok
}

// record ends a request that was answered.
func (k *conn) record(j job, done time.Duration) {
	s := &j.run.samples[j.index]
	body := k.resp.Body()
	s.Done, s.Status, s.Bytes, s.Hash = done, k.resp.StatusCode(), len(body), Hash(body)
	switch {
	case !j.request.KeepBody:
	case j.run.kept.Add(int64(len(body))) > int64(k.c.o.KeepLimit):
		s.Status, s.Err = 0, ErrTooMuch
	default:
		s.Body = bytes.Clone(body)
	}
	k.tell(j.request)
	k.resp.ReleaseBody(largeBody) // an idle connection needs none
	j.run.finish(j)
}

// tell hands an answer to the user who asked.
func (k *conn) tell(p *Prepared) {
	if p.User > 0 {
		k.c.users.told(p, k.header, k.resp.Body())
	}
}

// header lists the values of a header of the answer.
func (k *conn) header(name string) (values []string) {
	if strings.EqualFold(name, "Set-Cookie") {
		for _, value := range k.resp.Header.Cookies() {
			values = append(values, string(value))
		}
		return values
	}
	for _, value := range k.resp.Header.PeekAll(name) {
		values = append(values, string(value))
	}
	return values
}

// turn gives the connection its next request, or makes it idle.
func (k *conn) turn() (job, bool) {
	for {
		k.c.mu.Lock()
		next, ok := k.c.queue.pop()
		expired := ok && !time.Now().Before(next.deadline)
		switch {
		case expired: // it waited too long; the connection is still good
		case ok:
			k.take(next)
		default:
			k.busy, k.job = false, job{}
			k.c.idle = append(k.c.idle, k)
		}
		k.c.mu.Unlock()
		if !expired {
			return next, ok
		}
		next.run.fail(next, ErrTimeout)
	}
}

// explain returns the error that says best why a request was not answered.
func (k *conn) explain(j job, err error) error {
	k.c.mu.Lock()
	cause := k.cause
	k.c.mu.Unlock()
	switch {
	case cause != nil:
		return cause
	case !time.Now().Before(j.deadline), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, fasthttp.ErrTimeout):
		return ErrTimeout
	case errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("read the answer: %w", err)
}

func (k *conn) hangUp() {
	k.c.forget(k)
	cut(k.nc)
}

// Hash returns the hash of a body that Sample carries: equal bodies have equal
// hashes, in every process. It is no defence against a forger.
func Hash(body []byte) uint64 { return crc64.Checksum(body, crcTable) }

// crcTable is the one that hash/crc64 keeps itself and reads eight bytes at a
// time with.
var crcTable = crc64.MakeTable(crc64.ECMA)
