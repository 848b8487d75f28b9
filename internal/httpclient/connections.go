// Package httpclient makes HTTP requests through a RoundTripper that may be anybody's. It
// returns when a request's time is up, even from a RoundTripper that ignores its context,
// panics, ends its goroutine, or returns a body without an end. It follows no redirects and
// never tries again.
//
// Package ledger's transport calls it. It must never know what is sent, or what an answer
// means.
package httpclient

import (
	"errors"
	"math"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	// writeBuffer is a connection's. A usual batch of 1000 entries, compressed,
	// fits with its headers, and goes out in one write; net/http would make
	// a buffer for each request otherwise.
	writeBuffer = 32 << 10
	// maxHeader bounds the headers of an answer.
	maxHeader = 64 << 10
	// idleTimeout closes idle connections before the server does, after 5s.
	idleTimeout = 4 * time.Second
	// pingAfter is how long an HTTP/2 connection may be silent before it is asked
	// whether it is alive, and how long it may take to say so.
	pingAfter = 5 * time.Second
)

// A Client makes requests. It is safe for concurrent use.
type Client struct {
	Through http.RoundTripper
	Owned   *http.Transport // Through, when it is ours to close
	doubt   atomic.Bool     // a request timed out: its connection may be dead

	strays     atomic.Int32 // requests that were given up and have not returned
	mostStrays int32        // no further request is made beside so many
}

// New returns a client of which as many requests are made at once. Where through is nil, it
// makes connections itself, each within connect.
func New(through http.RoundTripper, requests int, connect time.Duration) *Client {
	c := &Client{Through: through, mostStrays: int32(min(requests, math.MaxInt32))}
	if through == nil {
		c.Owned = &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            dialer(connect),
			TLSHandshakeTimeout:    connect,
			MaxIdleConns:           requests,
			MaxIdleConnsPerHost:    requests,
			IdleConnTimeout:        idleTimeout,
			MaxResponseHeaderBytes: maxHeader,
			WriteBufferSize:        writeBuffer,
			DisableCompression:     true, // no answer is worth a bomb
			ForceAttemptHTTP2:      true,
			HTTP2:                  &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingAfter},
		}
		c.Through = c.Owned
	}
	return c
}

// Close lets idle connections go; those of a caller's RoundTripper are theirs.
func (c *Client) Close() {
	if c.Owned != nil {
		c.Owned.CloseIdleConnections()
	}
}

// Ready returns why no request is to be made: too many have not returned, and their bodies
// fill the memory.
func (c *Client) Ready() error {
	if c.strays.Load() >= c.mostStrays {
		return errors.New("HTTP transport has not returned from attempts whose time was up")
	}
	return nil
}
