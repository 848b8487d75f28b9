package httplog_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

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

func benchmarkMux() http.Handler {
	mux := http.NewServeMux()
	body := []byte(`{"id":42}`)
	mux.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) })
	return mux
}

func jsonLogger(level slog.Leveler) *slog.Logger {
	return slog.New(slog.NewJSONHandler(io.Discard, &slog.HandlerOptions{Level: level}))
}

func serve(b *testing.B, handler http.Handler, w http.ResponseWriter, target string, header ...string) {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.Header())
		handler.ServeHTTP(w, r)
	}
}

// BenchmarkMiddleware compares a request with the two yardsticks: the handler
// alone, and one line of the standard handler with the five attrs that say the
// same. What logging costs is the difference to the bare handler.
func BenchmarkMiddleware(b *testing.B) {
	mux := benchmarkMux()
	discard := func() http.ResponseWriter { return &discardWriter{http.Header{}} }
	server := func() http.ResponseWriter { return &serverWriter{discardWriter: discardWriter{http.Header{}}} }

	b.Run("yardstick=bare", func(b *testing.B) { serve(b, mux, discard(), "/users/42") })
	b.Run("yardstick=json-line", func(b *testing.B) {
		logger := jsonLogger(nil)
		ctx := context.Background()
		b.ReportAllocs()
		for b.Loop() {
			logger.LogAttrs(ctx, slog.LevelInfo, "GET /users/{id} - 200 (45ms)",
				slog.String("method", "GET"),
				slog.String("path", "/users/{id}"),
				slog.Int("status_code", 200),
				slog.Float64("duration_ms", 45.12),
				slog.String("request_id", "6fdd4e1bb72a1c0b0e4f3cf0a0bd7a52"))
		}
	})

	logged := httplog.Middleware(jsonLogger(nil), nil)(mux)
	b.Run("request=plain", func(b *testing.B) { serve(b, logged, discard(), "/users/42") })
	b.Run("request=server-writer", func(b *testing.B) { serve(b, logged, server(), "/users/42") })
	b.Run("request=query", func(b *testing.B) { serve(b, logged, discard(), "/users/42?page=2&token=s3cr3t") })
	b.Run("request=ids", func(b *testing.B) {
		serve(b, logged, discard(), "/users/42", "X-Request-Id", "b7a52", "Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	})
	b.Run("request=unmatched", func(b *testing.B) { serve(b, logged, discard(), "/orders/1234/items") })
	b.Run("request=below-level", func(b *testing.B) {
		serve(b, httplog.Middleware(jsonLogger(slog.LevelWarn), nil)(mux), discard(), "/users/42")
	})
	b.Run("request=disabled", func(b *testing.B) {
		serve(b, httplog.Middleware(slog.New(slog.DiscardHandler), nil)(mux), discard(), "/users/42")
	})
}
