//go:build !unix

package load

import "net"

// exchange writes requests and reads their answers for one goroutine.
type exchange struct {
	net.Conn
	request []byte // to be written by the next Read
}

func newExchange(nc net.Conn) (*exchange, error) { return &exchange{Conn: nc}, nil }

func (x *exchange) send(request []byte) { x.request = request }

func (x *exchange) Read(p []byte) (int, error) {
	if request := x.request; len(request) > 0 {
		x.request = nil
		if _, err := x.Write(request); err != nil {
			return 0, err
		}
	}
	return x.Conn.Read(p)
}
