package httpclient

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/ledger-sdk/ledger-go/internal/errstack"
)

const (
	// patience is how long a RoundTripper may take to return once its context has
	// ended.
	patience = 5 * time.Second
	// mostDrained is how much of an answer is read that nobody wants, so that the
	// connection can be used again. An endless body costs the connection.
	mostDrained = 64 << 10
)

// A Result is what came of a request.
type Result[T any] struct {
	Answer     T     // what was read of it
	Err        error // why there is none
	TimedOut   bool
	NotReached bool // no connection to the server, or to a proxy, was made
}

// Do makes a request, and reads the answer to it. It returns when the request's context
// ends, or, where the RoundTripper ignores it, after patience beyond that; read may go on
// then.
func Do[T any](c *Client, req *http.Request, read func(*http.Response) T) (r Result[T]) {
	if c.doubt.Swap(false) { // under HTTP/2 this one would go the same way
		c.Close()
	}
	done := make(chan Result[T], 1)
	go func() {
		// What stands when the RoundTripper ends the goroutine.
		r := Result[T]{Err: errors.New("HTTP transport ended its goroutine")}
		defer func() { done <- r }()
		r = exchange(c.Through, req, read)
	}()
	select {
	case r = <-done:
	case <-req.Context().Done():
		r = overdue(c, done)
	}
	if r.TimedOut {
		c.doubt.Store(true)
	}
	return r
}

// overdue returns the result of a request whose time is up, or gives it up as lost.
func overdue[T any](c *Client, done <-chan Result[T]) Result[T] {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case r := <-done:
		return r
	case <-timer.C:
	}
	c.strays.Add(1)
	go func() {
		<-done
		c.strays.Add(-1)
	}()
	return Result[T]{TimedOut: true, Err: errors.New("HTTP transport ignores its context")}
}

// exchange makes the request, and reads the answer to it.
func exchange[T any](through http.RoundTripper, req *http.Request, read func(*http.Response) T) (r Result[T]) {
	answered := false
	defer func() {
		if p := recover(); p != nil && !answered { // where there is an answer, it stands
			r.Err = errors.New("HTTP transport panicked: " + errstack.PanicValue(p))
		}
	}()
	ctx := req.Context()
	resp, err := through.RoundTrip(req)
	if err == nil && resp == nil {
		err = errors.New("HTTP transport returned no response")
	}
	if err != nil {
		return Result[T]{Err: err, TimedOut: errors.Is(ctx.Err(), context.DeadlineExceeded), NotReached: notReached(err)}
	}
	if resp.Body == nil { // http.Client takes that too
		resp.Body = http.NoBody
	}
	defer resp.Body.Close()
	if resp.StatusCode < http.StatusOK { // 101: what follows is no body, and may never end
		resp.Body = http.NoBody
	}
	resp.Body = untilDone{resp.Body, ctx}
	r.Answer = read(resp)
	answered = true
	_, _ = io.CopyN(io.Discard, resp.Body, mostDrained)
	return r
}

// notReached reports whether no connection to the server, or to a proxy, was made.
func notReached(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect")
}

// untilDone ends a body that ignores its context, such as one of which each read
// returns nothing.
type untilDone struct {
	io.ReadCloser
	ctx context.Context
}

func (b untilDone) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	return b.ReadCloser.Read(p)
}
