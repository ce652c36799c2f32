package load

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
)

// connect opens a connection as the options say: to the address, over the link
// that is imitated, encrypted.
func (c *Client) connect(ctx context.Context) (net.Conn, error) {
	nc, err := c.o.Connect(ctx, c.addr)
	if err != nil {
		return nil, err
	}
	if c.o.Link != (Link{}) {
		if nc, err = c.o.Link.over(ctx, nc); err != nil {
			return nil, err
		}
	}
	if c.tls == nil {
		return nc, nil
	}
	secure := tls.Client(nc, c.tls)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = nc.Close() // nothing was sent on it
		return nil, fmt.Errorf("TLS: %w", err)
	}
	return secure, nil
}

// clientTLS is the configuration for an address: HTTP/1.1 is all that is spoken.
func clientTLS(config *tls.Config, addr string) *tls.Config {
	if config == nil {
		return nil
	}
	own := config.Clone()
	own.NextProtos = []string{"http/1.1"}
	if own.ServerName == "" {
		if host, _, err := net.SplitHostPort(addr); err == nil {
			own.ServerName = host
		}
	}
	if own.ClientSessionCache == nil {
		own.ClientSessionCache = tls.NewLRUClientSessionCache(0) // as browsers do
	}
	return own
}

// cut ends a connection at once. An encrypted one is not said goodbye to: that
// could wait for a peer that does not read.
func cut(nc net.Conn) {
	if secure, ok := nc.(*tls.Conn); ok {
		nc = secure.NetConn()
	}
	_ = nc.Close() // whatever it says, the connection is not used again
}
