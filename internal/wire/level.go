package wire

import (
	"log/slog"
	"slices"
	"strconv"
)

// A Level is one of the server's five levels.
type Level int

// The server's levels.
const (
	Debug Level = iota
	Info
	Warning
	Error
	Critical

	// Levels is how many there are.
	Levels = int(iota)
)

var levels = [Levels]string{"debug", "info", "warning", "error", "critical"}

// CriticalFrom is the least of slog's levels that is critical.
const CriticalFrom = slog.Level(12)

// LevelOf maps slog's levels, between which programs may define their own.
func LevelOf(l slog.Level) Level {
	switch {
	case l < slog.LevelInfo:
		return Debug
	case l < slog.LevelWarn:
		return Info
	case l < slog.LevelError:
		return Warning
	case l < CriticalFrom:
		return Error
	}
	return Critical
}

// LevelNamed returns the level with that name.
func LevelNamed(name string) (l Level, ok bool) {
	i := slices.Index(levels[:], name)
	return Level(max(i, 0)), i >= 0
}

func (l Level) String() string { return levels[l] }

// SeverityOf maps slog's levels to OpenTelemetry's severities, 1 to 24. Both have
// four steps between neighbours; slog's Info is 0, OpenTelemetry's is 9.
func SeverityOf(l slog.Level) int { return int(min(max(l, -8), 15)) + 9 }

// LevelOfSeverity maps OpenTelemetry's severities to the server's levels.
func LevelOfSeverity(severity int) Level { return LevelOf(slog.Level(severity - 9)) }

// Severity is OpenTelemetry's severity of a level, and its text.
func (l Level) Severity() (severity int, text string) {
	at := slog.Level(4 * (int(l) - 1))
	return SeverityOf(at), SeverityText(at)
}

// SeverityText is slog's text for a level, with the name CRITICAL added.
func SeverityText(l slog.Level) string {
	if l < CriticalFrom {
		return l.String()
	}
	if l > CriticalFrom {
		return "CRITICAL+" + strconv.Itoa(int(l-CriticalFrom))
	}
	return "CRITICAL"
}
