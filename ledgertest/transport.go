package ledgertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"sync"
	"syscall"
)

// Transport returns a RoundTripper that calls the server's handler directly, whatever host a request names. It opens
// no connection and starts nothing that outlives an exchange, so it works in a testing/synctest bubble when the server was made in that
// bubble. It behaves as a real connection does: it ends with the request's context, closes the request's body, and
// shows cut connections as *net.OpError or io.ErrUnexpectedEOF. A server that is down refuses.
func (s *Server) Transport() http.RoundTripper { return &transport{s} }

type transport struct{ s *Server }

func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	body := newOnceBody(req.Body)
	if err := req.Context().Err(); err != nil {
		body.Close()
		return nil, err
	}
	t.s.mu.Lock()
	up, gone := t.s.up, t.s.gone
	t.s.mu.Unlock()
	if !up {
		body.Close()
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	}

	ctx, cancel := context.WithCancel(req.Context())
	w := &memoryWriter{
		header: make(http.Header), client: req.Context(), gone: gone, cancel: cancel,
		ready: make(chan struct{}), changed: make(chan struct{}),
	}
	go w.run(t.s.Handler(), serverRequest(ctx, req, body))

	select {
	case <-w.ready:
		return w.response(req)
	case <-req.Context().Done():
		body.Close()
		return nil, req.Context().Err()
	case <-gone:
		body.Close() // the handler may be waiting for more of it
		select {
		case <-w.ready:
			return w.response(req)
		case <-req.Context().Done():
			return nil, req.Context().Err()
		}
	}
}

// serverRequest is req as a server would see it.
func serverRequest(ctx context.Context, req *http.Request, body io.ReadCloser) *http.Request {
	r := req.Clone(ctx)
	r.Body = body
	r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/1.1", 1, 1
	r.RequestURI = req.URL.RequestURI()
	r.RemoteAddr = "127.0.0.1:2"
	r.URL = &url.URL{Path: req.URL.Path, RawPath: req.URL.RawPath, RawQuery: req.URL.RawQuery}
	if r.Host == "" {
		r.Host = req.URL.Host
	}
	if r.URL.Path == "" {
		r.URL.Path = "/"
	}
	if r.Header == nil {
		r.Header = make(http.Header)
	}
	if _, ok := r.Header["User-Agent"]; !ok {
		r.Header.Set("User-Agent", "Go-http-client/1.1")
	}
	return r
}

// maxPending is how much of an answer may wait to be read, like a socket's buffer.
const maxPending = 64 << 10

// errReset is what a client sees of a connection that the server resets.
var errReset = &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}

// memoryWriter carries one answer from the handler to the client: ResponseWriter on one side, body on the other.
type memoryWriter struct {
	header http.Header // the handler's
	client context.Context
	gone   <-chan struct{}
	cancel context.CancelFunc // ends the server's side
	ready  chan struct{}      // closed when there is a head, or no answer will come

	mu      sync.Mutex
	isReady bool
	status  int         // 0 until the head is written
	head    http.Header // as it was then
	left    int64       // bytes still to come by Content-Length; -1 when it is open
	pending []byte
	end     error // what the reader gets after pending; nil while the handler runs
	closed  bool  // by the reader
	changed chan struct{}
}

// run calls the handler and ends the answer.
func (w *memoryWriter) run(h http.Handler, r *http.Request) {
	defer w.cancel()
	defer r.Body.Close()
	defer func() {
		switch p := recover(); p {
		case nil:
			w.finish()
		case http.ErrAbortHandler:
			w.fail(io.ErrUnexpectedEOF)
		default:
			w.fail(io.ErrUnexpectedEOF)
			panic(p)
		}
	}()
	h.ServeHTTP(w, r)
}

func (w *memoryWriter) Header() http.Header { return w.header }

func (w *memoryWriter) WriteHeader(status int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writeHead(status)
}

// writeHead runs with w.mu held. Informational heads are left out; 101 is none.
func (w *memoryWriter) writeHead(status int) {
	if w.status != 0 || status < 200 && status != http.StatusSwitchingProtocols {
		return
	}
	w.status, w.head, w.left = status, w.header.Clone(), -1
	if n, err := strconv.ParseInt(w.head.Get("Content-Length"), 10, 64); err == nil {
		w.left = n
	}
}

