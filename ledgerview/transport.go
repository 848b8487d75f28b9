package ledgerview

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
)

// RoundTrip answers a request itself, whatever host it names, so that a program can log to its own viewer without a
// socket: give the viewer to [ledger.Options.HTTPTransport]. It behaves as a connection does: it ends with the
// request's context, closes the request's body, and the caller must close the response's.
//
// [ledger.Options.HTTPTransport]: https://pkg.go.dev/github.com/ledger-sdk/ledger-go#Options
func (v *Viewer) RoundTrip(r *http.Request) (*http.Response, error) {
	body := r.Body
	if body == nil {
		body = http.NoBody
	}
	ctx, cancel := context.WithCancel(context.Background()) // without the values of a server that r may come from
	stop := context.AfterFunc(r.Context(), cancel)
	inner := r.Clone(ctx)
	inner.Body = body
	if inner.Host == "" {
		inner.Host = r.URL.Host
	}
	if inner.URL.Path == "" {
		inner.URL.Path = "/"
	}
	inner.RequestURI, inner.RemoteAddr = inner.URL.RequestURI(), "in-process"
	reader, writer := io.Pipe()
	w := &pipeResponse{request: r, header: make(http.Header), writer: writer, ready: make(chan struct{})}
	w.body = &responseBody{reader, func() { stop(); cancel() }}
	go func() {
		defer cancel()
		defer stop()
		defer body.Close()
		defer func() {
			p := recover()
			if p == nil {
				w.finish(nil)
				return
			}
			w.finish(io.ErrUnexpectedEOF)
			if p != http.ErrAbortHandler {
				panic(p)
			}
		}()
		v.ServeHTTP(w, inner)
	}()
	select {
	case <-w.ready:
		return w.answer()
	case <-r.Context().Done():
		_ = w.body.Close()
		return nil, r.Context().Err()
	}
}

// A pipeResponse hands an answer from a handler to a client in the same process. What is written before the first
// flush waits in memory, so that a short answer needs nobody to read it.
type pipeResponse struct {
	request *http.Request
	header  http.Header
	writer  *io.PipeWriter
	body    *responseBody
	ready   chan struct{}

	once    sync.Once
	status  int
	head    http.Header // as it was when the status was written
	pending bytes.Buffer
	flushed bool
	err     error
}

func (w *pipeResponse) Header() http.Header { return w.header }

func (w *pipeResponse) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status, w.head = status, w.header.Clone()
	}
}

func (w *pipeResponse) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if !w.flushed {
		return w.pending.Write(b)
	}
	return w.writer.Write(b)
}

// FlushError lets the client see what was written.
func (w *pipeResponse) FlushError() error {
	w.WriteHeader(http.StatusOK)
	w.flushed = true
	w.once.Do(func() { close(w.ready) })
	if w.pending.Len() == 0 {
		return nil
	}
	_, err := w.pending.WriteTo(w.writer)
	return err
}

// Flush implements http.Flusher.
func (w *pipeResponse) Flush() { _ = w.FlushError() }

// finish is the handler's return.
func (w *pipeResponse) finish(err error) {
	if err == nil {
		w.WriteHeader(http.StatusOK)
	} else if !w.flushed {
		w.err = err
	}
	w.once.Do(func() { close(w.ready) })
	_ = w.writer.CloseWithError(err)
}

// answer is what RoundTrip returns once the writer is ready.
func (w *pipeResponse) answer() (*http.Response, error) {
	if w.err != nil {
		_ = w.body.Close()
		return nil, fmt.Errorf("ledgerview: the viewer gave no answer: %w", w.err)
	}
	resp := &http.Response{
		Status: fmt.Sprintf("%d %s", w.status, http.StatusText(w.status)), StatusCode: w.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.head, Body: w.body, ContentLength: -1, Request: w.request,
	}
	if !w.flushed {
		resp.ContentLength = int64(w.pending.Len())
		resp.Body = io.NopCloser(&w.pending)
	}
	return resp, nil
}

// responseBody ends the handler when the client closes it.
type responseBody struct {
	*io.PipeReader
	done func()
}

var errBodyClosed = errors.New("ledgerview: the client has closed the answer")

func (b *responseBody) Close() error {
	b.done()
	return b.CloseWithError(errBodyClosed)
}
