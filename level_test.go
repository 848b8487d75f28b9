package ledger_test

import (
	"errors"
	"log/slog"
	"slices"
	"testing"

	"github.com/ledger-sdk/ledger-go"
)

// Stacks are taken from StackLevel on, which may change while the program runs.
func TestStackLevel(t *testing.T) {
	level := new(slog.LevelVar)
	level.Set(slog.LevelWarn)
	inBubble(t, func(o *ledger.Options) { o.StackLevel = level }, func(r *rig) {
		log := func(message string, at slog.Level) bool {
			r.log.Log(r.Context(), at, message, "err", errors.New("refused"))
			return r.arrived(message).StackTrace != ""
		}
		level.Set(slog.LevelWarn)
		got := []bool{log("info", slog.LevelInfo), log("warn", slog.LevelWarn), log("error", slog.LevelError)}
		level.Set(slog.Level(100))
		got = append(got, log("error without", slog.LevelError), log("critical without", ledger.LevelCritical))
		// Under OTLP the server keeps the stack of exceptions only, which begin at Error.
		if want := []bool{false, r.protocol == ledger.ProtocolLedger, true, false, false}; !slices.Equal(got, want) {
			t.Errorf("stacks: %v, want %v", got, want)
		}
	})
}
