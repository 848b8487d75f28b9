package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/httplog"
)

// A path is something a program does often.
type path struct {
	call  func()
	turns int // that make a count
}

// paths are all that are guarded, by name; each is opened anew.
func paths() map[string]func() path {
	five := []slog.Attr{
		slog.String("method", "GET"), slog.Int("status", 200), slog.Bool("cached", true),
		slog.Duration("elapsed", 45*time.Millisecond), slog.Float64("ratio", 12.34),
	}
	ten := append(five[:5:5], slog.Group("user", slog.Int("id", 42), slog.String("plan", "pro")), slog.Time("at", time.Unix(1e9, 0)),
		slog.Any("err", errors.New("connection refused")), slog.String("region", "eu-west-1"), slog.Uint64("bytes", 1234))
	all := map[string]func() path{"request": func() path { return request(silent{slog.DiscardHandler}) }}
	for _, protocol := range []ledger.Protocol{ledger.ProtocolLedger, ledger.ProtocolOTLP} {
		for _, shape := range []struct {
			name         string
			bound, attrs []slog.Attr
		}{{"no attrs", nil, nil}, {"5 attrs", nil, five}, {"10 attrs", nil, ten}, {"5 bound + 5", five, five}} {
			all["Handle, "+string(protocol)+", "+shape.name] = func() path {
				return handle(protocol, shape.bound, shape.attrs)
			}
		}
		all["1000 entries delivered, "+string(protocol)] = func() path { return delivery(protocol, five) }
		all["request, "+string(protocol)] = func() path { return request(waiting(protocol)) }
	}
	return all
}

// open makes a handler that sends to transport, up to width requests at once.
func open(protocol ledger.Protocol, width int, transport http.RoundTripper) *ledger.Handler {
	h, err := ledger.NewHandler(&ledger.Options{
		APIKey: "ledger_guard", Protocol: protocol, HTTPTransport: transport, HTTPPoolSize: width, Diagnostics: slog.DiscardHandler,
		MaxBufferSize: 100_000, MaxBufferBytes: 100 << 20, FlushInterval: time.Hour,
		RequestsPerMinute: math.MaxInt32, RequestsPerHour: math.MaxInt32,
	})
	if err != nil {
		fatal(err)
	}
	return h
}

// handle logs into a buffer that holds it all.
func handle(protocol ledger.Protocol, bound, attrs []slog.Attr) path {
	log, ctx := slog.New(waiting(protocol).WithAttrs(bound)), context.Background()
	return path{turns: 4000, call: func() { log.LogAttrs(ctx, slog.LevelInfo, "request handled for customer", attrs...) }}
}

// waiting returns a handler that has a batch with a server which does not answer, so
// nothing happens beside the logging.
func waiting(protocol ledger.Protocol) *ledger.Handler {
	asked := make(chan struct{}, 1)
	h := open(protocol, 1, roundTripper(func(r *http.Request) (*http.Response, error) {
		asked <- struct{}{}
		<-r.Context().Done()
		return nil, r.Context().Err()
	}))
	log := slog.New(h)
	for range 1000 {
		log.Info("first")
	}
	<-asked
	return h
}

// delivery logs a batch, which a server takes at once.
func delivery(protocol ledger.Protocol, attrs []slog.Attr) path {
	h := open(protocol, 10, roundTripper(func(r *http.Request) (*http.Response, error) {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
		answer := &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/x-protobuf"}}, Body: http.NoBody, Request: r}
		if protocol == ledger.ProtocolLedger {
			answer.StatusCode, answer.Header = http.StatusAccepted, http.Header{}
			answer.Body = io.NopCloser(strings.NewReader(`{"accepted":1000,"rejected":0,"message":null,"errors":null}`))
		}
		return answer, nil
	}))
	log, ctx := slog.New(h), context.Background()
	return path{turns: 10, call: func() {
		for range 1000 {
			log.LogAttrs(ctx, slog.LevelInfo, "request handled for customer", attrs...)
		}
		if err := h.Flush(ctx); err != nil {
			fatal(err)
		}
	}}
}

// request serves a request that is logged to h.
func request(h slog.Handler) path {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"id":42}`) })
	logged := httplog.Middleware(slog.New(h), nil)(mux)
	w := &response{http.Header{}}
	r := httptest.NewRequest(http.MethodGet, "/users/42?page=2", nil)
	return path{turns: 4000, call: func() {
		clear(w.header)
		logged.ServeHTTP(w, r)
	}}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// silent takes every record.
type silent struct{ slog.Handler }

func (silent) Enabled(context.Context, slog.Level) bool  { return true }
func (silent) Handle(context.Context, slog.Record) error { return nil }

// response is the cheapest response writer.
type response struct{ header http.Header }

func (w *response) Header() http.Header         { return w.header }
func (w *response) Write(p []byte) (int, error) { return len(p), nil }
func (w *response) WriteHeader(int)             {}
