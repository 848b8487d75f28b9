package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"github.com/ledger-sdk/ledger-go/httplog"
)

// A discardWriter is the cheapest response writer.
type discardWriter struct{ header http.Header }

func (w *discardWriter) Header() http.Header         { return w.header }
func (w *discardWriter) Write(p []byte) (int, error) { return len(p), nil }
func (w *discardWriter) WriteHeader(int)             {}

// A silentHandler takes every record and does nothing with it: what a request
// costs then is the middleware's own share.
type silentHandler struct{ slog.Handler }

func (silentHandler) Enabled(context.Context, slog.Level) bool  { return true }
func (silentHandler) Handle(context.Context, slog.Record) error { return nil }

// A middlewareCase is one way to serve a request, and the same without logging.
type middlewareCase struct {
	name           string
	call, bare     func()
	mostLines      float64 // promised; 0: no promise
	mostAllocs     float64 // promised together with mostLines
	times, without series
}

// httpCall returns a function that lets h serve one request.
func httpCall(h http.Handler, target string, header http.Header) func() {
	w := &discardWriter{http.Header{}}
	r := httptest.NewRequest(http.MethodGet, target, nil)
	for name, values := range header {
		r.Header[name] = values
	}
	return func() {
		clear(w.header)
		h.ServeHTTP(w, r)
	}
}

func benchmarkMux() http.Handler {
	mux := http.NewServeMux()
	body := []byte(`{"id":42}`)
	mux.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) })
	return mux
}

// ownCases are what httplog promises: its own share, with a slog handler that
// does nothing, and the whole with a JSONHandler.
func ownCases(logger *slog.Logger) []*middlewareCase {
	const accessLog = httplog.ClientIP | httplog.UserAgent | httplog.Host | httplog.HTTPVersion | httplog.RequestBytes
	without := &httplog.Options{Omit: accessLog}
	ids := http.Header{"X-Request-Id": {"b7a52"}, "Traceparent": {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}}
	agent := http.Header{"User-Agent": {"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"}}
	mux := benchmarkMux()
	silent := slog.New(silentHandler{slog.DiscardHandler})
	var cases []*middlewareCase
	for _, r := range []struct {
		name, target string
		opts         *httplog.Options
		header       http.Header
		mostWhole    float64
	}{
		{"matched", "/users/42", without, nil, 2.2},
		{"unmatched", "/orders/1234/items", without, nil, 2.2},
		{"with a query", "/users/42?page=2&token=s3cr3t", without, nil, 2.2},
		{"unmatched, with a query", "/orders/1234/items?page=2&token=s3cr3t", without, nil, 2.2},
		{"with ids", "/users/42", without, ids, 2.2},
		{"with all fields of an access log", "/users/42", nil, agent, 0},
	} {
		bare := httpCall(mux, r.target, r.header)
		cases = append(cases,
			&middlewareCase{
				name: "ledger/httplog, own share: " + r.name, bare: bare, mostLines: 0.7, mostAllocs: 4,
				call: httpCall(httplog.Middleware(silent, r.opts)(mux), r.target, r.header),
			},
			&middlewareCase{
				name: "ledger/httplog, whole: " + r.name, bare: bare, mostLines: r.mostWhole, mostAllocs: 4,
				call: httpCall(httplog.Middleware(logger, r.opts)(mux), r.target, r.header),
			})
	}
	return cases
}

// requests measures what logging a request costs beyond the same without it, all
// logging to a JSONHandler that writes to io.Discard. The heap holds as much as that of
// a small service: with an empty one the garbage collector would run every few thousand
// requests.
func requests(size size, t *table) {
	heap := make([]byte, 64<<20)
	defer runtime.KeepAlive(heap)
	logger := slog.New(slog.NewJSONHandler(io.Discard, nil))
	ctx, now := context.Background(), time.Now()
	line := &middlewareCase{name: "one JSONHandler line of 5 attrs", bare: func() {}, call: func() {
		logger.LogAttrs(ctx, slog.LevelInfo, "GET /users/{id} - 200 (45ms)",
			slog.String("method", "GET"), slog.Int("status_code", 200), slog.Duration("elapsed", 45*time.Millisecond),
			slog.Bool("cached", true), slog.Time("since", now))
	}}
	cases := append([]*middlewareCase{line}, ownCases(logger)...)
	cases = append(cases, peerCases(logger)...)
	for range size.rounds {
		for _, c := range cases {
			c.without = append(c.without, timed(c.bare, size.burst))
			c.times = append(c.times, timed(c.call, size.burst))
		}
	}
	for _, c := range cases {
		allocs := testing.AllocsPerRun(1000, c.call) - testing.AllocsPerRun(1000, c.bare)
		added := make(series, len(c.times))
		for i := range added {
			added[i] = c.times[i] - c.without[i]
		}
		r := row{Figure: "BenchmarkMiddleware", Who: c.name, Value: fmt.Sprintf("%.0f ns, %.0f allocs", added.median(), allocs)}
		if c != line {
			r.Value += fmt.Sprintf(" beyond %.0f ns without", c.without.median())
			r.Ratio = added.over(line.times)
		}
		if c.mostLines > 0 {
			r.Target = fmt.Sprintf("≤ %.1f lines, ≤ %.0f allocs", c.mostLines, c.mostAllocs)
			r.judge(r.Ratio <= c.mostLines && allocs <= c.mostAllocs)
		}
		t.add(r)
	}
}

// timed returns the nanoseconds of processor time that a call takes.
func timed(call func(), calls int) float64 {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	began := threadCPU()
	for range calls {
		call()
	}
	return float64(threadCPU()-began) / float64(calls)
}
