package recipes

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	slogmulti "github.com/samber/slog-multi"
	slogsampling "github.com/samber/slog-sampling"
	"github.com/samber/slog-sampling/buffer"
)

// sampled passes on each message 100 times in 5 seconds, and then one in 20.
// Warnings and errors always pass. left counts what was left out.
func sampled(handler slog.Handler, left *atomic.Int64) slog.Handler {
	sampling := slogsampling.ThresholdSamplingOption{
		Tick:      5 * time.Second,
		Threshold: 100,
		Rate:      0.05,
		Matcher:   slogsampling.MatchByLevelAndMessage(),
		Buffer:    buffer.NewLRUBuffer[string](10_000), // messages that are told apart
		OnDropped: func(context.Context, slog.Record) { left.Add(1) },
	}.NewMiddleware()
	return slogmulti.Router().
		Add(handler, important).
		Add(sampling(handler)).
		FirstMatch().
		Handler()
}

func important(_ context.Context, r slog.Record) bool { return r.Level >= slog.LevelWarn }

// deduplicated passes on the first of the same level and message in a minute, and
// leaves out the others.
func deduplicated(handler slog.Handler) slog.Handler {
	return slogsampling.ThresholdSamplingOption{
		Tick:      time.Minute,
		Threshold: 1,
		Rate:      0,
		Matcher:   slogsampling.MatchByLevelAndMessage(),
		Buffer:    buffer.NewLRUBuffer[string](10_000),
	}.NewMiddleware()(handler)
}
