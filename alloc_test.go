package ledger

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"
)

// Logging allocates nothing beyond what slog itself does, which is one slice for
// the attrs above five.
func TestHandleAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	five := []slog.Attr{
		slog.String("method", "GET"), slog.Int("status", 200), slog.Bool("cached", true),
		slog.Duration("elapsed", 45*time.Millisecond), slog.Float64("ratio", 12.34),
	}
	ten := append(five[:5:5],
		slog.Group("user", slog.Int("id", 42), slog.String("plan", "pro")),
		slog.Time("at", time.Unix(1e9, 0)), slog.Any("err", errors.New("connection refused")),
		slog.String("region", "eu-west-1"), slog.Uint64("bytes", 1234))
	for _, protocol := range []Protocol{ProtocolLedger, ProtocolOTLP} {
		// Nothing is sent meanwhile: its cost is not a record's.
		h := newTestHandler(t, func(o *Options) {
			o.Protocol = protocol
			o.MaxBufferSize, o.FlushSize = 1000, 1000
			o.FlushInterval = time.Hour
		})
		ctx := context.Background()
		for _, test := range []struct {
			name         string
			bound, attrs []slog.Attr
			want         float64
		}{
			{"no attrs", nil, nil, 0},
			{"five", nil, five, 0},
			{"ten, a group and an error among them", nil, ten, 1},
			{"five bound and five", five, five, 0},
		} {
			log := slog.New(h.WithAttrs(test.bound))
			call := func() { log.LogAttrs(ctx, slog.LevelInfo, "request handled for customer", test.attrs...) }
			for range 400 {
				call() // fills the pools
			}
			if got := testing.AllocsPerRun(700, call); got > test.want {
				t.Errorf("%s, %s: %v allocations a record, at most %v", protocol, test.name, got, test.want)
			}
		}
		if got := testing.AllocsPerRun(100, func() { h.Enabled(ctx, slog.LevelDebug) }); got != 0 {
			t.Errorf("Enabled: %v allocations", got)
		}
	}
}
