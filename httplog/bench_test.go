package httplog_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/ledger-sdk/ledger-go/httplog"
)

// A discardWriter is the cheapest response writer: what is measured with it is
// the middleware.
type discardWriter struct{ header http.Header }

func (w *discardWriter) Header() http.Header         { return w.header }
func (w *discardWriter) Write(p []byte) (int, error) { return len(p), nil }
func (w *discardWriter) WriteHeader(int)             {}

// A serverWriter has the optional interfaces that net/http's has for HTTP/1.1.
type serverWriter struct {
	discardWriter
	http.Flusher
	http.Hijacker
	io.ReaderFrom
}

func (serverWriter) CloseNotify() <-chan bool { return nil }

func newServerWriter() *serverWriter {
	return &serverWriter{discardWriter: discardWriter{http.Header{}}}
}

func benchmarkMux() http.Handler {
	mux := http.NewServeMux()
	body := []byte(`{"id":42}`)
	mux.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) })
	return mux
}

func jsonLogger(level slog.Leveler) *slog.Logger {
	return slog.New(slog.NewJSONHandler(io.Discard, &slog.HandlerOptions{Level: level}))
}

// A silentHandler takes every record and does nothing with it: what a request
// costs then is the middleware's own share.
type silentHandler struct{ slog.Handler }

func (silentHandler) Enabled(context.Context, slog.Level) bool  { return true }
func (silentHandler) Handle(context.Context, slog.Record) error { return nil }

// benchmarkRequests are those that speed and allocations are promised for.
func benchmarkRequests() []benchmarkRequest {
	const agent = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
	const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	without := &httplog.Options{Omit: accessLog}
	return []benchmarkRequest{
		{"matched", without, "/users/42", nil},
		{"unmatched", without, "/orders/1234/items", nil},
		{"query", without, "/users/42?page=2&token=s3cr3t", nil},
		{"unmatched-query", without, "/orders/1234/items?page=2&token=s3cr3t", nil},
		{"ids", without, "/users/42", http.Header{"X-Request-Id": {"b7a52"}, "Traceparent": {traceparent}}},
		{"all-fields", nil, "/users/42", http.Header{"User-Agent": {agent}}},
		{"all-fields-query-ids", nil, "/users/42?page=2&token=s3cr3t", http.Header{"User-Agent": {agent}, "Traceparent": {traceparent}}},
		{"all-fields-unmatched-query", nil, "/orders/1234/items?page=2&token=s3cr3t", http.Header{"User-Agent": {agent}}},
	}
}

type benchmarkRequest struct {
	name   string
	opts   *httplog.Options
	target string
	header http.Header
}

func (br benchmarkRequest) request() *http.Request {
	r := httptest.NewRequest(http.MethodGet, br.target, nil)
	for name, values := range br.header {
		r.Header[name] = values
	}
	return r
}

// serve returns a function that lets the handler serve r once.
func serve(handler http.Handler, r *http.Request) func() {
	w := newServerWriter()
	return func() {
		clear(w.header)
		handler.ServeHTTP(w, r)
	}
}

// A line of five attrs, one of each kind that there is, by the standard library:
// the yardstick.
func jsonLine() func() {
	logger, ctx, now := jsonLogger(nil), context.Background(), time.Now()
	return func() {
		logger.LogAttrs(ctx, slog.LevelInfo, "GET /users/{id} - 200 (45ms)",
			slog.String("method", "GET"),
			slog.Int("status_code", 200),
			slog.Duration("elapsed", 45*time.Millisecond),
			slog.Bool("cached", true),
			slog.Time("since", now))
	}
}

// BenchmarkMiddleware reports what logging a request costs beyond the bare
// handler: own/line with a slog handler that does nothing, and whole/line with a
// JSONHandler, both over the time of one line of five attrs. All take turns in
// short rounds, the processor time of the thread is measured, and the tenth
// percentile of the rounds counts, so that a busy machine spoils little.
func BenchmarkMiddleware(b *testing.B) {
	mux := benchmarkMux()
	for _, br := range benchmarkRequests() {
		b.Run("request="+br.name, func(b *testing.B) {
			own := httplog.Middleware(slog.New(silentHandler{slog.DiscardHandler}), br.opts)(mux)
			whole := httplog.Middleware(jsonLogger(nil), br.opts)(mux)
			calls := [4]func(){serve(mux, br.request()), jsonLine(), serve(own, br.request()), serve(whole, br.request())}
			var took [4][]float64 // nanoseconds a call, by round
			const round = 100
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			for b.Loop() {
				for i, call := range calls {
					began := threadTime()
					for range round {
						call()
					}
					took[i] = append(took[i], float64(threadTime()-began)/round)
				}
			}
			var quick [4]float64
			for i := range took {
				slices.Sort(took[i])
				quick[i] = took[i][len(took[i])/10]
			}
			bare, line := quick[0], quick[1]
			b.ReportMetric(quick[2]-bare, "own-ns")
			b.ReportMetric((quick[2]-bare)/line, "own/line")
			b.ReportMetric((quick[3]-bare)/line, "whole/line")
			b.ReportMetric(line, "line-ns")
			b.ReportMetric(0, "ns/op")
		})
	}
	// For profiles.
	for _, br := range benchmarkRequests() {
		b.Run("own="+br.name, func(b *testing.B) {
			call := serve(httplog.Middleware(slog.New(silentHandler{slog.DiscardHandler}), br.opts)(mux), br.request())
			b.ReportAllocs()
			for b.Loop() {
				call()
			}
		})
	}
	b.Run("request=below-level", func(b *testing.B) {
		call := serve(httplog.Middleware(jsonLogger(slog.LevelWarn), nil)(mux), httptest.NewRequest("GET", "/users/42", nil))
		b.ReportAllocs()
		for b.Loop() {
			call()
		}
	})
}
