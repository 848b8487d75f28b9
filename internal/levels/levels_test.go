package levels

import (
	"log/slog"
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]slog.Leveler{
		"debug": slog.LevelDebug, "Info": slog.LevelInfo, "WARN+2": slog.LevelWarn + 2, "error-1": slog.LevelError - 1,
		"warning": slog.LevelWarn, "Critical": slog.Level(12), "fatal": slog.Level(12), "off": Off{},
	} {
		if got, err := Parse(text); err != nil || got != want {
			t.Errorf("%s: %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "loud", "4", "OFF+1", "WARNING+1", " info"} {
		if got, err := Parse(text); err == nil || got != nil {
			t.Errorf("%q is a level: %v", text, got)
		}
	}
}
