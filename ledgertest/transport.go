package ledgertest

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
)

// Transport returns a RoundTripper for the server, whatever host a request names. It speaks HTTP with the server over
// a pipe of its own for each request, and starts nothing that outlives an exchange, so it works in a testing/synctest
// bubble when the server was made in that bubble. It shows cut connections as a socket does: as *net.OpError, io.EOF
// or io.ErrUnexpectedEOF. A server that is down refuses.
func (s *Server) Transport() http.RoundTripper { return &transport{s} }

type transport struct{ s *Server }

func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	sent := *req
	end := func() error { return nil }
	if req.Body != nil && req.Body != http.NoBody {
		end = sync.OnceValue(req.Body.Close)
		sent.Body = &body{req.Body, req.Context(), end}
	}
	dial := func(context.Context, string, string) (net.Conn, error) { return t.s.dial(req.Header, end) }
	client := http.Transport{DialContext: dial, DialTLSContext: dial, DisableCompression: true}
	resp, err := client.RoundTrip(&sent)
	if err == nil {
		resp.Request, resp.Body = req, &body{resp.Body, req.Context(), resp.Body.Close}
	}
	return resp, err
}

// A body ends with the request's context, whatever has been read ahead.
type body struct {
	io.Reader
	ctx   context.Context
	close func() error
}

func (b *body) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	return b.Reader.Read(p)
}

func (b *body) Close() error { return b.close() }

// dial connects to a server in memory. End closes the request's body when the connection ends, so that nobody waits
// for more of it.
func (s *Server) dial(header http.Header, end func() error) (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.up.Err() != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	}
	client, server := net.Pipe()
	reset := new(atomic.Bool)
	_ = s.http.Serve(&listener{conn: &serverEnd{server, header["X-Api-Key"], reset}}) // returns after the one connection
	return &clientEnd{client, end, reset}, nil
}

// A listener accepts one connection.
type listener struct{ conn net.Conn }

func (l *listener) Accept() (net.Conn, error) {
	conn := l.conn
	if l.conn = nil; conn == nil {
		return nil, io.EOF
	}
	return conn, nil
}

func (l *listener) Close() error   { return nil }
func (l *listener) Addr() net.Addr { return &net.TCPAddr{} }

// serverEnd can be reset, like a *net.TCPConn.
type serverEnd struct {
	net.Conn
	keys  []string // X-API-Key of the request, with the spaces that net/http takes off
	reset *atomic.Bool
}

func (c *serverEnd) SetLinger(int) error {
	c.reset.Store(true)
	return nil
}

type keysKey struct{}

// withKeys is for [http.Server.ConnContext].
func withKeys(ctx context.Context, c net.Conn) context.Context {
	if end, ok := c.(*serverEnd); ok {
		return context.WithValue(ctx, keysKey{}, end.keys)
	}
	return ctx
}

type clientEnd struct {
	net.Conn
	end   func() error
	reset *atomic.Bool // by the server
}

func (c *clientEnd) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	return n, c.seen("read", err)
}

func (c *clientEnd) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	return n, c.seen("write", err)
}

// seen returns the error as a socket shows it.
func (c *clientEnd) seen(op string, err error) error {
	if err != nil && c.reset.Load() {
		return &net.OpError{Op: op, Net: "tcp", Err: os.NewSyscallError(op, syscall.ECONNRESET)}
	}
	return err
}

func (c *clientEnd) Close() error { return errors.Join(c.Conn.Close(), c.end()) }
