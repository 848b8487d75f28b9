package encode

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"testing"
	"time"
)

func benchRecord(attrs ...slog.Attr) slog.Record {
	r := slog.NewRecord(time.Now(), slog.LevelInfo, "request handled for customer", 0)
	r.AddAttrs(attrs...)
	return r
}

// BenchmarkEntry compares the encoders with the standard JSONHandler on the
// same records in the same run.
func BenchmarkEntry(b *testing.B) {
	five := []slog.Attr{
		slog.String("method", "GET"), slog.Int("status", 200), slog.Bool("cached", true),
		slog.Duration("elapsed", 45*time.Millisecond), slog.Float64("ratio", 12.34),
	}
	bound := []slog.Attr{
		slog.String("service", "checkout"), slog.String("region", "eu-west-1"), slog.Int("shard", 7),
		slog.String("user_id", "u-123456"), slog.Bool("beta", false),
	}
	cases := []struct {
		name  string
		bound []slog.Attr
		r     slog.Record
	}{
		{"none", nil, benchRecord()},
		{"five", nil, benchRecord(five...)},
		{"ten", nil, benchRecord(append(append([]slog.Attr{}, five...),
			slog.Group("user", slog.Int("id", 42), slog.String("plan", "pro")),
			slog.Time("at", time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)),
			slog.Any("err", errors.New("connection refused")),
			slog.String("trace_id", "4bf92f3577b34da6a3ce929d0e0e4736"), slog.Uint64("bytes", 1234))...)},
		{"bound", bound, benchRecord(five...)},
		{"request", nil, benchRecord( // as httplog makes it
			slog.Group("endpoint", slog.String("method", "GET"), slog.String("path", "/users/{id}"), slog.Int("status_code", 200),
				slog.Float64("duration_ms", 0.04), slog.Group("path_params", slog.String("id", "42")), slog.Int64("bytes", 27)),
			slog.String("request_id", "4bf92f3577b34da6a3ce929d0e0e4736"), slog.String("client_ip", "192.0.2.1"),
			slog.String("host", "example.com"), slog.String("http_version", "1.1"), slog.Int64("request_bytes", 0))},
	}
	for _, c := range cases {
		b.Run(c.name+"/slog", func(b *testing.B) {
			h := slog.NewJSONHandler(io.Discard, nil).WithAttrs(c.bound)
			b.ReportAllocs()
			for b.Loop() {
				_ = h.Handle(context.Background(), c.r)
			}
		})
		rec := testRecorder(recordOptions{}, "0123456789abcdef", time.Now)
		for form, f := range rec.formats {
			rec.current.Store(int32(form))
			b.Run(c.name+"/"+f.Protocol(), func(b *testing.B) {
				s := rec.WithAttrs(rec.Root(), c.bound)
				buf := make([]byte, 0, 4096)
				seq := uint64(0)
				b.ReportAllocs()
				for b.Loop() {
					seq++
					buf, _ = rec.Append(buf[:0], f, s, context.Background(), &c.r, seq)
				}
			})
		}
	}
}