func (w *memoryWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.status == 0 {
		w.writeHead(http.StatusOK)
	}
	for len(w.pending) > maxPending {
		w.announce()
		if err := w.wait(w.gone); err != nil {
			return 0, err
		}
	}
	switch {
	case w.closed:
		return 0, errors.New("ledgertest: the client has closed the answer")
	case w.end != nil:
		return 0, net.ErrClosed
	case w.left >= 0 && int64(len(b)) > w.left:
		return 0, http.ErrContentLength
	case w.left >= 0:
		w.left -= int64(len(b))
	}
	w.pending = append(w.pending, b...)
	w.signal()
	return len(b), nil
}

// FlushError lets the client see what was written so far.
func (w *memoryWriter) FlushError() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writeHead(http.StatusOK)
	w.announce()
	if w.closed {
		return net.ErrClosed
	}
	return nil
}

// Flush implements http.Flusher.
func (w *memoryWriter) Flush() { _ = w.FlushError() }

func (w *memoryWriter) cut() { w.fail(errReset) }

// finish is the handler's return.
func (w *memoryWriter) finish() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.end != nil {
		return
	}
	w.writeHead(http.StatusOK)
	w.end = io.EOF
	if w.left > 0 {
		w.end = io.ErrUnexpectedEOF
	}
	if w.left < 0 && !w.isReady {
		w.left = 0
		w.head.Set("Content-Length", strconv.Itoa(len(w.pending)))
	}
	w.announce()
	w.signal()
}

// fail ends the connection. A head that nobody has seen yet goes with it.
func (w *memoryWriter) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.end == nil {
		w.end = err
	}
	w.announce()
	w.signal()
}

// announce lets RoundTrip return. w.mu is held.
func (w *memoryWriter) announce() {
	if !w.isReady {
		w.isReady = true
		close(w.ready)
	}
}

// signal wakes whoever waits on the other side. w.mu is held.
func (w *memoryWriter) signal() {
	close(w.changed)
	w.changed = make(chan struct{})
}

// wait waits for the other side, with w.mu released meanwhile.
func (w *memoryWriter) wait(gone <-chan struct{}) error {
	changed := w.changed
	w.mu.Unlock()
	defer w.mu.Lock()
	select {
	case <-changed:
		return nil
	case <-w.client.Done():
		return w.client.Err()
	case <-gone:
		return net.ErrClosed
	}
}

// response is what RoundTrip returns once the writer is ready.
func (w *memoryWriter) response(req *http.Request) (*http.Response, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.end != nil && w.end != io.EOF && len(w.pending) == 0 {
		if w.end == io.ErrUnexpectedEOF && w.status == 0 {
			return nil, io.EOF // as net/http says when a connection closes before the answer
		}
		return nil, w.end
	}
	resp := &http.Response{
		Status:     fmt.Sprintf("%d %s", w.status, http.StatusText(w.status)),
		StatusCode: w.status,
		Proto:      "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        w.head,
		Body:          (*memoryBody)(w),
		ContentLength: -1,
		Request:       req,
	}
	if n, err := strconv.ParseInt(w.head.Get("Content-Length"), 10, 64); err == nil {
		resp.ContentLength = n
	}
	return resp, nil
}

// memoryBody is the reading side of a memoryWriter.
type memoryBody memoryWriter

func (b *memoryBody) Read(p []byte) (int, error) {
	w := (*memoryWriter)(b)
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		switch err := w.client.Err(); {
		case w.closed:
			return 0, http.ErrBodyReadAfterClose
		case err != nil:
			return 0, err
		case len(w.pending) > 0:
			n := copy(p, w.pending)
			w.pending = w.pending[n:]
			w.signal()
			return n, nil
		case w.end != nil:
			return 0, w.end
		case len(p) == 0:
			return 0, nil
		}
		if err := w.wait(nil); err != nil {
			return 0, err
		}
	}
}

func (b *memoryBody) Close() error {
	w := (*memoryWriter)(b)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	w.pending = nil
	w.signal()
	w.cancel()
	return nil
}

// onceBody closes a request's body once, from whichever side is first.
type onceBody struct {
	io.Reader
	close func() error
}

func (b *onceBody) Close() error { return b.close() }

func newOnceBody(body io.ReadCloser) io.ReadCloser {
	if body == nil {
		return http.NoBody
	}
	return &onceBody{body, sync.OnceValue(body.Close)}
}
