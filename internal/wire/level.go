package wire

import (
	"log/slog"
)

// A Class is one of the server's five levels.
type Class int

const (
	classDebug Class = iota
	classInfo
	classWarning
	ClassError
	ClassCritical
)

var ClassNames = [...]string{"debug", "info", "warning", "error", "critical"}

// LevelCritical is the least level of critical entries.
const LevelCritical = slog.Level(12)

// ClassOf maps slog's scale, on which programs define levels of their own.
func ClassOf(l slog.Level) Class {
	switch {
	case l < slog.LevelInfo:
		return classDebug
	case l < slog.LevelWarn:
		return classInfo
	case l < slog.LevelError:
		return classWarning
	case l < LevelCritical:
		return ClassError
	}
	return ClassCritical
}

// Severities and texts of the server's five levels on OpenTelemetry's scale.
var (
	ClassSeverity = [len(ClassNames)]int{5, 9, 13, 17, 21}
	ClassText     = [len(ClassNames)]string{"DEBUG", "INFO", "WARN", "ERROR", CriticalText}
)

const CriticalText = "CRITICAL"

// SeverityOf maps slog's levels to OpenTelemetry's: both have four steps
// between neighbours, and slog's Info is 0 where OpenTelemetry's is 9.
func SeverityOf(l slog.Level) int { return int(min(max(l, -8), 15)) + 9 }

func SeverityClass(severity int) Class { return ClassOf(slog.Level(severity - 9)) }
