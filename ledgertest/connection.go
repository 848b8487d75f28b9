package ledgertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/ledger-sdk/ledger-go/internal/ingest"
)

type answer = ingest.Answer

func detail(status int, text string) *answer { return ingest.Detail(status, text) }

func htmlAnswer(code int) *answer {
	title := fmt.Sprintf("%d %s", code, http.StatusText(code))
	return &answer{
		Status: code,
		Header: http.Header{"Content-Type": {"text/html"}},
		Body:   []byte("<html><head><title>" + title + "</title></head><body><h1>" + title + "</h1></body></html>\n"),
	}
}

// sleep returns false when ctx ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// hang keeps the connection open and silent until the client leaves or the server goes down.
func (x *exchange) hang() {
	<-x.ctx.Done()
	x.cut()
}

// cut resets the connection.
func (x *exchange) cut() {
	conn, _, err := http.NewResponseController(x.w.ResponseWriter).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(interface{ SetLinger(sec int) error }); ok {
		err = tcp.SetLinger(0) // a reset instead of an orderly end
	}
	_ = errors.Join(err, conn.Close()) // it is gone either way
}

// statusWriter notes the status in the request's record before the client can see it.
type statusWriter struct {
	http.ResponseWriter
	x     *exchange
	wrote bool
}

func (w *statusWriter) WriteHeader(status int) {
	if !w.wrote && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.wrote = true
		w.Header().Set("Date", w.x.s.clock().UTC().Format(http.TimeFormat))
		w.x.s.mu.Lock()
		w.x.request.Status = status
		w.x.s.mu.Unlock()
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	if !w.wrote {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(b)
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *statusWriter) flush() error { return http.NewResponseController(w.ResponseWriter).Flush() }

// withBody returns the request with its body to be read again, after gzip.
func (x *exchange) withBody() *http.Request {
	r := x.r.Clone(x.r.Context())
	r.Body = io.NopCloser(bytes.NewReader(x.body))
	r.ContentLength = int64(len(x.body))
	r.Header.Del("Content-Encoding")
	return r
}
