package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"

	"github.com/go-chi/chi/v5/middleware"
	chihttplog "github.com/go-chi/httplog/v3"
	sloghttp "github.com/samber/slog-http"

	"github.com/ledger-sdk/ledger-go/httplog"
)

// A discardWriter is the cheapest response writer.
type discardWriter struct{ header http.Header }

func (w *discardWriter) Header() http.Header         { return w.header }
func (w *discardWriter) Write(p []byte) (int, error) { return len(p), nil }
func (w *discardWriter) WriteHeader(int)             {}

// requests measures what logging a request costs beyond the bare handler, all
// logging to a JSONHandler that writes to io.Discard.
func requests(size size, t *table) {
	mux := http.NewServeMux()
	body := []byte(`{"id":42}`)
	mux.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) })
	logger := slog.New(slog.NewJSONHandler(io.Discard, nil))

	serve := func(h http.Handler) func() {
		w := &discardWriter{http.Header{}}
		r := httptest.NewRequest(http.MethodGet, "/users/42", nil)
		return func() {
			clear(w.header)
			h.ServeHTTP(w, r)
		}
	}
	ctx := context.Background()
	all := []struct {
		name string
		call func()
	}{
		{"one JSONHandler line of 5 attrs", func() {
			logger.LogAttrs(ctx, slog.LevelInfo, "GET /users/{id} - 200 (45ms)",
				slog.String("method", "GET"), slog.String("path", "/users/{id}"), slog.Int("status_code", 200),
				slog.Float64("duration_ms", 45.12), slog.String("request_id", "6fdd4e1bb72a1c0b0e4f3cf0a0bd7a52"))
		}},
		{"bare handler", serve(mux)},
		{"ledger/httplog", serve(httplog.Middleware(logger, nil)(mux))},
		{"samber/slog-http", serve(sloghttp.New(logger)(mux))},
		{"go-chi/httplog", serve(chihttplog.RequestLogger(logger, &chihttplog.Options{Level: slog.LevelInfo, Schema: chihttplog.SchemaOTEL})(mux))},
		{"chi middleware.Logger (no attrs)", serve(middleware.RequestLogger(&middleware.DefaultLogFormatter{Logger: log.New(io.Discard, "", log.LstdFlags), NoColor: true})(mux))},
	}
	times := make([]series, len(all))
	for range size.rounds {
		for i, m := range all {
			runtime.LockOSThread()
			began := threadCPU()
			for range size.burst {
				m.call()
			}
			times[i] = append(times[i], float64(threadCPU()-began)/float64(size.burst))
			runtime.UnlockOSThread()
		}
	}
	bareAllocs := testing.AllocsPerRun(1000, all[1].call)
	for i, m := range all {
		allocs := testing.AllocsPerRun(1000, m.call)
		r := row{figure: "BenchmarkMiddleware", who: m.name, value: fmt.Sprintf("%.0f ns, %.0f allocs", times[i].median(), allocs)}
		if i >= 2 {
			added := make(series, len(times[i]))
			for j := range added {
				added[j] = times[i][j] - times[1][j]
			}
			r.value += fmt.Sprintf("; beyond the bare handler %.0f ns, %.0f allocs", added.median(), allocs-bareAllocs)
			r.ratio = added.over(times[0])
		}
		if i == 2 {
			r.target = "≤ 2.4 lines, ≤ 9 allocs"
			r.judge(r.ratio <= 2.4 && allocs-bareAllocs <= 9)
		}
		t.add(r)
	}
}
