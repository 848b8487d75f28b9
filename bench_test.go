package ledger_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/ledgertest"
)

// taker answers every request at once that all is taken.
var taker = roundTripper(func(r *http.Request) (*http.Response, error) {
	_, _ = io.Copy(io.Discard, r.Body)
	_ = r.Body.Close()
	return &http.Response{StatusCode: 202, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`{"accepted":1,"rejected":0,"message":null,"errors":null}`)), Request: r}, nil
})

// BenchmarkHandle is the cost of logging a record, queueing included, beside
// that of slog.JSONHandler writing it to io.Discard. What is queued is sent in
// the background meanwhile.
func BenchmarkHandle(b *testing.B) {
	five := []slog.Attr{
		slog.String("method", "GET"), slog.Int("status", 200), slog.Bool("cached", true),
		slog.Duration("elapsed", 45*time.Millisecond), slog.Float64("ratio", 12.34),
	}
	ten := append(five[:5:5], slog.Group("user", slog.Int("id", 42), slog.String("plan", "pro")), slog.Time("at", time.Unix(1e9, 0)),
		slog.Any("err", errors.New("connection refused")), slog.String("region", "eu-west-1"), slog.Uint64("bytes", 1234))
	for _, shape := range []struct {
		name         string
		bound, attrs []slog.Attr
	}{{"none", nil, nil}, {"five", nil, five}, {"ten", nil, ten}, {"bound", five, five}} {
		b.Run(shape.name+"/json", func(b *testing.B) {
			benchmarkLogger(b, slog.NewJSONHandler(io.Discard, nil).WithAttrs(shape.bound), shape.attrs)
		})
		b.Run(shape.name+"/ledger", func(b *testing.B) {
			h, err := ledger.NewHandler(&ledger.Options{
				APIKey: ledgertest.APIKey, HTTPTransport: taker, Diagnostics: slog.DiscardHandler,
				RequestsPerMinute: 1e9, RequestsPerHour: 1e9,
			})
			if err != nil {
				b.Fatal(err)
			}
			benchmarkLogger(b, h.WithAttrs(shape.bound), shape.attrs)
			b.StopTimer()
			if err := h.Shutdown(context.Background()); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(h.Metrics().Buffer.TotalDropped)/float64(b.N), "dropped/op")
		})
	}
}

func benchmarkLogger(b *testing.B, h slog.Handler, attrs []slog.Attr) {
	log := slog.New(h)
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		log.LogAttrs(ctx, slog.LevelInfo, "request handled for customer", attrs...)
	}
}

func BenchmarkStatus(b *testing.B) {
	h, err := ledger.NewHandler(&ledger.Options{APIKey: ledgertest.APIKey, HTTPTransport: taker})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		_ = h.Status()
	}
	_ = h.Shutdown(context.Background())
}
