package recipes

import (
	"context"
	"log/slog"
	"runtime"
	"strings"
)

// withLevels logs one package from Debug on, another one's warnings only, and all
// others from Info on.
func withLevels(handler slog.Handler) *slog.Logger {
	return slog.New(levelByPackage{
		Handler: handler,
		rest:    slog.LevelInfo,
		levels: map[string]slog.Level{
			"example.com/shop/payments": slog.LevelDebug,
			"github.com/jackc/pgx/v5":   slog.LevelWarn,
		},
	})
}

// A levelByPackage lets each package log from a level of its own. A record's
// package is the one whose code made the call.
type levelByPackage struct {
	slog.Handler
	rest   slog.Level            // of packages that levels does not have
	levels map[string]slog.Level // by import path; for packages below it, too
}

func (h levelByPackage) Enabled(_ context.Context, level slog.Level) bool {
	least := h.rest
	for _, l := range h.levels {
		least = min(least, l)
	}
	return level >= least
}

func (h levelByPackage) Handle(ctx context.Context, r slog.Record) error {
	frame, _ := runtime.CallersFrames([]uintptr{r.PC}).Next()
	least, longest := h.rest, 0
	for path, level := range h.levels {
		after, found := strings.CutPrefix(frame.Function, path)
		if found && after != "" && strings.ContainsRune("./", rune(after[0])) && len(path) > longest {
			least, longest = level, len(path)
		}
	}
	if r.Level < least {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

func (h levelByPackage) WithAttrs(attrs []slog.Attr) slog.Handler {
	h.Handler = h.Handler.WithAttrs(attrs)
	return h
}

func (h levelByPackage) WithGroup(name string) slog.Handler {
	h.Handler = h.Handler.WithGroup(name)
	return h
}
